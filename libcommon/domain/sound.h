/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <sound> (the guest's card) and <audio> (the host's back end). */
#pragma once
#include "domain/device-info.h"

typedef enum {
    VB_DOMAIN_SOUND_NONE,
    VB_DOMAIN_SOUND_SB16,
    VB_DOMAIN_SOUND_ES1370,
    VB_DOMAIN_SOUND_PCSPK,
    VB_DOMAIN_SOUND_AC97,
    VB_DOMAIN_SOUND_ICH6,
    VB_DOMAIN_SOUND_ICH9,
    VB_DOMAIN_SOUND_USB,
    VB_DOMAIN_SOUND_ICH7,
    VB_DOMAIN_SOUND_LAST
} VbDomainSoundModel;

typedef struct {
    char *type;
} VbDomainSoundCodec;

typedef struct {
    int model; /* VbDomainSoundModel */
    VbTristate multichannel;
    GPtrArray *codecs; /* VbDomainSoundCodec */
    guint audio_id;
    VbDomainDeviceInfo info;
} VbDomainSound;

typedef enum {
    VB_DOMAIN_AUDIO_UNSET,
    VB_DOMAIN_AUDIO_NONE,
    VB_DOMAIN_AUDIO_ALSA,
    VB_DOMAIN_AUDIO_COREAUDIO,
    VB_DOMAIN_AUDIO_JACK,
    VB_DOMAIN_AUDIO_OSS,
    VB_DOMAIN_AUDIO_PULSEAUDIO,
    VB_DOMAIN_AUDIO_SDL,
    VB_DOMAIN_AUDIO_SPICE,
    VB_DOMAIN_AUDIO_FILE,
    VB_DOMAIN_AUDIO_DBUS,
    VB_DOMAIN_AUDIO_LAST
} VbDomainAudioType;

typedef struct { /* <input> or <output> of <audio> */
    VbTristate mixing_engine, fixed_settings;
    guint voices, buffer_length_us, frequency_hz, channels;
    char *format;
    char *dev; /* alsa, oss */
    guint buffer_count;
    VbTristate try_poll;
    char *name, *stream_name;
    guint latency_us; /* pulseaudio */
    char *server_name, *client_name, *connect_ports;
    VbTristate exact_name; /* jack */
} VbDomainAudioIo;

typedef struct {
    guint id;
    int type; /* VbDomainAudioType */
    guint timer_period_us;
    char *driver, *path, *server_name, *runtime_dir;
    VbTristate try_mmap, exclusive;
    gint dsp_policy;
    gboolean has_dsp_policy;
    VbDomainAudioIo *input, *output;
} VbDomainAudio;

extern const VbEnum vb_domain_sound_model_enum, vb_domain_audio_type_enum;
extern const VbXmlType vb_domain_sound_type, vb_domain_audio_type;
