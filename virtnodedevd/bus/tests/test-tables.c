/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Every member of the interface XML has a row in its table, with an action, and the other way round. */
#include "bus/bus-private.h"

static void
test_table(gconstpointer data)
{
    g_autofree char *complaint = vb_interface_check(data);
    g_assert_cmpstr(complaint, ==, NULL);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/tables/devices", &nodedev_bus_devices_interface, test_table);
    g_test_add_data_func("/tables/device", &nodedev_bus_device_interface, test_table);
    return g_test_run();
}
