/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Sound cards and the host's audio back ends. */
#include "command/build.h"

/* ---- back ends ---- */

static const char *const audio_drivers[VB_DOMAIN_AUDIO_LAST] = {
    [VB_DOMAIN_AUDIO_NONE] = "none",
    [VB_DOMAIN_AUDIO_ALSA] = "alsa",
    [VB_DOMAIN_AUDIO_COREAUDIO] = "coreaudio",
    [VB_DOMAIN_AUDIO_JACK] = "jack",
    [VB_DOMAIN_AUDIO_OSS] = "oss",
    [VB_DOMAIN_AUDIO_PULSEAUDIO] = "pa",
    [VB_DOMAIN_AUDIO_SDL] = "sdl",
    [VB_DOMAIN_AUDIO_SPICE] = "spice",
    [VB_DOMAIN_AUDIO_FILE] = "wav",
    [VB_DOMAIN_AUDIO_DBUS] = "dbus",
};

static void
add_number(VbJsonWriter *json, const char *key, guint value)
{
    if (value)
        vb_json_add_uint(json, key, value);
}

static void
add_direction(VbJsonWriter *json, const char *key, const VbDomainAudioIo *io)
{
    if (!io)
        return;
    vb_json_begin_object(json, key);
    qemu_build_add_tristate(json, "mixing-engine", io->mixing_engine);
    qemu_build_add_tristate(json, "fixed-settings", io->fixed_settings);
    add_number(json, "voices", io->voices);
    add_number(json, "buffer-length", io->buffer_length_us);
    add_number(json, "frequency", io->frequency_hz);
    add_number(json, "channels", io->channels);
    vb_json_add_string(json, "format", io->format);
    vb_json_add_string(json, "dev", io->dev);
    add_number(json, "buffer-count", io->buffer_count);
    qemu_build_add_tristate(json, "try-poll", io->try_poll);
    vb_json_add_string(json, "name", io->name);
    vb_json_add_string(json, "stream-name", io->stream_name);
    add_number(json, "latency", io->latency_us);
    vb_json_add_string(json, "server-name", io->server_name);
    vb_json_add_string(json, "client-name", io->client_name);
    vb_json_add_string(json, "connect-ports", io->connect_ports);
    qemu_build_add_tristate(json, "exact-name", io->exact_name);
    vb_json_end(json);
}

static gboolean
take_audio(QemuBuild *build, const VbDomainAudio *audio, GError **error)
{
    const char *driver = audio_drivers[audio->type];
    g_autofree char *id = g_strdup_printf("audio%u", audio->id);
    VbJsonWriter *json;

    if (!driver)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED, "unsupported audio backend '%s'",
                            vb_enum_to_nick(&vb_domain_audio_type_enum, audio->type));
    json = vb_json_writer_new();
    vb_json_begin_object(json, NULL);
    vb_json_add_string(json, "id", id);
    vb_json_add_string(json, "driver", driver);
    add_number(json, "timer-period", audio->timer_period_us);
    qemu_build_add_tristate(json, "try-mmap", audio->try_mmap);
    qemu_build_add_tristate(json, "exclusive", audio->exclusive);
    if (audio->has_dsp_policy)
        vb_json_add_int(json, "dsp-policy", audio->dsp_policy);
    vb_json_add_string(json, "server", audio->server_name);
    vb_json_add_string(json, "path", audio->path);
    add_direction(json, "in", audio->input);
    add_direction(json, "out", audio->output);
    qemu_build_take_json(build, "-audiodev", json);
    return TRUE;
}

gboolean
qemu_build_audios(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainAudio, audio, build->def->audios)
    if (!take_audio(build, audio, error))
        return FALSE;
    return TRUE;
}

/* ---- cards ---- */

typedef struct {
    const char *driver;
    gboolean has_codecs; /* the audio back end belongs to codecs on the card's bus */
} SoundDriver;

static const SoundDriver sound_drivers[VB_DOMAIN_SOUND_LAST] = {
    [VB_DOMAIN_SOUND_SB16] = {"sb16", FALSE},          [VB_DOMAIN_SOUND_ES1370] = {"ES1370", FALSE},
    [VB_DOMAIN_SOUND_AC97] = {"AC97", FALSE},          [VB_DOMAIN_SOUND_ICH6] = {"intel-hda", TRUE},
    [VB_DOMAIN_SOUND_ICH9] = {"ich9-intel-hda", TRUE}, [VB_DOMAIN_SOUND_USB] = {"usb-audio", FALSE},
};

static char *
card_audio(QemuBuild *build, const VbDomainSound *sound)
{
    const VbDomainAudio *first =
        VB_DOMAIN_COUNT(build->def->audios) > 0 ? build->def->audios->pdata[0] : NULL;
    guint id = sound->audio_id ? sound->audio_id : first ? first->id : 0;

    return id ? g_strdup_printf("audio%u", id) : NULL;
}

static void
take_codec(QemuBuild *build, const VbDomainSound *sound, const char *type, guint number)
{
    g_autofree char *driver = g_strdup_printf("hda-%s", type);
    g_autofree char *id = g_strdup_printf("%s-codec%u", sound->info.alias, number);
    g_autofree char *bus = g_strdup_printf("%s.0", sound->info.alias);
    g_autofree char *audio = card_audio(build, sound);
    VbJsonWriter *json = qemu_build_device_new(driver);

    vb_json_add_string(json, "id", id);
    vb_json_add_string(json, "bus", bus);
    vb_json_add_uint(json, "cad", number);
    vb_json_add_string(json, "audiodev", audio);
    qemu_build_take_json(build, "-device", json);
}

static void
take_codecs(QemuBuild *build, const VbDomainSound *sound)
{
    guint number = 0;

    VB_DOMAIN_EACH(VbDomainSoundCodec, codec, sound->codecs)
    take_codec(build, sound, codec->type, number++);
    if (number == 0)
        take_codec(build, sound, "duplex", 0);
}

static gboolean
take_sound(QemuBuild *build, const VbDomainSound *sound, GError **error)
{
    const SoundDriver *driver = &sound_drivers[sound->model];
    g_autofree char *audio = card_audio(build, sound);
    g_autoptr(VbJsonWriter) json = NULL;

    if (!driver->driver)
        return vb_error_set(error, VIR_ERR_CONFIG_UNSUPPORTED,
                            "sound card model '%s' is not supported by qemu",
                            vb_enum_to_nick(&vb_domain_sound_model_enum, sound->model));
    if (!qemu_build_need_device(build, driver->driver, error))
        return FALSE;
    json = qemu_build_device_new(driver->driver);
    vb_json_add_string(json, "id", sound->info.alias);
    if (!driver->has_codecs)
        vb_json_add_string(json, "audiodev", audio);
    if (sound->model == VB_DOMAIN_SOUND_USB)
        qemu_build_add_tristate(json, "multi", sound->multichannel);
    if (!qemu_build_add_address(build, json, &sound->info, error))
        return FALSE;
    qemu_build_take_json(build, "-device", g_steal_pointer(&json));
    if (driver->has_codecs)
        take_codecs(build, sound);
    return TRUE;
}

gboolean
qemu_build_sounds(QemuBuild *build, GError **error)
{
    VB_DOMAIN_EACH(VbDomainSound, sound, build->def->sounds)
    {
        if (sound->model == VB_DOMAIN_SOUND_PCSPK) /* part of the machine: see qemu_build_machine */
            continue;
        if (!take_sound(build, sound, error))
            return FALSE;
    }
    return TRUE;
}
