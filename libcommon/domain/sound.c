/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tables of <sound> and <audio>. */
#include "domain/tables.h"

/* words of attributes that stay text */
WORDS(sample_format_words, "sample format", "u8", "s8", "u16", "s16", "u32", "s32", "f32");
WORDS(codec_words, "codec type", "duplex", "micro", "output");

VB_ENUM(vb_domain_sound_model_enum, "sound model", NULL, "sb16", "es1370", "pcspk", "ac97", "ich6",
        "ich9", "usb", "ich7");
VB_ENUM(vb_domain_audio_type_enum, "audio type", NULL, "none", "alsa", "coreaudio", "jack", "oss",
        "pulseaudio", "sdl", "spice", "file", "dbus");

static const VbXmlField codec_fields[] = {VB_XML_STR(VbDomainSoundCodec, type, "@type",
                                                     .enumeration = &codec_words,
                                                     .flags = VB_XML_UNSUPPORTED)};
static VB_XML_TYPE(codec_type, VbDomainSoundCodec, "codec", codec_fields);

static const VbXmlField sound_fields[] = {
    VB_XML_ENUMV(VbDomainSound, model, "@model", vb_domain_sound_model_enum,
                 .flags = VB_XML_REQUIRED, .abi = "sound card model"),
    VB_XML_BOOL(VbDomainSound, multichannel, "@multichannel"),
    VB_XML_LIST(VbDomainSound, codecs, "codec", codec_type),
    VB_XML_UINT(VbDomainSound, audio_id, "audio/@id"),
    VB_XML_EMBED(VbDomainSound, info, ".", vb_domain_info_type),
};
VB_XML_TYPE(vb_domain_sound_type, VbDomainSound, "sound", sound_fields,
            .doc = "A sound card of the guest.");

#define IO VbDomainAudioIo
static const VbXmlField io_fields[] = {
    VB_XML_BOOL(IO, mixing_engine, "@mixingEngine"),
    VB_XML_BOOL(IO, fixed_settings, "@fixedSettings"),
    VB_XML_UINT(IO, voices, "@voices"),
    VB_XML_UINT(IO, buffer_length_us, "@bufferLength"),
    VB_XML_STR(IO, dev, "@dev"),
    VB_XML_UINT(IO, buffer_count, "@bufferCount"),
    VB_XML_BOOL(IO, try_poll, "@tryPoll"),
    VB_XML_STR(IO, name, "@name"),
    VB_XML_STR(IO, stream_name, "@streamName"),
    VB_XML_UINT(IO, latency_us, "@latency"),
    VB_XML_STR(IO, server_name, "@serverName"),
    VB_XML_STR(IO, client_name, "@clientName"),
    VB_XML_STR(IO, connect_ports, "@connectPorts"),
    VB_XML_BOOL(IO, exact_name, "@exactName"),
    VB_XML_UINT(IO, frequency_hz, "settings/@frequency"),
    VB_XML_UINT(IO, channels, "settings/@channels"),
    VB_XML_STR(IO, format, "settings/@format", .enumeration = &sample_format_words),
};
static VB_XML_TYPE(io_type, VbDomainAudioIo, "input", io_fields);

#define A VbDomainAudio
#define WHEN(kind) VB_XML_WHEN(VbDomainAudio, type, VB_XML_BIT(VB_DOMAIN_AUDIO_##kind))
static const VbXmlField audio_fields[] = {
    VB_XML_UINT(A, id, "@id", .flags = VB_XML_REQUIRED, .min = 1, .max = G_MAXINT),
    VB_XML_ENUMV(A, type, "@type", vb_domain_audio_type_enum, .flags = VB_XML_REQUIRED),
    VB_XML_UINT(A, timer_period_us, "@timerPeriod"),
    VB_XML_STR(A, driver, "@driver", WHEN(SDL)),
    VB_XML_STR(A, path, "@path", WHEN(FILE)),
    VB_XML_STR(A, server_name, "@serverName", WHEN(PULSEAUDIO)),
    VB_XML_STR(A, runtime_dir, "@runtimeDir"),
    VB_XML_BOOL(A, try_mmap, "@tryMMap", WHEN(OSS)),
    VB_XML_BOOL(A, exclusive, "@exclusive", WHEN(OSS)),
    VB_XML_INT(A, dsp_policy, "@dspPolicy", VB_XML_HAS(A, has_dsp_policy), WHEN(OSS),
               .flags = VB_XML_ZERO_IS_VALUE),
    VB_XML_STRUCT(A, input, "input", io_type),
    VB_XML_STRUCT(A, output, "output", io_type),
};
VB_XML_TYPE(vb_domain_audio_type, VbDomainAudio, "audio", audio_fields,
            .doc = "Where on the host the guest's sound goes.");
