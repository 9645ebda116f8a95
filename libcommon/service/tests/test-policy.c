/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A test per verdict of the policy, and per complaint about a table. */
#include <string.h>

#include "service/service-private.h"
#include "vb-test-info.h"

static const VbPolicy with_polkit = {.own_uid = 64000,
                                     .proxy_uid = 64001,
                                     .has_polkit = TRUE,
                                     .is_stated = TRUE};
static const VbPolicy without = {.own_uid = 64000,
                                 .proxy_uid = 64001,
                                 .has_polkit = FALSE,
                                 .is_stated = TRUE};
static const VbPolicy unstated = {.own_uid = 64000,
                                  .proxy_uid = 64001,
                                  .has_polkit = TRUE,
                                  .is_stated = FALSE};

static const VbCaller root = {.uid = 0};
static const VbCaller readonly_root = {.uid = 0, .is_readonly = TRUE};
static const VbCaller self = {.uid = 64000};
static const VbCaller proxy = {.uid = 64001};
static const VbCaller user = {.uid = 1000};
static const VbCaller readonly_user = {.uid = 1000, .is_readonly = TRUE};
static const VbCaller nobody_known = {.uid = (uid_t)-1};

static const struct {
    const VbPolicy *policy;
    const VbCaller *caller;
    const char *action;
    VbVerdict expected;
} verdicts[] = {
    {&with_polkit, &root, NULL, VB_VERDICT_DENY},
    {&with_polkit, &user, VB_ACTION_NONE, VB_VERDICT_ALLOW},
    {&unstated, &user, VB_ACTION_NONE, VB_VERDICT_ALLOW},
    {&unstated, &user, VB_ACTION_READ, VB_VERDICT_DENY},
    {&unstated, &root, VB_ACTION_READ, VB_VERDICT_DENY},
    {&with_polkit, &root, VB_ACTION_MANAGE, VB_VERDICT_ALLOW},
    {&with_polkit, &readonly_root, VB_ACTION_MANAGE, VB_VERDICT_READONLY},
    {&with_polkit, &readonly_root, "org.libvirt.api.domain.write", VB_VERDICT_READONLY},
    {&with_polkit, &readonly_root, VB_ACTION_READ, VB_VERDICT_ALLOW},
    {&with_polkit, &readonly_user, VB_ACTION_MANAGE, VB_VERDICT_READONLY},
    {&with_polkit, &readonly_user, VB_ACTION_READ, VB_VERDICT_ASK},
    {&with_polkit, &self, VB_ACTION_MANAGE, VB_VERDICT_ALLOW},
    {&with_polkit, &user, VB_ACTION_MANAGE, VB_VERDICT_ASK},
    {&with_polkit, &proxy, VB_ACTION_READ, VB_VERDICT_ALLOW},
    {&without, &proxy, VB_ACTION_READ, VB_VERDICT_ALLOW},
    {&with_polkit, &proxy, VB_ACTION_MANAGE, VB_VERDICT_ASK},
    {&without, &proxy, VB_ACTION_MANAGE, VB_VERDICT_DENY},
    {&unstated, &proxy, VB_ACTION_READ, VB_VERDICT_DENY},
    {&without, &user, VB_ACTION_READ, VB_VERDICT_DENY},
    {&without, &self, VB_ACTION_MANAGE, VB_VERDICT_ALLOW},
    {&with_polkit, &nobody_known, VB_ACTION_READ, VB_VERDICT_DENY},
};

static void
test_verdicts(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(verdicts); i++) {
        g_test_message("row %zu", i);
        g_assert_cmpint(vb_policy_decide(verdicts[i].policy, verdicts[i].caller,
                                         verdicts[i].action),
                        ==, verdicts[i].expected);
    }
}

static GVariant *
method_any(gpointer data, VbCall *call, GVariant *args, GError **error)
{
    return NULL;
}

static GVariant *
get_any(gpointer data)
{
    return NULL;
}

static gboolean
set_any(gpointer data, VbCall *call, GVariant *value, GError **error)
{
    return TRUE;
}

#define N_METHODS 11
#define N_PROPERTIES 3

typedef struct {
    VbMethod methods[N_METHODS + 1];
    VbProperty properties[N_PROPERTIES + 1];
    VbInterface interface;
} Table;

static void
fill(Table *table)
{
    static const char *const names[] = {"WhoAmI",    "Bump",        "Later",       "Fail",
                                        "LastError", "AddChild",    "RemoveChild", "BumpAtEnd",
                                        "StartJob",  "CompleteJob", "WrongReply"};
    for (guint i = 0; i < N_METHODS; i++)
        table->methods[i] = (VbMethod){names[i], method_any, VB_ACTION_READ};
    table->properties[0] = (VbProperty){"Count", get_any, set_any, VB_ACTION_MANAGE};
    table->properties[1] = (VbProperty){"Name", get_any, NULL, NULL};
    table->properties[2] = (VbProperty){"Fixed", get_any, NULL, NULL};
    table->interface = (VbInterface){&org_virtbus_test1_interface, table->methods, N_METHODS,
                                     table->properties, N_PROPERTIES};
}

static void
assert_complaint(Table *table, const char *expected)
{
    g_autofree char *complaint = vb_interface_check(&table->interface);
    g_assert_cmpstr(complaint, ==, expected);
    fill(table);
}

static void
test_tables(void)
{
    Table table;
    fill(&table);
    assert_complaint(&table, NULL);
    table.interface.n_methods--;
    assert_complaint(&table, "org.virtbus.Test1.WrongReply: missing handler");
    table.methods[N_METHODS] = (VbMethod){"Nonsense", method_any, VB_ACTION_READ};
    table.interface.n_methods++;
    assert_complaint(&table, "org.virtbus.Test1.Nonsense: surplus handler");
    table.methods[1].action = NULL;
    assert_complaint(&table, "org.virtbus.Test1.Bump: no action");
    table.methods[1].func = NULL;
    assert_complaint(&table, "org.virtbus.Test1.Bump: no function");
    table.methods[1].name = "WhoAmI";
    assert_complaint(&table, "org.virtbus.Test1.WhoAmI: second handler");
    table.interface.n_properties--;
    assert_complaint(&table, "org.virtbus.Test1.Fixed: missing property");
    table.properties[2].name = "Other";
    assert_complaint(&table, "org.virtbus.Test1.Other: surplus property");
    table.properties[0].set = NULL;
    assert_complaint(&table, "org.virtbus.Test1.Count: property is writable on one side only");
    table.properties[0].set_action = NULL;
    assert_complaint(&table, "org.virtbus.Test1.Count: no action");
    table.properties[1].set = set_any;
    assert_complaint(&table, "org.virtbus.Test1.Name: property is writable on one side only");
}

static void
test_standard_tables(void)
{
    const VbInterface *const standard[] = {&vb_properties_interface, &vb_introspectable_interface,
                                           &vb_object_manager_interface, &vb_peer_interface,
                                           &vb_job_interface};
    for (gsize i = 0; i < G_N_ELEMENTS(standard); i++) {
        g_autofree char *complaint = vb_interface_check(standard[i]);
        g_assert_cmpstr(complaint, ==, NULL);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/policy/verdicts", test_verdicts);
    g_test_add_func("/interface/tables", test_tables);
    g_test_add_func("/interface/standard", test_standard_tables);
    return g_test_run();
}
