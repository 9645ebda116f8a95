/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Smartcards, trusted platform modules, memory shared between guests. */
#include <string.h>

#include "command/build.h"

static gboolean
finish(QemuBuild *build, VbJsonWriter *json, const VbDomainDeviceInfo *info, GError **error)
{
    if (!qemu_build_add_address(build, json, info, error)) {
        vb_json_writer_free(json);
        return FALSE;
    }
    qemu_build_take_json(build, "-device", json);
    return TRUE;
}

static gboolean
take_chardev(QemuBuild *build, const VbDomainChrSource *source, const QemuChardevInfo *info,
             GError **error)
{
    char *text = qemu_build_chardev(build, source, info, error);

    if (!text)
        return FALSE;
    qemu_build_take_option(build, "-chardev", text);
    return TRUE;
}

/* ---- smartcards ---- */

static gboolean
take_passthrough_card(QemuBuild *build, const VbDomainSmartcard *card, GError **error)
{
    g_autofree char *chardev = g_strdup_printf("char%s", card->info.alias);
    QemuChardevInfo info = {.id = chardev, .alias = card->info.alias, .spice_name = "smartcard"};
    VbJsonWriter *json;

    if (!qemu_build_need_device(build, "ccid-card-passthru", error) ||
        !take_chardev(build, &card->source, &info, error))
        return FALSE;
    json = qemu_build_device_new("ccid-card-passthru");
    vb_json_add_string(json, "chardev", chardev);
    vb_json_add_string(json, "id", card->info.alias);
    return finish(build, json, &card->info, error);
}

static gboolean
take_emulated_card(QemuBuild *build, const VbDomainSmartcard *card, GError **error)
{
    gboolean has_certificates = g_strcmp0(card->mode, "host-certificates") == 0;
    VbJsonWriter *json;
    guint n = 0;

    if (!qemu_build_need_device(build, "ccid-card-emulated", error))
        return FALSE;
    json = qemu_build_device_new("ccid-card-emulated");
    vb_json_add_string(json, "backend", has_certificates ? "certificates" : "nss-emulated");
    VB_DOMAIN_EACH(VbDomainText, certificate, has_certificates ? card->certificates : NULL)
    {
        g_autofree char *key = g_strdup_printf("cert%u", ++n);

        vb_json_add_string(json, key, certificate->text);
    }
    if (has_certificates) /* Source: libvirt's default */
        vb_json_add_string(json, "db", card->database ? card->database : "/etc/pki/nssdb");
    vb_json_add_string(json, "id", card->info.alias);
    return finish(build, json, &card->info, error);
}

gboolean
qemu_build_smartcards(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainSmartcard, card, build->def->smartcards)
    {
        gboolean is_passthrough = g_strcmp0(card->mode, "passthrough") == 0;

        if (!(is_passthrough ? take_passthrough_card(build, card, error)
                             : take_emulated_card(build, card, error)))
            return FALSE;
    }
    return TRUE;
}

/* ---- TPM ---- */

/* Source: libvirt's name; the folder of the guest is "domain-7-NAME" */
static char *
socket_of_swtpm(const QemuCommandOptions *options)
{
    g_autofree char *guest = g_path_get_basename(options->domain_dir);
    const char *name = g_str_has_prefix(guest, "domain-") ? guest + strlen("domain-") : guest;
    g_autofree char *file = g_strconcat(name, "-swtpm.sock", NULL);

    return g_build_filename(options->run_dir ? options->run_dir : "/run/libvirt/qemu", "swtpm",
                            file, NULL);
}

/* Source: the kernel's files of a TPM; without one commands cannot be cancelled */
static char *
find_cancel_file(const char *device)
{
    static const char *const formats[] = {"/sys/class/tpm/%s/device/cancel",
                                          "/sys/class/misc/%s/device/cancel"};
    g_autofree char *name = g_path_get_basename(device);

    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        GString *path = g_string_new(formats[i]);

        g_string_replace(path, "%s", name, 1);
        if (g_file_test(path->str, G_FILE_TEST_EXISTS))
            return g_string_free(path, FALSE);
        g_string_free(path, TRUE);
    }
    return g_strdup("/dev/null");
}

static gboolean
take_tpm_backend(QemuBuild *build, const VbDomainTpm *tpm, const char *id, GError **error)
{
    const char *chardev = "chrtpm"; /* there is one of them at most */
    g_autofree char *path = socket_of_swtpm(build->options);
    GString *text = g_string_new(NULL);

    if (tpm->backend == VB_DOMAIN_TPM_BACKEND_PASSTHROUGH) {
        g_autofree char *cancel = find_cancel_file(tpm->device);

        g_string_append(text, "passthrough");
        qemu_build_append(text, "id", id);
        qemu_build_append(text, "path", tpm->device);
        qemu_build_append(text, "cancel-path", cancel);
        qemu_build_take_option(build, "-tpmdev", g_string_free(text, FALSE));
        return TRUE;
    }
    g_string_append(text, "socket");
    qemu_build_append(text, "id", chardev);
    qemu_build_append(text, "path",
                      tpm->backend == VB_DOMAIN_TPM_BACKEND_EXTERNAL ? tpm->external_path : path);
    qemu_build_take_option(build, "-chardev", g_string_free(text, FALSE));
    text = g_string_new("emulator");
    qemu_build_append(text, "id", id);
    qemu_build_append(text, "chardev", chardev);
    qemu_build_take_option(build, "-tpmdev", g_string_free(text, FALSE));
    return TRUE;
}

gboolean
qemu_build_tpms(QemuBuild *build, GError **error)
{
    static const char *const drivers[] = {
        [VB_DOMAIN_TPM_MODEL_DEFAULT] = "tpm-tis",
        [VB_DOMAIN_TPM_MODEL_TIS] = "tpm-tis",
        [VB_DOMAIN_TPM_MODEL_CRB] = "tpm-crb",
        [VB_DOMAIN_TPM_MODEL_SPAPR] = "tpm-spapr",
        [VB_DOMAIN_TPM_MODEL_SPAPR_PROXY] = "spapr-tpm-proxy",
    };

    VB_DOMAIN_EACH(VbDomainTpm, tpm, build->def->tpms)
    {
        g_autofree char *id = g_strdup_printf("tpm-%s", tpm->info.alias);
        VbJsonWriter *json;

        if (!qemu_build_need_device(build, drivers[tpm->model], error) ||
            !take_tpm_backend(build, tpm, id, error))
            return FALSE;
        json = qemu_build_device_new(drivers[tpm->model]);
        vb_json_add_string(json, "tpmdev", id);
        vb_json_add_string(json, "id", tpm->info.alias);
        if (!finish(build, json, &tpm->info, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- shared memory ---- */

#define DEFAULT_SHMEM_MIB 4

static gboolean
take_plain(QemuBuild *build, const VbDomainShmem *shmem, GError **error)
{
    g_autofree char *id = g_strdup_printf("shmmem-%s", shmem->info.alias);
    g_autofree char *path = g_build_filename("/dev/shm", shmem->name, NULL);
    VbJsonWriter *json = qemu_build_object_new("memory-backend-file", id);

    vb_json_add_string(json, "mem-path", path);
    vb_json_add_uint(json, "size",
                     (shmem->size_mib ? shmem->size_mib : DEFAULT_SHMEM_MIB) * 1024 * 1024);
    vb_json_add_bool(json, "share", TRUE);
    qemu_build_take_json(build, "-object", json);
    json = qemu_build_device_new("ivshmem-plain");
    vb_json_add_string(json, "id", shmem->info.alias);
    vb_json_add_string(json, "memdev", id);
    if (shmem->role)
        vb_json_add_string(json, "master", g_str_equal(shmem->role, "master") ? "on" : "off");
    return finish(build, json, &shmem->info, error);
}

static gboolean
take_doorbell(QemuBuild *build, const VbDomainShmem *shmem, GError **error)
{
    g_autofree char *chardev = g_strdup_printf("char%s", shmem->info.alias);
    g_autofree char *name = g_strdup_printf("ivshmem-%s-sock", shmem->name);
    g_autofree char *path = g_build_filename("/var/lib/libvirt", name, NULL);
    VbDomainChrSource source = {.type = VB_DOMAIN_CHR_UNIX,
                                .path = shmem->server_path ? shmem->server_path : path,
                                .mode = (char *)"connect"};
    QemuChardevInfo info = {.id = chardev};
    VbJsonWriter *json;

    if (!take_chardev(build, &source, &info, error))
        return FALSE;
    json = qemu_build_device_new("ivshmem-doorbell");
    vb_json_add_string(json, "id", shmem->info.alias);
    vb_json_add_string(json, "chardev", chardev);
    if (shmem->msi_vectors)
        vb_json_add_uint(json, "vectors", shmem->msi_vectors);
    qemu_build_add_tristate(json, "ioeventfd", shmem->msi_ioeventfd);
    if (shmem->role)
        vb_json_add_string(json, "master", g_str_equal(shmem->role, "master") ? "on" : "off");
    return finish(build, json, &shmem->info, error);
}

gboolean
qemu_build_shmems(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainShmem, shmem, build->def->shmems)
    {
        const char *model = shmem->model ? shmem->model : "ivshmem";

        if (!qemu_build_need_device(build, model, error))
            return FALSE;
        if (!(g_str_equal(model, "ivshmem-doorbell") ? take_doorbell(build, shmem, error)
                                                     : take_plain(build, shmem, error)))
            return FALSE;
    }
    return TRUE;
}
