/* No licence. */
/* A bad sample. */
int counter;
