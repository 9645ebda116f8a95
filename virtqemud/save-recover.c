/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Saves and restores that were cut short: by the daemon's end, or by a monitor that was lost. A save is taken back unless its
 * image was whole; a restore goes on. */
#include "base/error.h"
#include "base/log.h"
#include "define.h"
#include "domain-private.h"
#include "save.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_AGAIN_MS 50

QemuUnfinished *
qemu_unfinished_new(const char *path, const char *temporary, gboolean was_running)
{
    QemuUnfinished *unfinished = g_new(QemuUnfinished, 1);
    *unfinished = (QemuUnfinished){g_strdup(path), g_strdup(temporary), was_running};
    return unfinished;
}

void
qemu_unfinished_free(QemuUnfinished *unfinished)
{
    if (!unfinished)
        return;
    g_free(unfinished->path);
    g_free(unfinished->temporary);
    g_free(unfinished);
}

/* The guest of a restore has left the state in its managed image behind: it must never see it again. */
void
qemu_unfinished_use_up(QemuDomain *domain)
{
    QemuUnfinished *unfinished = g_steal_pointer(&domain->unfinished);
    if (unfinished && unfinished->path && !unfinished->temporary) {
        if (g_unlink(unfinished->path) < 0 && errno != ENOENT)
            g_warning("Failed to remove the managed state %s: %s", unfinished->path,
                      g_strerror(errno));
        qemu_domain_changed(domain, QEMU_DOMAIN_CHANGED_CONFIG);
    }
    qemu_unfinished_free(unfinished);
}

/* The file got its name after the emulator was done with it. */
static gboolean
has_whole_image(const QemuUnfinished *unfinished)
{
    gboolean is_incomplete;
    if (!unfinished->path || !unfinished->temporary || access(unfinished->temporary, F_OK) == 0)
        return FALSE;
    g_autoptr(QemuSaveImage) image = qemu_save_image_open(unfinished->path, &is_incomplete, NULL);
    return image != NULL;
}

gboolean
qemu_save_was_finished(QemuDomain *domain)
{
    return domain->unfinished && has_whole_image(domain->unfinished);
}

static void
on_running(QemuDomain *domain, GError *error, gpointer data)
{
    if (error) {
        vb_log_warning(domain->name, "cannot run on: %s", error->message);
        return;
    }
    qemu_unfinished_use_up(domain);
    qemu_domain_save(domain);
}

static void
run_on(QemuDomain *domain)
{
    const QemuUnfinished *unfinished = domain->unfinished;
    if (unfinished->temporary && g_unlink(unfinished->temporary) < 0 && errno != ENOENT)
        g_warning("cannot remove '%s': %s", unfinished->temporary, g_strerror(errno));
    if (!unfinished->was_running || domain->state == VIR_DOMAIN_RUNNING) {
        on_running(domain, NULL, NULL);
        return;
    }
    qemu_monitor_set_run_reason(domain, unfinished->temporary ? VIR_DOMAIN_RUNNING_SAVE_CANCELED
                                                              : VIR_DOMAIN_RUNNING_RESTORED);
    qemu_domain_execute(domain, "cont", NULL, on_running, NULL);
}

static void ask(QemuDomain *domain);

static gboolean
look_again(gpointer data)
{
    g_autoptr(QemuDomain) domain = data;
    if (domain->unfinished && domain->qmp)
        ask(domain);
    return G_SOURCE_REMOVE;
}

static void
on_migration(const VbJson *result, const GError *error, gpointer data)
{
    static const char *const ends[] = {"completed", "failed", "cancelled", "none", NULL};
    g_autoptr(QemuDomain) domain = data;
    const char *status = vb_json_get_string(result, "status");
    if (error || !domain->live || !domain->unfinished || domain->saving)
        return; /* when the monitor comes back, this starts anew */
    if (!status || g_strv_contains(ends, status)) {
        if (g_strcmp0(status, "completed") == 0 && has_whole_image(domain->unfinished))
            qemu_domain_end(domain, VIR_DOMAIN_EVENT_STOPPED_SAVED, VIR_DOMAIN_SHUTOFF_SAVED,
                            qemu_domain_log_failure, (gpointer) "save");
        else
            run_on(domain);
        return;
    }
    qemu_qmp_execute(domain->qmp, "migrate_cancel", NULL, QEMU_QMP_TIMEOUT_MS, NULL, NULL);
    g_timeout_add(LOOK_AGAIN_MS, look_again, qemu_domain_ref(domain));
}

static void
ask(QemuDomain *domain)
{
    qemu_qmp_execute(domain->qmp, "query-migrate", NULL, QEMU_QMP_TIMEOUT_MS, on_migration,
                     qemu_domain_ref(domain));
}

/**
 * qemu_save_recover:
 *
 * The emulator knows whether it was written out, the folder whether the file was made whole. Both: the guest is saved, and
 * ends. Else it runs on as before, and no image is left.
 */
void
qemu_save_recover(QemuDomain *domain)
{
    if (!domain->unfinished || domain->saving)
        return;
    if (domain->unfinished->temporary)
        ask(domain);
    else
        run_on(domain);
}
