# SPDX-License-Identifier: LGPL-2.1-or-later
"""Wrong input and a hostile machine: the error names the cause, and nothing else changed."""

import os
import uuid

import pytest

from harness import DOMAIN


@pytest.fixture
def neighbour(stack, guest_xml):
    """Another guest, defined and running: it must not notice anything."""
    stack.define(guest_xml("neighbour", plain=True, memory_mib=16))
    stack.virsh("start", "--paused", "neighbour")
    pid = stack.emulator_pid("neighbour")
    with open(stack.path("/etc/libvirt/qemu/neighbour.xml"), "rb") as f:
        stored = f.read()
    yield
    assert stack.emulator_pid("neighbour") == pid
    assert stack.virsh("domstate", "neighbour").out.strip() == "paused"
    with open(stack.path("/etc/libvirt/qemu/neighbour.xml"), "rb") as f:
        assert f.read() == stored
    left = [f for f in os.listdir(stack.path("/etc/libvirt/qemu")) if f.endswith(".xml")]
    assert left == ["neighbour.xml"]


def refuse_define(stack, xml):
    import libvirt
    connection = stack.open()
    try:
        with pytest.raises(libvirt.libvirtError) as caught:
            connection.defineXML(xml)
        return caught.value.get_error_code(), caught.value.get_error_message()
    finally:
        connection.close()


BAD_XML = {
    "empty": ("", ""),
    "no xml": ("hello", "Start tag expected"),
    "cut off": ("<domain type='qemu'><name>x", ""),
    "other root": ("<network/>", "domain"),
    "unknown type": ("<domain type='warp'><name>x</name></domain>", "warp"),
    "no name": ("<domain type='qemu'><memory>1</memory><os><type>hvm</type></os></domain>", "name"),
    "slash": ("<domain type='qemu'><name>a/b</name><memory>1024</memory>"
              "<os><type>hvm</type></os></domain>", "name"),
    "no os type": ("<domain type='qemu'><name>x</name><memory>1024</memory></domain>", ""),
    "bad uuid": ("<domain type='qemu'><name>x</name><uuid>no</uuid><memory>1024</memory>"
                 "<os><type>hvm</type></os></domain>", "uuid"),
    "bad unit": ("<domain type='qemu'><name>x</name><memory unit='ells'>1024</memory>"
                 "<os><type>hvm</type></os></domain>", "ells"),
    "bad disk": ("<domain type='qemu'><name>x</name><memory>1024</memory><os><type>hvm</type></os>"
                 "<devices><disk type='cloud'><target dev='vda'/></disk></devices></domain>", "cloud"),
    "external entity": ("<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
                        "<domain type='qemu'><name>&e;</name></domain>", ""),
    "billion laughs": ("<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'>" + "".join(
        "<!ENTITY %s '%s'>" % (b, ("&%s;" % a) * 10) for a, b in zip("abcdefghij", "bcdefghijk"))
        + "]><domain type='qemu'><name>&k;</name></domain>", ""),
    "deep": ("<domain type='qemu'>" + "<a>" * 5000 + "</a>" * 5000 + "</domain>", ""),
    "many vcpus": ("<domain type='qemu'><name>x</name><memory>1024</memory><vcpu>99999999999</vcpu>"
                   "<os><type>hvm</type></os></domain>", "vcpu"),
}


@pytest.mark.parametrize("case", sorted(BAD_XML))
def test_bad_definitions_are_refused(stack, neighbour, case):
    xml, word = BAD_XML[case]
    code, message = refuse_define(stack, xml)
    assert word.lower() in message.lower()
    assert code != 1, "internal error for a user's mistake: " + message


def test_huge_definitions(stack, neighbour):
    big = "<domain type='qemu'><name>x</name><description>%s</description></domain>"
    code, message = refuse_define(stack, big % ("y" * (3 << 20)))
    assert message
    code, message = refuse_define(stack, big % ("y" * (4 << 20)))    # over a string's limit on the wire
    assert message


def test_duplicates(stack, guest_xml, neighbour):
    other = guest_xml("neighbour", plain=True)
    same_name = other.replace(str(uuid.uuid5(uuid.NAMESPACE_DNS, "neighbour")), str(uuid.uuid4()))
    code, message = refuse_define(stack, same_name)
    assert code == 9
    assert message.startswith("operation failed: domain 'neighbour' already exists with uuid ")
    code, message = refuse_define(stack, other.replace("<name>neighbour<", "<name>other<"))
    assert message == "operation failed: domain 'neighbour' is already defined with uuid " + str(
        uuid.uuid5(uuid.NAMESPACE_DNS, "neighbour"))


def refuse_start(stack, name):
    result = stack.virsh("start", name, check=False)
    assert result.status != 0
    assert stack.virsh("domstate", name).out.strip() == "shut off"
    assert stack.emulator_pid(name) == 0
    return result.err


@pytest.fixture
def doomed(stack, guest_xml, neighbour):
    def make(devices="", **options):
        stack.define(guest_xml("doomed", devices, plain=True, memory_mib=16, **options))
    yield make
    stack.virsh("undefine", "doomed")


def test_missing_disk(stack, doomed):
    doomed("<disk type='file' device='disk'><driver name='qemu' type='raw'/>"
           "<source file='/nowhere/disk.img'/><target dev='vda' bus='virtio'/></disk>")
    said = refuse_start(stack, "doomed")
    assert "/nowhere/disk.img" in said and "No such file or directory" in said


def test_emulator_that_exits_at_once(stack, doomed, guest_xml):
    script = stack.path("dying-qemu")
    with open(script, "w") as f:
        f.write("#!/bin/sh\ncase \"$*\" in *guest=*) echo 'the flux is off' >&2; exit 3;; esac\n"
                "exec /usr/bin/qemu-system-x86_64 \"$@\"\n")
    os.chmod(script, 0o755)
    stack.define(guest_xml("doomed", plain=True, memory_mib=16).replace(
        "/usr/bin/qemu-system-x86_64", script))
    assert "the flux is off" in refuse_start(stack, "doomed")


def test_missing_emulator(stack, doomed, guest_xml):
    import libvirt
    xml = guest_xml("doomed", plain=True).replace("/usr/bin/qemu-system-x86_64", "/nowhere/qemu")
    try:
        stack.open().defineXML(xml)
    except libvirt.libvirtError as error:
        assert "/nowhere/qemu" in str(error)
        stack.define(guest_xml("doomed", plain=True))    # for the fixture's end
    else:
        assert "/nowhere/qemu" in refuse_start(stack, "doomed")


@pytest.mark.parametrize("call", ["Suspend", "Resume", "Destroy", "Shutdown", "Reset", "Reboot"])
def test_calls_on_a_guest_that_does_not_run(stack, doomed, call):
    doomed()
    path = stack.domain("doomed")
    args = [] if call in ("Suspend", "Resume") else ["u", "0"]
    result = stack.busctl("call", "org.virtbus.Qemu", path, DOMAIN, call, *args, check=False)
    assert result.status != 0
    assert "Requested operation is not valid: domain is not running" in result.err


def test_start_twice(stack, neighbour):
    result = stack.virsh("start", "neighbour", check=False)
    assert "Domain is already active" in result.err or "domain is already running" in result.err
    path = stack.domain("neighbour")
    result = stack.busctl("call", "org.virtbus.Qemu", path, DOMAIN, "Create", "u", "0", check=False)
    assert "Requested operation is not valid: domain is already running" in result.err


def test_full_disk_while_defining(short_root, small_disk, make_stack, guest_xml):
    small_disk(short_root, 4)
    stack = make_stack(root=short_root)
    stack.define(guest_xml("first", plain=True))
    with open(short_root + "/ballast", "wb", buffering=0) as f:       # a buffer would fail once more, when it is closed
        with pytest.raises(OSError):
            while True:
                f.write(b"x" * 65536)
    code, message = refuse_define(stack, guest_xml("second", plain=True))
    assert "No space left on device" in message
    code, message = refuse_define(stack, guest_xml("first", plain=True).replace(
        "<vcpu>1<", "<vcpu>2<"))
    assert "No space left on device" in message
    assert stack.virsh("list", "--all", "--name").out.split() == ["first"]
    assert "<vcpu placement='static'>1</vcpu>" in stack.virsh("dumpxml", "first").out
    os.unlink(short_root + "/ballast")
    stack.define(guest_xml("second", plain=True))
    stack.kill("virtqemud")
    assert sorted(stack.virsh("list", "--all", "--name").out.split()) == ["first", "second"]


def test_malformed_device(stack, neighbour, tmp_path):
    """Nobody can say what it was to be: libvirt's users know it as the definition of a device."""
    path = tmp_path / "device.xml"
    path.write_text("<disk type='file'><target")
    for verb in ("attach-device", "detach-device", "update-device"):
        err = stack.virsh(verb, "neighbour", str(path), check=False).err
        assert "(device_definition):1:" in err and "^" in err, err


def test_unknown_things(stack, neighbour):
    assert "failed to get domain 'nobody'" in stack.virsh("dominfo", "nobody", check=False).err
    result = stack.virsh("vol-list", "default", check=False)
    assert "this function is not supported by the connection driver: virStoragePoolLookupByName" \
        in result.err
    result = stack.run("virsh", "-c", "esx://host/", "list", check=False)
    assert result.status != 0
    path = "/org/virtbus/qemu/domain/00000000_0000_0000_0000_000000000000"
    result = stack.busctl("call", "org.virtbus.Qemu", path, DOMAIN, "Create", "u", "0", check=False)
    assert result.status != 0
