/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Asks an emulator over QMP what it can do. Owns one short-lived process without a guest; runs on the main loop. */
#include "caps/caps-private.h"
#include "qmp.h"
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROBE_TIMEOUT_S 20

typedef void (*AnswerReader)(QemuCaps *caps, const VbJson *answer);

typedef struct {
    const char *command;
    const char *arguments;
    AnswerReader read;
    gboolean is_optional; /* emulators of some architectures do not know it */
} Question;

struct _QemuProbe {
    QemuCaps *caps;
    QemuAccel accel;
    QemuProbeDone done;
    gpointer data;
    QemuQmp *qmp;
    GPid pid;
    guint child_source, timeout_source;
    int stderr_fd;
    guint n_open; /* questions without an answer */
    gboolean is_finished;
};

typedef struct {
    QemuProbe *probe;
    const Question *question;
    const char *type; /* of device-list-properties */
} Asked;

/* ---- answers ---- */

static void
read_target(QemuCaps *caps, const VbJson *answer)
{
    const char *target = vb_json_get_string(answer, "arch");

    g_free(caps->arch);
    caps->arch = target ? g_strdup(qemu_caps_arch_from_target(target)) : NULL;
}

static void
read_kvm(QemuCaps *caps, const VbJson *answer)
{
    caps->has_kvm_support = vb_json_get_bool(answer, "present", FALSE);
}

static void
read_cpus_tcg(QemuCaps *caps, const VbJson *answer)
{
    qemu_caps_take_cpu_models(caps, QEMU_ACCEL_TCG, answer);
}

static void
read_cpus_kvm(QemuCaps *caps, const VbJson *answer)
{
    qemu_caps_take_cpu_models(caps, QEMU_ACCEL_KVM, answer);
}

static void
read_types(QemuCaps *caps, const VbJson *answer)
{
    for (const VbJson *at = vb_json_first(answer); at; at = vb_json_next(at))
        if (vb_json_get_string(at, "name"))
            qemu_caps_add_type(caps, vb_json_get_string(at, "name"));
}

static void
read_commands(QemuCaps *caps, const VbJson *answer)
{
    for (const VbJson *at = vb_json_first(answer); at; at = vb_json_next(at))
        if (vb_json_get_string(at, "name"))
            g_hash_table_add(caps->commands, g_strdup(vb_json_get_string(at, "name")));
}

static void
read_options(QemuCaps *caps, const VbJson *answer)
{
    for (const VbJson *at = vb_json_first(answer); at; at = vb_json_next(at)) {
        const char *option = vb_json_get_string(at, "option");

        if (!option)
            continue;
        g_hash_table_add(caps->options, g_strdup(option));
        for (const VbJson *parameter = vb_json_first(vb_json_get(at, "parameters")); parameter;
             parameter = vb_json_next(parameter))
            g_hash_table_add(caps->options, g_strdup_printf("%s.%s", option,
                                                            vb_json_get_string(parameter, "name")));
    }
}

typedef struct {
    QemuCaps *caps;
    QemuSchema *schema;
} SchemaReader;

static void
look_up(const char *fact, gpointer data)
{
    SchemaReader *reader = data;

    if (qemu_schema_has(reader->schema, fact + strlen("schema:")))
        g_hash_table_add(reader->caps->facts, g_strdup(fact));
}

static void
read_schema(QemuCaps *caps, const VbJson *answer)
{
    SchemaReader reader = {caps, qemu_schema_new(answer)};

    qemu_caps_each_wanted_fact("schema:", look_up, &reader);
    qemu_schema_free(reader.schema);
}

typedef struct {
    QemuCaps *caps;
    const char *property;
} OffReader;

static void
keep_if_wanted(const char *fact, gpointer data)
{
    const OffReader *reader = data;

    if (strcmp(fact + strlen("off:"), reader->property) == 0)
        g_hash_table_add(reader->caps->facts, g_strdup(fact));
}

static void
read_properties(QemuCaps *caps, const char *type, const VbJson *answer)
{
    for (const VbJson *at = vb_json_first(answer); at; at = vb_json_next(at)) {
        char *property = g_strdup_printf("%s.%s", type, vb_json_get_string(at, "name"));
        const VbJson *value = vb_json_get(at, "default-value");

        if (value && vb_json_get_kind(value) == VB_JSON_BOOL && !vb_json_as_bool(value, TRUE))
            qemu_caps_each_wanted_fact("off:", keep_if_wanted, &(OffReader){caps, property});
        g_hash_table_add(caps->properties, property);
    }
}

static void
read_cpu_tcg(QemuCaps *caps, const VbJson *answer)
{
    qemu_caps_take_cpu(caps, QEMU_ACCEL_TCG, answer);
}

static void
read_cpu_kvm(QemuCaps *caps, const VbJson *answer)
{
    qemu_caps_take_cpu(caps, QEMU_ACCEL_KVM, answer);
}

static const Question tcg_questions[] = {
    {"query-target", NULL, read_target},
    {"query-kvm", NULL, read_kvm},
    {"query-machines", NULL, qemu_caps_take_machines},
    {"query-cpu-definitions", NULL, read_cpus_tcg},
    {"query-cpu-model-expansion", "{\"type\":\"static\",\"model\":{\"name\":\"max\"}}",
     read_cpu_tcg, .is_optional = TRUE},
    {"qom-list-types", "{\"abstract\":false}", read_types},
    {"query-commands", NULL, read_commands},
    {"query-command-line-options", NULL, read_options},
    {"query-qmp-schema", NULL, read_schema},
};

static const Question kvm_questions[] = {
    {"query-cpu-definitions", NULL, read_cpus_kvm},
    {"query-cpu-model-expansion", "{\"type\":\"static\",\"model\":{\"name\":\"host\"}}",
     read_cpu_kvm, .is_optional = TRUE},
};

/* Devices whose properties decide what a command line may say. */
static const char *const property_devices[] = {
    "virtio-blk-pci",
    "virtio-net-pci",
    "virtio-scsi-pci",
    "virtio-balloon-pci",
    "virtio-mem-pci",
    "virtio-gpu-pci",
    "virtio-vga",
    "scsi-hd",
    "ide-hd",
    "usb-storage",
    "pcie-root-port",
    "qxl",
    "VGA",
    "intel-iommu",
    "nvdimm",
    "kvm-pit",
    "ICH9-LPC",
    "PIIX4_PM",
    "usb-redir",
    "vmware-svga",
    "mch",
    "vfio-pci",
    "usb-host",
    "vhost-user-fs-device",
    "virtio-mem-pci",
    "virtio-iommu-pci",
    "max-x86_64-cpu",
    "max-i386-cpu",
    "none-machine",
};

/* ---- the run ---- */

static void finish(QemuProbe *probe, const GError *error);

static void
on_answer(const VbJson *result, const GError *error, gpointer data)
{
    g_autofree Asked *asked = data;
    QemuProbe *probe = asked->probe;

    if (probe->is_finished)
        return;
    if (g_strcmp0(vb_error_get_reason(error), "MonitorLost") == 0)
        return; /* the process ended or will: on_child_exit() has its words */
    if (error && asked->question && !asked->question->is_optional) {
        finish(probe, error);
        return;
    }
    if (asked->question && !error) {
        asked->question->read(probe->caps, result);
    } else if (!asked->question && !error) { /* what this emulator lacks has no properties */
        read_properties(probe->caps, asked->type, result);
    }
    if (--probe->n_open == 0)
        finish(probe, NULL);
}

static void
ask(QemuProbe *probe, const Question *question, const char *type)
{
    Asked *asked = g_new0(Asked, 1);
    const char *command = "device-list-properties";
    g_autofree char *arguments = NULL;

    asked->probe = probe;
    asked->question = question;
    asked->type = type;
    probe->n_open++;
    if (type)
        arguments = vb_json_object("s:typename", type, NULL);
    if (question)
        command = question->command;
    else if (g_str_has_suffix(type, "-machine"))
        command = "qom-list-properties";
    qemu_qmp_execute(probe->qmp, command, question ? question->arguments : arguments,
                     PROBE_TIMEOUT_S * 1000, on_answer, asked);
}

static void
ask_all(QemuProbe *probe)
{
    const Question *questions = probe->accel == QEMU_ACCEL_KVM ? kvm_questions : tcg_questions;
    guint n =
        probe->accel == QEMU_ACCEL_KVM ? G_N_ELEMENTS(kvm_questions) : G_N_ELEMENTS(tcg_questions);

    probe->n_open++; /* not done before all is asked */
    for (guint i = 0; i < n; i++)
        ask(probe, &questions[i], NULL);
    for (guint i = 0; probe->accel == QEMU_ACCEL_TCG && i < G_N_ELEMENTS(property_devices); i++)
        ask(probe, NULL, property_devices[i]);
    probe->n_open--;
}

static void
on_ready(QemuQmp *qmp, const VbJson *greeting, gpointer data)
{
    QemuProbe *probe = data;
    const VbJson *version = vb_json_get_path(greeting, "version/qemu");

    probe->caps->version = (guint)(vb_json_get_uint(version, "major", 0) * 1000000 +
                                   vb_json_get_uint(version, "minor", 0) * 1000 +
                                   vb_json_get_uint(version, "micro", 0));
    g_free(probe->caps->package);
    probe->caps->package =
        g_strdup(vb_json_get_string(vb_json_get(greeting, "version"), "package"));
}

static void
on_child_exit(GPid pid, int wait_status, gpointer data)
{
    QemuProbe *probe = data;
    g_autoptr(GError) error = NULL;
    char text[1024];
    gssize length = probe->stderr_fd >= 0 ? read(probe->stderr_fd, text, sizeof text - 1) : 0;

    probe->child_source = 0;
    probe->pid = 0;
    g_spawn_close_pid(pid);
    if (probe->is_finished)
        return;
    text[MAX(length, 0)] = '\0';
    g_strstrip(text);
    vb_error_set(&error, VIR_ERR_INTERNAL_ERROR, "Failed to probe QEMU binary with QMP: %s",
                 *text ? text : "the emulator ended");
    finish(probe, error);
}

static gboolean
on_timeout(gpointer data)
{
    QemuProbe *probe = data;
    g_autoptr(GError) error = NULL;

    probe->timeout_source = 0;
    vb_error_set(&error, VIR_ERR_OPERATION_TIMEOUT,
                 "Failed to probe QEMU binary with QMP: %s did not answer", probe->caps->path);
    finish(probe, error);
    return G_SOURCE_REMOVE;
}

/* Tells the owner, once. He frees the probe from there or later. */
static void
finish(QemuProbe *probe, const GError *error)
{
    if (probe->is_finished)
        return;
    probe->is_finished = TRUE;
    probe->done(probe, error, probe->data);
}

static gboolean
start_process(QemuProbe *probe, int fd, GError **error)
{
    const char *argv[] = {
        probe->caps->path,
        "-S",
        "-no-user-config",
        "-nodefaults",
        "-nographic",
        "-machine",
        probe->accel == QEMU_ACCEL_KVM ? "none,accel=kvm" : "none,accel=tcg",
        "-chardev",
        "socket,id=probe,fd=3",
        "-mon",
        "chardev=probe,mode=control",
        NULL,
    };
    const QemuProbeSpawn spawn = {.argv = argv, .fd = fd, .ret_stderr_fd = &probe->stderr_fd};

    if (!qemu_probe_spawn(&spawn, &probe->pid, error))
        return FALSE;
    probe->child_source = g_child_watch_add(probe->pid, on_child_exit, probe);
    return TRUE;
}

static gboolean
fail_later(gpointer data)
{
    QemuProbe *probe = data;
    g_autoptr(GError) error = NULL;

    probe->timeout_source = 0;
    vb_error_set(&error, VIR_ERR_INTERNAL_ERROR,
                 "Failed to probe QEMU binary with QMP: cannot start %s", probe->caps->path);
    finish(probe, error);
    return G_SOURCE_REMOVE;
}

/* Starts the run; @done comes from the loop, never from here. */
QemuProbe *
qemu_probe_start(QemuCaps *caps, QemuAccel accel, QemuProbeDone done, gpointer data)
{
    static const QemuQmpHandlers handlers = {.ready = on_ready};
    QemuProbe *probe = g_new0(QemuProbe, 1);
    int fds[2] = {-1, -1};

    *probe = (QemuProbe){
        .caps = qemu_caps_ref(caps), .accel = accel, .done = done, .data = data, .stderr_fd = -1};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0 ||
        !start_process(probe, fds[1], NULL)) {
        for (guint i = 0; i < 2; i++)
            if (fds[i] >= 0)
                close(fds[i]);
        probe->timeout_source = g_idle_add(fail_later, probe);
        return probe;
    }
    close(fds[1]);
    (void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
    probe->qmp = qemu_qmp_new(fds[0], &handlers, probe);
    probe->timeout_source = g_timeout_add_seconds(PROBE_TIMEOUT_S, on_timeout, probe);
    ask_all(probe);
    return probe;
}

QemuAccel
qemu_probe_get_accel(const QemuProbe *probe)
{
    return probe->accel;
}

gboolean
qemu_probe_is_finished(const QemuProbe *probe)
{
    return probe->is_finished;
}

static void
reap(GPid pid, int wait_status, gpointer data)
{
    g_spawn_close_pid(pid);
}

void
qemu_probe_free(QemuProbe *probe)
{
    if (!probe)
        return;
    probe->is_finished = TRUE;
    g_clear_pointer(&probe->qmp, qemu_qmp_free);
    g_clear_handle_id(&probe->timeout_source, g_source_remove);
    g_clear_handle_id(&probe->child_source, g_source_remove);
    if (probe->pid > 0) {
        kill(probe->pid, SIGKILL);
        g_child_watch_add(probe->pid, reap, NULL);
    }
    if (probe->stderr_fd >= 0)
        close(probe->stderr_fd);
    qemu_caps_unref(probe->caps);
    g_free(probe);
}
