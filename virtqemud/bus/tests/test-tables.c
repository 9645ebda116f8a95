/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The tables of the D-Bus objects and the interface XML agree, both ways. */
#include "bus/bus-host.h"
#include "bus/bus-private.h"

static void
test_table(gconstpointer interface)
{
    g_autofree char *complaint = vb_interface_check(interface);
    g_assert_cmpstr(complaint, ==, NULL);
}

static void
test_paths(void)
{
    g_autofree char *path = qemu_bus_domain_path("33a1c117-8288-4d72-8d10-016b7873344c");
    g_autoptr(GError) error = NULL;
    g_assert_cmpstr(path, ==, "/org/virtbus/qemu/domain/33a1c117_8288_4d72_8d10_016b7873344c");
    qemu_bus_explain_missing(path, &error);
    g_assert_cmpstr(error->message, ==,
                    "Domain not found: no domain with matching uuid "
                    "'33a1c117-8288-4d72-8d10-016b7873344c'");
    g_clear_error(&error);
    qemu_bus_explain_missing("/org/virtbus/qemu/job/1", &error);
    g_assert_no_error(error);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_data_func("/bus/hypervisor", &qemu_bus_hypervisor_interface, test_table);
    g_test_add_data_func("/bus/host", &qemu_bus_host_interface, test_table);
    g_test_add_data_func("/bus/domain", &qemu_bus_domain_interface, test_table);
    g_test_add_data_func("/bus/snapshot", &qemu_bus_snapshot_interface, test_table);
    g_test_add_func("/bus/paths", test_paths);
    return g_test_run();
}
