/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tries KVM by running a guest: there are hosts where /dev/kvm opens, a virtual machine can be made, and guests hang or
 * the emulator aborts on its first MSR. The guest is the boot sector of kvm-probe-guest.S; it ends the emulator with a
 * status that nothing else produces. Owns one process and one file; runs on the main loop. */
#include "caps/caps-private.h"
#include "caps/kvm-probe-guest.h"
#include "store/store.h"
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* A working host needs 0.2 s; a loaded one gets time. Where ring 0 is emulated the count alone takes minutes. */
#define GUEST_TIMEOUT_S 5
#define GUEST_EXIT_STATUS 85
#define SECTOR_SIZE 512

struct _QemuKvmProbe {
    char *image;
    GPid pid;
    guint child_source, timeout_source;
    QemuKvmProbeDone done;
    gpointer data;
    gboolean is_finished;
};

static void
finish(QemuKvmProbe *probe, gboolean is_working)
{
    if (probe->is_finished)
        return;
    probe->is_finished = TRUE;
    probe->done(is_working, probe->data);
}

static void
on_child_exit(GPid pid, int wait_status, gpointer data)
{
    QemuKvmProbe *probe = data;

    probe->child_source = 0;
    probe->pid = 0;
    g_spawn_close_pid(pid);
    finish(probe, WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == GUEST_EXIT_STATUS);
}

static gboolean
on_timeout(gpointer data)
{
    QemuKvmProbe *probe = data;

    probe->timeout_source = 0;
    finish(probe, FALSE);
    return G_SOURCE_REMOVE;
}

static gboolean
write_image(const char *path)
{
    char sector[SECTOR_SIZE] = {0};

    memcpy(sector, kvm_probe_guest, sizeof kvm_probe_guest);
    sector[510] = 0x55;
    sector[511] = (char)0xaa;
    return vb_store_write_volatile(path, sector, sizeof sector, 0600, NULL);
}

static gboolean
start_guest(QemuKvmProbe *probe, const char *emulator)
{
    g_autoptr(GString) drive = g_string_new("if=ide,format=raw,snapshot=on,file=");
    const char *argv[] = {
        emulator,      "-machine", "pc,accel=kvm", "-cpu",
        "max",         "-m",       "32",           "-no-user-config",
        "-nodefaults", "-display", "none",         "-no-reboot",
        "-drive",      NULL,       "-device",      "isa-debug-exit,iobase=0xf4,iosize=0x4",
        NULL,
    };
    const QemuProbeSpawn spawn = {.argv = argv, .fd = -1};

    for (const char *at = probe->image; *at; at++)
        g_string_append(drive, *at == ',' ? ",," : (char[]){*at, '\0'});
    argv[13] = drive->str;
    return write_image(probe->image) && qemu_probe_spawn(&spawn, &probe->pid, NULL);
}

/* Starts the guest; @done comes from the loop, never from here. */
QemuKvmProbe *
qemu_kvm_probe_start(const char *emulator, const char *run_dir, QemuKvmProbeDone done,
                     gpointer data)
{
    QemuKvmProbe *probe = g_new0(QemuKvmProbe, 1);
    g_autofree char *name = g_strdup_printf("kvm-probe-%d.img", (int)getpid());

    probe->done = done;
    probe->data = data;
    probe->image = g_build_filename(run_dir, name, NULL);
    (void)vb_store_mkdir(run_dir, 0755, NULL);
    if (start_guest(probe, emulator)) {
        probe->child_source = g_child_watch_add(probe->pid, on_child_exit, probe);
        probe->timeout_source = g_timeout_add_seconds(GUEST_TIMEOUT_S, on_timeout, probe);
    } else {
        probe->timeout_source = g_idle_add(on_timeout, probe);
    }
    return probe;
}

static void
reap(GPid pid, int wait_status, gpointer data)
{
    g_spawn_close_pid(pid);
}

void
qemu_kvm_probe_free(QemuKvmProbe *probe)
{
    if (!probe)
        return;
    g_clear_handle_id(&probe->timeout_source, g_source_remove);
    g_clear_handle_id(&probe->child_source, g_source_remove);
    if (probe->pid > 0) {
        kill(probe->pid, SIGKILL);
        g_child_watch_add(probe->pid, reap, NULL);
    }
    (void)unlink(probe->image);
    g_free(probe->image);
    g_free(probe);
}
