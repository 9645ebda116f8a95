/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* virtio-crypto, and the store for what a guest says when it crashes (ACPI ERST). */
#include "command/build.h"

static gboolean
take_crypto(QemuBuild *build, const VbDomainCrypto *crypto, GError **error)
{
    static const char *const backends[] = {
        [VB_DOMAIN_CRYPTO_BUILTIN] = "cryptodev-backend-builtin",
        [VB_DOMAIN_CRYPTO_LKCF] = "cryptodev-backend-lkcf",
    };
    g_autofree char *driver =
        qemu_build_virtio_driver("virtio-crypto", &crypto->info, QEMU_VIRTIO_PLAIN);
    g_autofree char *object = g_strdup_printf("obj%s", crypto->info.alias);
    g_autoptr(VbJsonWriter) json = NULL;
    VbJsonWriter *backend;

    if (!qemu_build_need_device(build, driver, error))
        return FALSE;
    if (!qemu_caps_has_device(build->caps, backends[crypto->backend]))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "this QEMU does not support the '%s' crypto backend",
                            vb_enum_to_nick(&vb_domain_crypto_backend_enum, crypto->backend));
    backend = qemu_build_object_new(backends[crypto->backend], object);
    if (crypto->queues)
        vb_json_add_uint(backend, "queues", crypto->queues);
    qemu_build_take_json(build, "-object", backend);
    json = qemu_build_device_new(driver);
    qemu_build_add_virtio(json, &crypto->virtio);
    vb_json_add_string(json, "cryptodev", object);
    vb_json_add_string(json, "id", crypto->info.alias);
    if (!qemu_build_add_address(build, json, &crypto->info, error))
        return FALSE;
    qemu_build_take_json(build, "-device", g_steal_pointer(&json));
    return TRUE;
}

gboolean
qemu_build_cryptos(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainCrypto, crypto, build->def->cryptos)
    if (!take_crypto(build, crypto, error))
        return FALSE;
    return TRUE;
}

gboolean
qemu_build_pstore(QemuBuild *build, GError **error)
{
    const VbDomainPstore *pstore = build->def->pstore;
    g_autofree char *id = NULL;
    g_autoptr(VbJsonWriter) json = NULL;
    VbJsonWriter *memory;

    if (!pstore)
        return TRUE;
    if (!qemu_caps_has_device(build->caps, "acpi-erst"))
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "Persistent storage is not supported with this QEMU binary");
    id = g_strdup_printf("mem%s", pstore->info.alias);
    memory = qemu_build_object_new("memory-backend-file", id);
    vb_json_add_string(memory, "mem-path", pstore->path);
    vb_json_add_uint(memory, "size", pstore->size_kib * 1024);
    vb_json_add_bool(memory, "share", TRUE);
    qemu_build_take_json(build, "-object", memory);
    json = qemu_build_device_new("acpi-erst");
    vb_json_add_string(json, "id", pstore->info.alias);
    vb_json_add_string(json, "memdev", id);
    if (!qemu_build_add_address(build, json, &pstore->info, error))
        return FALSE;
    qemu_build_take_json(build, "-device", g_steal_pointer(&json));
    return TRUE;
}
