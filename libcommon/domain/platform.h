/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Small devices of the platform: watchdog, memballoon, rng, panic, tpm, iommu, vsock, shmem, smartcard, redirdev. */
#pragma once
#include "domain/chardev.h"

typedef enum {
    VB_DOMAIN_WATCHDOG_I6300ESB,
    VB_DOMAIN_WATCHDOG_IB700,
    VB_DOMAIN_WATCHDOG_DIAG288,
    VB_DOMAIN_WATCHDOG_ITCO,
    VB_DOMAIN_WATCHDOG_LAST
} VbDomainWatchdogModel;
typedef enum {
    VB_DOMAIN_WATCHDOG_ACTION_DEFAULT,
    VB_DOMAIN_WATCHDOG_ACTION_RESET,
    VB_DOMAIN_WATCHDOG_ACTION_SHUTDOWN,
    VB_DOMAIN_WATCHDOG_ACTION_POWEROFF,
    VB_DOMAIN_WATCHDOG_ACTION_PAUSE,
    VB_DOMAIN_WATCHDOG_ACTION_DUMP,
    VB_DOMAIN_WATCHDOG_ACTION_NONE,
    VB_DOMAIN_WATCHDOG_ACTION_INJECT_NMI
} VbDomainWatchdogAction;
typedef struct {
    int model, action;
    VbDomainDeviceInfo info;
} VbDomainWatchdog;

typedef enum {
    VB_DOMAIN_MEMBALLOON_VIRTIO,
    VB_DOMAIN_MEMBALLOON_XEN,
    VB_DOMAIN_MEMBALLOON_NONE,
    VB_DOMAIN_MEMBALLOON_VIRTIO_TRANSITIONAL,
    VB_DOMAIN_MEMBALLOON_VIRTIO_NON_TRANSITIONAL
} VbDomainMemballoonModel;
typedef struct {
    int model;
    VbTristate autodeflate, free_page_reporting;
    guint stats_period_s;
    VbDomainVirtioOptions virtio;
    VbDomainDeviceInfo info;
} VbDomainMemballoon;

typedef enum {
    VB_DOMAIN_RNG_VIRTIO,
    VB_DOMAIN_RNG_VIRTIO_TRANSITIONAL,
    VB_DOMAIN_RNG_VIRTIO_NON_TRANSITIONAL
} VbDomainRngModel;
typedef enum {
    VB_DOMAIN_RNG_BACKEND_RANDOM,
    VB_DOMAIN_RNG_BACKEND_EGD,
    VB_DOMAIN_RNG_BACKEND_BUILTIN
} VbDomainRngBackend;
typedef struct {
    int model;
    int backend;              /* VbDomainRngBackend */
    char *device;             /* random: host device, NULL or "" = /dev/urandom */
    VbDomainChrSource source; /* egd */
    guint rate_bytes, rate_period_ms;
    VbDomainVirtioOptions virtio;
    VbDomainDeviceInfo info;
} VbDomainRng;

typedef enum {
    VB_DOMAIN_PANIC_DEFAULT,
    VB_DOMAIN_PANIC_ISA,
    VB_DOMAIN_PANIC_PSERIES,
    VB_DOMAIN_PANIC_HYPERV,
    VB_DOMAIN_PANIC_S390,
    VB_DOMAIN_PANIC_PVPANIC
} VbDomainPanicModel;
typedef struct {
    int model;
    VbDomainDeviceInfo info;
} VbDomainPanic;

typedef enum {
    VB_DOMAIN_TPM_MODEL_DEFAULT,
    VB_DOMAIN_TPM_MODEL_TIS,
    VB_DOMAIN_TPM_MODEL_CRB,
    VB_DOMAIN_TPM_MODEL_SPAPR,
    VB_DOMAIN_TPM_MODEL_SPAPR_PROXY
} VbDomainTpmModel;
typedef enum {
    VB_DOMAIN_TPM_BACKEND_PASSTHROUGH,
    VB_DOMAIN_TPM_BACKEND_EMULATOR,
    VB_DOMAIN_TPM_BACKEND_EXTERNAL
} VbDomainTpmBackend;
typedef struct {
    int model, backend;
    char *device;            /* passthrough */
    char *version;           /* emulator: "1.2", "2.0" */
    char *encryption_secret; /* emulator: UUID */
    VbTristate persistent_state;
    gboolean has_pcr_banks, sha1, sha256, sha384, sha512;
    char *external_type, *external_mode, *external_path; /* external: a unix socket */
    char *state_type, *state_path; /* emulator: "file" or "dir" that keeps its state */
    char *profile_source, *profile_name, *profile_remove_disabled; /* emulator */
    guint debug;
    VbDomainDeviceInfo info;
} VbDomainTpm;

typedef struct {
    char *model; /* "intel" ... */
    VbTristate intremap, caching_mode, eim, iotlb, dma_translation;
    guint aw_bits;
    VbDomainDeviceInfo info;
} VbDomainIommu;

typedef struct {
    char *model; /* "virtio" ... */
    guint cid;
    VbTristate cid_auto;
    VbDomainVirtioOptions virtio;
    VbDomainDeviceInfo info;
} VbDomainVsock;

typedef enum { VB_DOMAIN_CRYPTO_BUILTIN, VB_DOMAIN_CRYPTO_LKCF } VbDomainCryptoBackend;
typedef struct {
    char *model, *type; /* "virtio", "qemu" */
    int backend;        /* VbDomainCryptoBackend */
    guint queues;
    VbDomainVirtioOptions virtio;
    VbDomainDeviceInfo info;
} VbDomainCrypto;

/* where a crashing guest leaves its last words */
typedef struct {
    char *backend; /* "acpi-erst" */
    char *path;
    guint64 size_kib;
    VbDomainDeviceInfo info;
} VbDomainPstore;

typedef struct {
    VbDomainDeviceInfo info;
} VbDomainNvramDevice; /* of machines of Power */

typedef struct {
    char *name, *role, *model;
    guint64 size_mib;
    gboolean has_server;
    char *server_path;
    gboolean has_msi;
    guint msi_vectors;
    VbTristate msi_ioeventfd;
    VbDomainDeviceInfo info;
} VbDomainShmem;

typedef struct {
    char *text;
} VbDomainText;
typedef struct {
    char *mode;               /* "host", "host-certificates", "passthrough" */
    VbDomainChrSource source; /* passthrough */
    GPtrArray *certificates;  /* VbDomainText */
    char *database;
    VbDomainDeviceInfo info;
} VbDomainSmartcard;

typedef struct {
    char *bus; /* "usb" */
    VbDomainChrSource source;
    VbDomainDeviceInfo info;
} VbDomainRedirdev;

typedef struct {
    char *class_id, *vendor_id, *product_id, *version;
    VbTristate allow; /* NULL = any */
} VbDomainUsbFilter;
typedef struct {
    GPtrArray *filters;
} VbDomainRedirFilter;

extern const VbEnum vb_domain_watchdog_model_enum, vb_domain_watchdog_action_enum,
    vb_domain_memballoon_model_enum;
extern const VbEnum vb_domain_rng_model_enum, vb_domain_rng_backend_enum,
    vb_domain_panic_model_enum;
extern const VbEnum vb_domain_tpm_model_enum, vb_domain_tpm_backend_enum;
extern const VbXmlType vb_domain_watchdog_type, vb_domain_memballoon_type, vb_domain_rng_type,
    vb_domain_panic_type;
extern const VbXmlType vb_domain_tpm_type, vb_domain_iommu_type, vb_domain_vsock_type,
    vb_domain_shmem_type;
extern const VbEnum vb_domain_crypto_backend_enum;
extern const VbXmlType vb_domain_crypto_type, vb_domain_pstore_type, vb_domain_nvram_device_type;
extern const VbXmlType vb_domain_smartcard_type, vb_domain_redirdev_type,
    vb_domain_redir_filter_type;
