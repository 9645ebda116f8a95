/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of the platform's small devices: watchdog, memballoon, rng, panic, tpm, iommu, vsock, shmem, smartcard,
 * redirdev. */
#include "domain/tables.h"

/* words of attributes that stay text */
WORDS(redirdev_bus_words, "redirdev bus", "usb");
WORDS(smartcard_mode_words, "smartcard mode", "host", "host-certificates", "passthrough");
WORDS(tpm_version_words, "TPM version", "1.2", "2.0");
WORDS(iommu_model_words, "IOMMU model", "intel", "smmuv3", "virtio");
WORDS(virtio_model_words, "model", "virtio", "virtio-transitional", "virtio-non-transitional");
WORDS(shmem_role_words, "role", "master", "peer");

VB_ENUM(vb_domain_watchdog_model_enum, "watchdog model", "i6300esb", "ib700", "diag288", "itco");
VB_ENUM(vb_domain_watchdog_action_enum, "watchdog action", NULL, "reset", "shutdown", "poweroff",
        "pause", "dump", "none", "inject-nmi");
VB_ENUM(vb_domain_memballoon_model_enum, "memory balloon model", "virtio", "xen", "none",
        "virtio-transitional", "virtio-non-transitional");
VB_ENUM(vb_domain_rng_model_enum, "RNG model", "virtio", "virtio-transitional",
        "virtio-non-transitional");
VB_ENUM(vb_domain_rng_backend_enum, "RNG backend model", "random", "egd", "builtin");
VB_ENUM(vb_domain_panic_model_enum, "panic model", NULL, "isa", "pseries", "hyperv", "s390",
        "pvpanic");
VB_ENUM(vb_domain_tpm_model_enum, "TPM frontend model", NULL, "tpm-tis", "tpm-crb", "tpm-spapr",
        "spapr-tpm-proxy");
VB_ENUM(vb_domain_tpm_backend_enum, "TPM backend type", "passthrough", "emulator", "external");

VB_ENUM(vb_domain_crypto_backend_enum, "crypto backend model", "builtin", "lkcf");

static const char *const crypto_models[] = {"virtio"};
static const VbEnum crypto_model_enum = {"crypto model", crypto_models, 1};
static const char *const crypto_kinds[] = {"qemu"};
static const VbEnum crypto_kind_enum = {"crypto type", crypto_kinds, 1};
static const char *const pstore_backends[] = {"acpi-erst"};
static const VbEnum pstore_enum = {"pstore backend", pstore_backends, 1};

#define ZERO .flags = VB_XML_ZERO_IS_VALUE

static const VbXmlField watchdog_fields[] = {
    VB_XML_ENUMV(VbDomainWatchdog, model, "@model", vb_domain_watchdog_model_enum,
                 .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED | VB_XML_UNSUPPORTED,
                 .abi = "watchdog model"),
    VB_XML_ENUMV(VbDomainWatchdog, action, "@action", vb_domain_watchdog_action_enum),
    VB_XML_EMBED(VbDomainWatchdog, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_watchdog_type, VbDomainWatchdog, "watchdog", watchdog_fields,
            .doc = "Acts when the guest stops answering.");

#define B VbDomainMemballoon
static const VbXmlField memballoon_fields[] = {
    VB_XML_ENUMV(B, model, "@model", vb_domain_memballoon_model_enum,
                 .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED, .abi = "balloon model"),
    VB_XML_SWITCH(B, autodeflate, "@autodeflate", .abi = "balloon autodeflate attribute value '"),
    VB_XML_SWITCH(B, free_page_reporting, "@freePageReporting"),
    VB_XML_UINT(B, stats_period_s, "stats/@period"),
    VB_XML_EMBED(B, info, ".", vb_domain_info_type),
    VB_XML_EMBED(B, virtio, "driver", vb_domain_virtio_type),
};
VB_XML_TYPE(vb_domain_memballoon_type, B, "memballoon", memballoon_fields,
            .doc = "Takes memory from the running guest and gives it back.");

#define R VbDomainRng
static const VbXmlField rng_fields[] = {
    VB_XML_ENUMV(R, model, "@model", vb_domain_rng_model_enum,
                 .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED | VB_XML_UNSUPPORTED,
                 .abi = "RNG model '"),
    VB_XML_UINT(R, rate_bytes, "rate/@bytes"),
    VB_XML_UINT(R, rate_period_ms, "rate/@period"),
    VB_XML_ENUMV(R, backend, "backend/@model", vb_domain_rng_backend_enum, ZERO),
    VB_XML_STR(R, device, "backend",
               VB_XML_WHEN(R, backend, VB_XML_BIT(VB_DOMAIN_RNG_BACKEND_RANDOM))),
    VB_XML_EMBED(R, source, "backend", vb_domain_chr_source_type,
                 VB_XML_WHEN(R, backend, VB_XML_BIT(VB_DOMAIN_RNG_BACKEND_EGD))),
    VB_XML_EMBED(R, virtio, "driver", vb_domain_virtio_type),
    VB_XML_EMBED(R, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_rng_type, R, "rng", rng_fields,
            .doc = "Gives the guest random numbers of the host.");

static const VbXmlField panic_fields[] = {
    VB_XML_ENUMV(VbDomainPanic, model, "@model", vb_domain_panic_model_enum,
                 .flags = VB_XML_UNSUPPORTED, .abi = "panic model '"),
    VB_XML_EMBED(VbDomainPanic, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_panic_type, VbDomainPanic, "panic", panic_fields,
            .doc = "Lets the guest say that its kernel has crashed.");

#define T VbDomainTpm
#define WHEN(kind) VB_XML_WHEN(VbDomainTpm, backend, VB_XML_BIT(VB_DOMAIN_TPM_BACKEND_##kind))
static const VbXmlField tpm_fields[] = {
    VB_XML_ENUMV(T, model, "@model", vb_domain_tpm_model_enum, .abi = "TPM device model"),
    VB_XML_ENUMV(T, backend, "backend/@type", vb_domain_tpm_backend_enum,
                 .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED_IN_ELEMENT),
    VB_XML_STR(T, version, "backend/@version", WHEN(EMULATOR), .enumeration = &tpm_version_words,
               .abi = "TPM version"),
    VB_XML_BOOL(T, persistent_state, "backend/@persistent_state", WHEN(EMULATOR)),
    VB_XML_STR(T, device, "backend/device/@path", WHEN(PASSTHROUGH)),
    VB_XML_STR(T, encryption_secret, "backend/encryption/@secret", WHEN(EMULATOR)),
    VB_XML_PRESENT(T, has_pcr_banks, "backend/active_pcr_banks", WHEN(EMULATOR)),
    VB_XML_PRESENT(T, sha1, "backend/active_pcr_banks/sha1", WHEN(EMULATOR)),
    VB_XML_PRESENT(T, sha256, "backend/active_pcr_banks/sha256", WHEN(EMULATOR)),
    VB_XML_PRESENT(T, sha384, "backend/active_pcr_banks/sha384", WHEN(EMULATOR)),
    VB_XML_PRESENT(T, sha512, "backend/active_pcr_banks/sha512", WHEN(EMULATOR)),
    VB_XML_STR(T, external_type, "backend/source/@type", WHEN(EXTERNAL)),
    VB_XML_STR(T, external_mode, "backend/source/@mode", WHEN(EXTERNAL)),
    VB_XML_STR(T, external_path, "backend/source/@path", WHEN(EXTERNAL)),
    VB_XML_STR(T, state_type, "backend/source/@type", WHEN(EMULATOR)),
    VB_XML_STR(T, state_path, "backend/source/@path", WHEN(EMULATOR)),
    VB_XML_STR(T, profile_source, "backend/profile/@source", WHEN(EMULATOR)),
    VB_XML_STR(T, profile_remove_disabled, "backend/profile/@removeDisabled", WHEN(EMULATOR)),
    VB_XML_STR(T, profile_name, "backend/profile/@name", WHEN(EMULATOR)),
    VB_XML_UINT(T, debug, "backend/@debug", WHEN(EMULATOR)),
    VB_XML_EMBED(T, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_tpm_type, T, "tpm", tpm_fields, .doc = "A trusted platform module.");

static const VbXmlField iommu_fields[] = {
    VB_XML_STR(VbDomainIommu, model, "@model", .flags = VB_XML_REQUIRED,
               .enumeration = &iommu_model_words, .abi = "domain IOMMU device model '"),
    VB_XML_SWITCH(VbDomainIommu, intremap, "driver/@intremap"),
    VB_XML_SWITCH(VbDomainIommu, caching_mode, "driver/@caching_mode"),
    VB_XML_SWITCH(VbDomainIommu, eim, "driver/@eim"),
    VB_XML_SWITCH(VbDomainIommu, iotlb, "driver/@iotlb"),
    VB_XML_UINT(VbDomainIommu, aw_bits, "driver/@aw_bits"),
    VB_XML_SWITCH(VbDomainIommu, dma_translation, "driver/@dma_translation"),
    VB_XML_EMBED(VbDomainIommu, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_iommu_type, VbDomainIommu, "iommu", iommu_fields,
            .doc = "The guest's own IOMMU.");

static const VbXmlField vsock_fields[] = {
    VB_XML_STR(VbDomainVsock, model, "@model", .enumeration = &virtio_model_words,
               .abi = "vsock device model '"),
    VB_XML_BOOL(VbDomainVsock, cid_auto, "cid/@auto"),
    VB_XML_UINT(VbDomainVsock, cid, "cid/@address"),
    VB_XML_EMBED(VbDomainVsock, info, ".", vb_domain_info_type),
    VB_XML_EMBED(VbDomainVsock, virtio, "driver", vb_domain_virtio_type),
};
VB_XML_TYPE(vb_domain_vsock_type, VbDomainVsock, "vsock", vsock_fields,
            .doc = "A socket between host and guest.");

#define C VbDomainCrypto
static const VbXmlField crypto_fields[] = {
    VB_XML_STR(C, model, "@model", .enumeration = &crypto_model_enum, .flags = VB_XML_REQUIRED),
    VB_XML_STR(C, type, "@type", .enumeration = &crypto_kind_enum, .flags = VB_XML_REQUIRED),
    VB_XML_ENUMV(C, backend, "backend/@model", vb_domain_crypto_backend_enum,
                 .flags = VB_XML_ZERO_IS_VALUE | VB_XML_REQUIRED),
    VB_XML_UINT(C, queues, "backend/@queues"),
    VB_XML_EMBED(C, virtio, "driver", vb_domain_virtio_type),
    VB_XML_EMBED(C, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_crypto_type, C, "crypto", crypto_fields,
            .doc = "Encrypts and decrypts for the guest.");

#define P VbDomainPstore
static const VbXmlField pstore_fields[] = {
    VB_XML_STR(P, backend, "@backend", .enumeration = &pstore_enum, .flags = VB_XML_REQUIRED),
    VB_XML_STR(P, path, "path"),
    VB_XML_SIZE(P, size_kib, "size"),
    VB_XML_EMBED(P, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_pstore_type, P, "pstore", pstore_fields,
            .doc = "Keeps what the guest says when it crashes.");

static const VbXmlField nvram_fields[] = {
    VB_XML_EMBED(VbDomainNvramDevice, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_nvram_device_type, VbDomainNvramDevice, "nvram", nvram_fields,
            .doc = "Settings of a Power machine's firmware.");

#define H VbDomainShmem
static const VbXmlField shmem_fields[] = {
    VB_XML_STR(H, name, "@name", .flags = VB_XML_REQUIRED | VB_XML_EMIT_EMPTY,
               .abi = "shared memory name '"),
    VB_XML_STR(H, role, "@role", .enumeration = &shmem_role_words),
    VB_XML_STR(H, model, "model/@type", .abi = "shared memory model '"),
    VB_XML_SIZE(H, size_mib, "size", .unit = 1024 * 1024, .unit_name = "M",
                .flags = VB_XML_ROUND_DOWN, .abi = "shared memory size '"),
    VB_XML_PRESENT(H, has_server, "server"),
    VB_XML_STR(H, server_path, "server/@path"),
    VB_XML_PRESENT(H, has_msi, "msi"),
    VB_XML_UINT(H, msi_vectors, "msi/@vectors"),
    VB_XML_SWITCH(H, msi_ioeventfd, "msi/@ioeventfd"),
    VB_XML_EMBED(H, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_shmem_type, H, "shmem", shmem_fields, .doc = "Memory that guests share.");

static const VbXmlField text_fields[] = {VB_XML_STR(VbDomainText, text, ".")};
static VB_XML_TYPE(text_type, VbDomainText, "certificate", text_fields);

static const VbXmlField smartcard_fields[] = {
    VB_XML_STR(VbDomainSmartcard, mode, "@mode", .flags = VB_XML_REQUIRED,
               .enumeration = &smartcard_mode_words, .abi = "smartcard mode"),
    VB_XML_EMBED(VbDomainSmartcard, source, ".", vb_domain_chr_source_type),
    VB_XML_LIST(VbDomainSmartcard, certificates, "certificate", text_type),
    VB_XML_STR(VbDomainSmartcard, database, "database"),
    VB_XML_EMBED(VbDomainSmartcard, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_smartcard_type, VbDomainSmartcard, "smartcard", smartcard_fields,
            .doc = "A smartcard.");

static const VbXmlField redirdev_fields[] = {
    VB_XML_STR(VbDomainRedirdev, bus, "@bus", .enumeration = &redirdev_bus_words,
               .flags = VB_XML_UNSUPPORTED, .abi = "redirected device bus"),
    VB_XML_EMBED(VbDomainRedirdev, source, ".", vb_domain_chr_source_type),
    VB_XML_EMBED(VbDomainRedirdev, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_redirdev_type, VbDomainRedirdev, "redirdev", redirdev_fields,
            .doc = "Lets a client's USB device into the guest.");

#define F VbDomainUsbFilter
static const VbXmlField filter_fields[] = {
    VB_XML_STR(F, class_id, "@class"),
    VB_XML_STR(F, vendor_id, "@vendor"),
    VB_XML_STR(F, product_id, "@product"),
    VB_XML_STR(F, version, "@version"),
    VB_XML_BOOL(F, allow, "@allow", .flags = VB_XML_REQUIRED_IN_ELEMENT),
};
static VB_XML_TYPE(filter_type, F, "usbdev", filter_fields);

static const VbXmlField redir_filter_fields[] = {
    VB_XML_LIST(VbDomainRedirFilter, filters, "usbdev", filter_type),
};
VB_XML_TYPE(vb_domain_redir_filter_type, VbDomainRedirFilter, "redirfilter", redir_filter_fields);
