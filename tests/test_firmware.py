# SPDX-License-Identifier: LGPL-2.1-or-later
"""Firmware: chosen from descriptors, started for real, its variables kept."""

import json
import os
import re
import shutil
import xml.etree.ElementTree as ET

import libvirt
import pytest

from harness import Console

CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
SECURE = "/usr/share/OVMF/OVMF_CODE_4M.secboot.fd"
KEYS = "/usr/share/OVMF/OVMF_CODE_4M.ms.fd"
VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"
KEYS_VARS = "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"
PLAIN = "<firmware><feature enabled='no' name='secure-boot'/></firmware>"
MANUAL = "<loader readonly='yes' type='pflash'>%s</loader>" % CODE
SHELL = "Shell> "
VARIABLE = "kept -guid 11112222-3333-4444-5555-666677778888"

pytestmark = pytest.mark.skipif(not os.path.exists(CODE), reason="package ovmf is not there")


def efi(name="uefi", attributes=" firmware='efi'", inside="", machine="q35", devices="",
        features="<acpi/>", memory_mib=96, extra=""):
    """A guest with nothing but firmware and a serial port."""
    return """<domain type='qemu'>
  <name>%s</name>
  <memory unit='MiB'>%d</memory>
  <os%s><type arch='x86_64' machine='%s'>hvm</type>%s</os>
  <features>%s</features>%s
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <serial type='pty'/>
    <memballoon model='none'/>
    %s
  </devices>
</domain>
""" % (name, memory_mib, attributes, machine, inside, features, extra, devices)


def os_of(domain, flags=0):
    return ET.fromstring(domain.XMLDesc(flags)).find("os")


def nvram(stack, name):
    return stack.path("/var/lib/libvirt/qemu/nvram/%s_VARS.fd" % name)


def content(path):
    with open(path, "rb") as f:
        return f.read()


def refused(code, text, call, *args):
    with pytest.raises(libvirt.libvirtError) as caught:
        call(*args)
    assert (caught.value.get_error_code(), caught.value.get_error_message()) == (code, text)


def describe(stack, name, text):
    """Puts a descriptor into the host's folder; "" hides the one of that name."""
    folder = stack.path("/etc/qemu/firmware")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "w") as f:
        f.write(text)


@pytest.fixture
def connection(stack):
    opened = stack.open()
    yield opened
    opened.close()


# what is asked for, machine, features -> image, template, SMM, secure
CHOICES = [
    ("", "q35", KEYS, KEYS_VARS, "on", "yes"),
    ("", "pc", CODE, VARS, None, None),
    (PLAIN, "q35", CODE, VARS, None, None),
    ("<loader secure='yes'/>", "q35", KEYS, KEYS_VARS, "on", "yes"),
    ("<firmware><feature enabled='no' name='enrolled-keys'/></firmware>", "q35", SECURE, VARS,
     "on", "yes"),
    ("<firmware><feature enabled='yes' name='enrolled-keys'/></firmware>", "q35", KEYS, KEYS_VARS,
     "on", "yes"),
]


@pytest.mark.parametrize("inside,machine,image,template,smm,secure", CHOICES)
def test_a_start_chooses(stack, connection, inside, machine, image, template, smm, secure):
    domain = connection.defineXML(efi("chosen", inside=inside, machine=machine))
    assert os_of(domain).get("firmware") == "efi" and os_of(domain).find("nvram") is None
    domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
    live = ET.fromstring(domain.XMLDesc())
    loader, store = live.find("os/loader"), live.find("os/nvram")
    assert live.find("os").get("firmware") is None
    assert (loader.text, loader.get("type"), loader.get("readonly")) == (image, "pflash", "yes")
    assert loader.get("secure") == secure
    assert (store.text, store.get("template")) == (nvram(stack, "chosen"), template)
    assert (live.find("features/smm").get("state") if smm else live.find("features/smm")) == smm
    # the emulator has that image and those variables, which are a copy of the template
    blocks = json.loads(stack.virsh("qemu-monitor-command", "chosen",
                                    '{"execute":"query-named-block-nodes"}').out)["return"]
    files = {b["node-name"]: b for b in blocks}
    assert files["libvirt-pflash0-storage"]["file"] == image
    assert files["libvirt-pflash1-storage"]["file"] == nvram(stack, "chosen")
    assert files["libvirt-pflash0-format"]["ro"] and not files["libvirt-pflash1-format"]["ro"]
    assert os.stat(nvram(stack, "chosen")).st_mode & 0o777 == 0o600
    # what is stored still says what was asked for
    assert os_of(domain, libvirt.VIR_DOMAIN_XML_INACTIVE).get("firmware") == "efi"
    assert os_of(domain, libvirt.VIR_DOMAIN_XML_INACTIVE).find("nvram") is None


def test_refusals(connection):
    detail, unsupported = libvirt.VIR_ERR_XML_DETAIL, libvirt.VIR_ERR_CONFIG_UNSUPPORTED
    auto = " cannot be specified when firmware autoselection is enabled"
    for code, text, options in (
            (unsupported, "unsupported configuration: UEFI requires ACPI on this architecture",
             {"features": ""}),
            (unsupported, "unsupported configuration: Secure boot is supported with q35 machine "
             "types only", {"inside": "<loader secure='yes'/>", "machine": "pc"}),
            (detail, "loader attribute 'readonly'" + auto, {"inside": "<loader readonly='yes'/>"}),
            (detail, "loader attribute 'type'" + auto, {"inside": "<loader type='pflash'/>"}),
            (detail, "loader attribute 'type'" + auto, {"inside": "<loader>%s</loader>" % CODE}),
            (detail, "loader attribute 'secure'" + auto, {"inside": "<loader secure='no'/>"}),
            (detail, "nvram attribute 'template'" + auto, {"inside": "<nvram template='/x'/>"}),
            (detail, "firmware feature 'enrolled-keys' cannot be enabled when firmware feature "
             "'secure-boot' is disabled",
             {"inside": "<firmware><feature enabled='no' name='secure-boot'/>"
                        "<feature enabled='yes' name='enrolled-keys'/></firmware>"})):
        refused(code, text, connection.defineXML, efi(**options))
    with pytest.raises(libvirt.libvirtError) as caught:
        connection.defineXML(
            efi(inside="<firmware><feature enabled='no' name='more'/></firmware>"))
    assert caught.value.get_error_code() == libvirt.VIR_ERR_XML_ERROR
    assert "XML error: Invalid value for attribute 'name' in element 'feature': 'more'." \
        in str(caught.value)
    for what, options in (("efi", {"inside": "<loader stateless='yes'/>"}),
                          ("efi", {"extra": "<pm><suspend-to-disk enabled='yes'/></pm>"}),
                          ("bios", {"attributes": " firmware='bios'"})):
        refused(libvirt.VIR_ERR_OPERATION_FAILED,
                "operation failed: Unable to find any firmware to satisfy '%s'" % what,
                connection.createXML, efi(**options))
    refused(libvirt.VIR_ERR_OPERATION_INVALID,
            "Requested operation is not valid: domain has SMM turned off but chosen firmware "
            "requires it", connection.createXML, efi(features="<acpi/><smm state='off'/>"))
    refused(libvirt.VIR_ERR_OPERATION_FAILED,
            "operation failed: unable to find any master var store for loader: /own/code.fd",
            connection.createXML, efi(attributes="", inside=MANUAL.replace(CODE, "/own/code.fd")))
    refused(libvirt.VIR_ERR_SYSTEM_ERROR,
            "Failed to open file '/none': No such file or directory", connection.createXML,
            efi(attributes="", inside=MANUAL + "<nvram template='/none'/>"))
    assert connection.listAllDomains() == []


def test_the_hosts_own_descriptors(stack, connection):
    """They come before the distribution's, hide them, and may be broken."""
    def loader():
        domain = connection.createXML(efi(), libvirt.VIR_DOMAIN_START_PAUSED)
        found = os_of(domain).find("loader").text
        domain.destroy()
        return found

    names = os.listdir("/usr/share/qemu/firmware")
    with_keys = [n for n in names if "enrolled" in n]
    assert loader() == KEYS and with_keys
    for name in with_keys:
        describe(stack, name, "")
    assert loader() == SECURE
    own = {"description": "", "interface-types": ["uefi"],
           "mapping": {"device": "flash", "executable": {"filename": CODE, "format": "raw"},
                       "nvram-template": {"filename": VARS, "format": "raw"}},
           "targets": [{"architecture": "x86_64", "machines": ["pc-q35-*"]}],
           "features": ["of-tomorrow"], "tags": []}
    describe(stack, "00-own.json", json.dumps(own))
    assert loader() == CODE
    describe(stack, "00-own.json", "{")
    assert loader() == SECURE
    assert "ignoring firmware descriptor '%s" % stack.path("/etc/qemu/firmware/00-own.json") \
        in stack.log("virtqemud")
    describe(stack, "00-own.json", json.dumps(dict(own, **{
        "interface-types": ["bios"],
        "mapping": {"device": "memory", "filename": "/usr/share/seabios/bios-256k.bin"}})))
    bios = connection.createXML(efi(attributes=" firmware='bios'"), 1)
    assert ET.tostring(os_of(bios).find("loader"), "unicode").strip() == \
        "<loader type=\"rom\">/usr/share/seabios/bios-256k.bin</loader>"
    bios.destroy()
    for name in names:
        describe(stack, name, "")
    refused(libvirt.VIR_ERR_OPERATION_FAILED,
            "operation failed: Unable to find any firmware to satisfy 'efi'",
            connection.createXML, efi())


def test_domain_capabilities(connection):
    def section(machine):
        text = connection.getDomainCapabilities(None, None, machine, "qemu")
        tree = ET.fromstring(text).find("os")
        enums = {e.get("name"): [v.text for v in e.findall("value")] for e in tree.iter("enum")}
        return enums, [v.text for v in tree.findall("loader/value")]
    enums, loaders = section("q35")
    assert enums == {"firmware": ["efi"], "type": ["rom", "pflash"], "readonly": ["yes", "no"],
                     "secure": ["yes", "no"]}
    assert loaders == [KEYS, SECURE, CODE]
    enums, loaders = section("pc")
    assert enums["firmware"] == ["efi"] and enums["secure"] == ["no"] and loaders == [CODE]


def test_variables_are_the_guests_own(stack, connection):
    """Made once, kept by undefine or removed with it, made anew when asked."""
    domain = connection.defineXML(efi("own"))
    path = nvram(stack, "own")
    assert not os.path.exists(path)
    domain.createWithFlags(1)
    assert content(path) == content(KEYS_VARS)
    domain.destroy()
    with open(path, "r+b") as f:
        f.write(b"mine")
    changed = content(path)
    domain.createWithFlags(1)
    assert content(path) == changed
    domain.destroy()
    domain.createWithFlags(1 | libvirt.VIR_DOMAIN_START_RESET_NVRAM)
    assert content(path) == content(KEYS_VARS)
    domain.destroy()
    refused(libvirt.VIR_ERR_OPERATION_INVALID,
            "Requested operation is not valid: cannot undefine domain with nvram", domain.undefine)
    domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM)
    assert os.path.exists(path)
    domain = connection.defineXML(efi("own"))
    domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
    assert not os.path.exists(path)


def test_variables_by_hand(stack, connection, tmp_path):
    manual = {"attributes": "", "machine": "pc"}
    # a template that is given, a place that is given
    mine, template = str(tmp_path / "mine.fd"), str(tmp_path / "template.fd")
    shutil.copy(VARS, template)
    with open(template, "r+b") as f:
        f.seek(-4, os.SEEK_END)
        f.write(b"mine")
    domain = connection.createXML(
        efi("a", inside=MANUAL + "<nvram template='%s'>%s</nvram>" % (template, mine), **manual), 1)
    assert content(mine) == content(template)
    domain.destroy()
    # nothing is given but an image that somebody described
    domain = connection.defineXML(efi("b", inside=MANUAL, **manual))
    assert os_of(domain).find("nvram").text == nvram(stack, "b")
    domain.createWithFlags(1)
    assert os_of(domain).find("nvram").get("template") == VARS
    assert content(nvram(stack, "b")) == content(VARS)
    domain.destroy()
    # qcow2 from a raw template
    domain = connection.createXML(efi("c", inside=MANUAL + "<nvram format='qcow2'/>", **manual), 1)
    info = json.loads(stack.run("qemu-img", "info", "-U", "--output=json", nvram(stack, "c")).out)
    assert info["format"] == "qcow2" and info["virtual-size"] == os.path.getsize(VARS)
    assert sorted(os.listdir(os.path.dirname(nvram(stack, "c")))) == ["b_VARS.fd", "c_VARS.fd"]
    domain.destroy()
    # no variables at all
    domain = connection.createXML(
        efi("d", inside=MANUAL.replace("type=", "stateless='yes' type="), **manual), 1)
    assert os_of(domain).find("nvram") is None and not os.path.exists(nvram(stack, "d"))
    domain.destroy()


def test_saved_with_what_it_was_started_with(stack, connection):
    domain = connection.defineXML(efi("saved", inside=PLAIN))
    domain.create()
    domain.managedSave()
    describe(stack, "00-none.json", "{}")
    for name in os.listdir("/usr/share/qemu/firmware"):
        describe(stack, name, "")
    domain.create()
    assert os_of(domain).find("loader").text == CODE
    assert os_of(domain).find("firmware/feature").get("enabled") == "no"
    domain.destroy()


def test_native_command_line(connection):
    text = connection.domainXMLToNative("qemu-argv", efi(inside=PLAIN), 0)
    assert CODE in text and "pflash0=libvirt-pflash0-format" in text
    assert "nvram/uefi_VARS.fd" in text and "secure,value=on" not in text


def console_of(domain):
    return Console(ET.fromstring(domain.XMLDesc()).find("devices/serial/source").get("path"))


def plain(text):
    """Without what moves the cursor and chooses colours."""
    return re.sub(r"\x1b\[[0-9;=?]*[A-Za-z]", "", text)


def shell(console):
    console.wait_for("UEFI Interactive Shell", 120)
    console.wait_for("Press", 60)
    os.write(console.fd, b"\x1b")      # no startup.nsh
    console.wait_for(SHELL, 60)


def command(console, text):
    os.write(console.fd, text.encode() + b"\r")
    return plain(console.wait_for(SHELL, 60))


def test_a_guest_boots_and_keeps_its_variables(stack, connection):
    """OVMF's shell on the serial port sets a variable, which is there after the next start."""
    domain = connection.defineXML(efi("shell", inside=PLAIN, memory_mib=128))
    domain.create()
    console = console_of(domain)
    shell(console)
    assert "Unable to get" in command(console, "setvar " + VARIABLE)
    command(console, "setvar %s -nv -bs =0x5649525442555321" % VARIABLE)
    console.close()
    domain.destroy()
    assert b"k\0e\0p\0t\0" in content(nvram(stack, "shell"))
    domain.create()
    console = console_of(domain)
    shell(console)
    assert "21 53 55 42 54 52 49 56" in command(console, "setvar " + VARIABLE)
    console.close()
    domain.destroy()
