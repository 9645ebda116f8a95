# SPDX-License-Identifier: LGPL-2.1-or-later
"""Saved guests: their memory on disk, whatever dies meanwhile."""

import glob
import os
import re
import signal
import struct
import threading
import xml.etree.ElementTree as ET

import libvirt
import pytest
from gi.repository import GLib

from harness import wait_for

IMAGE = "/var/lib/libvirt/qemu/save/guest.save"
HEADER = struct.Struct("=16s5I56x")


def reason(stack, name="guest"):
    return stack.virsh("domstate", "--reason", name).out.strip()


def has_image(stack):
    return "Managed save:   yes" in stack.virsh("dominfo", "guest").out


def leftovers(stack):
    return glob.glob(stack.path("/var/lib/libvirt/qemu/save/.vbtmp-*"))


def boot(stack, guest_xml):
    stack.define(guest_xml())
    stack.virsh("start", "guest")
    console = stack.console("guest")
    console.wait_ready()
    assert console.run("marker=kept-in-memory")[0] == 0
    return console


def lifecycle(recorder):
    """(event, detail) of the guest's life, in order."""
    return [(args[3]["event"], args[3]["detail"]) for _, _, member, args in recorder.records
            if member == "Event" and args[1] == "lifecycle"]


def test_managed_save_and_restore(stack, guest_xml):
    console = boot(stack, guest_xml)
    recorder = stack.record(member="Event")
    stack.virsh("managedsave", "guest", timeout=60)
    console.close()
    assert reason(stack) == "shut off (saved)"
    assert has_image(stack) and not leftovers(stack)
    with open(stack.path(IMAGE), "rb") as f:
        magic, version, length, running, compressed, cookie = HEADER.unpack(f.read(HEADER.size))
        xml = f.read(length)
    assert (magic, version, running, compressed) == (b"LibvirtQemudSave", 2, 1, 0)
    assert cookie == 0 and xml.rstrip(b"\0").endswith(b"</domain>\n") and b"<name>guest</name>" in xml
    assert stack.emulator_pid("guest") == 0

    assert "<name>guest</name>" in stack.virsh("managedsave-dumpxml", "guest").out
    saved = stack.virsh("save-image-dumpxml", stack.path(IMAGE)).out
    assert "<uuid>" in saved and "<memballoon model='virtio'>" in saved
    stack.virsh("start", "guest", timeout=60)
    err = stack.virsh("managedsave-dumpxml", "guest", check=False).err
    assert "does not have managed save image" in err
    assert reason(stack) == "running (restored)"
    assert not has_image(stack) and not os.path.exists(stack.path(IMAGE))
    console = stack.console("guest")
    status, out = console.run("echo $marker")
    assert (status, out.strip()) == (0, "kept-in-memory")
    assert lifecycle(recorder) == [
        (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED),
        (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_SAVED),
        (libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_STARTED_RESTORED),
        (libvirt.VIR_DOMAIN_EVENT_RESUMED, libvirt.VIR_DOMAIN_EVENT_RESUMED_UNPAUSED)]
    assert [args[1] for _, _, _, args in recorder.records].count("job-completed") == 1


def test_saved_paused_restored_paused(stack, guest_xml):
    stack.define(guest_xml(plain=True))
    stack.virsh("start", "guest", "--paused")
    stack.virsh("managedsave", "guest", timeout=60)
    stack.kill("virtqemud")
    assert has_image(stack)
    stack.virsh("start", "guest", timeout=60)
    assert reason(stack) == "paused (user)"
    stack.virsh("managedsave", "guest", "--running", timeout=60)
    stack.virsh("start", "guest", timeout=60)
    assert reason(stack) == "running (restored)"


def test_refusals_and_removal(stack, guest_xml):
    stack.define(guest_xml(plain=True))
    assert "domain is not running" in stack.virsh("managedsave", "guest", check=False).err
    stack.virsh("start", "guest")
    stack.virsh("managedsave", "guest", timeout=60)
    err = stack.virsh("undefine", "guest", check=False).err
    assert "Refusing to undefine while domain managed save image exists" in err
    stack.virsh("managedsave-remove", "guest")
    assert not has_image(stack)
    stack.virsh("start", "guest")
    assert reason(stack) == "running (booted)"
    stack.virsh("managedsave", "guest", timeout=60)
    stack.virsh("start", "guest", "--force-boot")
    assert reason(stack) == "running (booted)" and not has_image(stack)
    stack.virsh("managedsave", "guest", timeout=60)
    stack.virsh("undefine", "guest", "--managed-save")
    assert not os.path.exists(stack.path(IMAGE))


def test_incomplete_image_is_dropped_and_a_strange_one_is_not(stack, guest_xml):
    stack.define(guest_xml(plain=True))
    os.makedirs(os.path.dirname(stack.path(IMAGE)), exist_ok=True)
    with open(stack.path(IMAGE), "wb") as f:
        f.write(HEADER.pack(b"LibvirtQemudSane", 2, 10, 1, 0, 0) + b"<domain/>\0")
    err = stack.virsh("start", "guest", check=False).err
    assert "image magic is incorrect" in err and os.path.exists(stack.path(IMAGE))
    with open(stack.path(IMAGE), "wb") as f:
        f.write(HEADER.pack(b"LibvirtQemudPart", 2, 10, 1, 0, 0) + b"<domain/>\0")
    stack.virsh("start", "guest")
    assert reason(stack) == "running (booted)" and not os.path.exists(stack.path(IMAGE))


def test_save_to_a_file(stack, guest_xml):
    path = stack.path("saved")
    console = boot(stack, guest_xml)
    stack.virsh("save", "guest", path, timeout=60)
    console.close()
    assert reason(stack) == "shut off (saved)" and not has_image(stack)
    stack.virsh("restore", path, timeout=60)
    assert reason(stack) == "running (restored)" and os.path.exists(path)
    console = stack.console("guest")
    assert console.run("echo $marker")[1].strip() == "kept-in-memory"
    err = stack.virsh("restore", path, check=False).err
    assert "domain 'guest' is already active" in err
    stack.virsh("destroy", "guest")
    stack.virsh("undefine", "guest")
    stack.virsh("restore", path, "--paused", timeout=60)
    assert reason(stack).startswith("paused")
    assert "Persistent:     no" in stack.virsh("dominfo", "guest").out
    assert "cannot do managed save for transient domain" in \
        stack.virsh("managedsave", "guest", check=False).err
    bad = stack.path("bad")
    with open(bad, "wb") as f:
        f.write(b"no image")
    assert "failed to read qemu header" in stack.virsh("restore", bad, check=False).err


def start_slow_save(stack, conn):
    """A save that takes minutes; returns the thread that waits for it, and its errors."""
    errors = []

    def run():
        try:
            conn.lookupByName("guest").managedSave()
        except libvirt.libvirtError as e:
            errors.append(e)
    thread = threading.Thread(target=run)
    thread.start()
    wait_for(lambda: leftovers(stack), 10, "the file that is being written")
    wait_for(lambda: reason(stack) == "paused (saving)", 10, "paused guest")      # before that there is nothing to cancel
    return thread, errors


@pytest.fixture
def slow_stack(make_stack):
    return make_stack(env={"VIRTBUS_SAVE_SPEED": "100000"})


def test_save_is_watched_and_cancelled(slow_stack, guest_xml):
    stack = slow_stack
    console = boot(stack, guest_xml)
    domain = stack.open().lookupByName("guest")
    thread, errors = start_slow_save(stack, stack.open())
    wait_for(lambda: domain.jobInfo()[0] == libvirt.VIR_DOMAIN_JOB_UNBOUNDED, 10, "job")
    wait_for(lambda: domain.jobStats()["memory_processed"] > 0, 10, "progress")
    assert domain.jobStats()["operation"] == libvirt.VIR_DOMAIN_JOB_OPERATION_SAVE
    job = stack.call("/org/virtbus/qemu/job/1", "org.freedesktop.DBus.Properties.GetAll",
                     GLib.Variant("(s)", ("org.virtbus.Job1",)))[0]
    assert (job["Operation"], job["State"], job["Subject"]) == \
        ("save", "running", stack.domain("guest"))
    for args in (("resume",), ("managedsave",), ("undefine",)):
        err = stack.virsh(args[0], "guest", check=False).err
        assert "cannot acquire state change lock (held by save)" in err
    stack.virsh("domjobabort", "guest")
    thread.join(20)
    assert errors[0].get_error_code() == libvirt.VIR_ERR_OPERATION_ABORTED
    assert "canceled by client" in errors[0].get_error_message()
    assert reason(stack) == "running (save canceled)"
    assert not has_image(stack) and not leftovers(stack)
    assert console.run("echo $marker")[1].strip() == "kept-in-memory"
    assert "no job is active" in stack.virsh("domjobabort", "guest", check=False).err
    assert stack.get("/org/virtbus/qemu/job/1", "org.virtbus.Job1", "State") == "cancelled"


def test_guest_destroyed_while_it_is_saved(slow_stack, guest_xml):
    stack = slow_stack
    stack.define(guest_xml())
    stack.virsh("start", "guest")
    thread, errors = start_slow_save(stack, stack.open())
    stack.virsh("destroy", "guest")
    thread.join(20)
    assert "domain is no longer running" in errors[0].get_error_message()
    assert reason(stack) == "shut off (destroyed)"
    wait_for(lambda: not leftovers(stack), 5, "removal of the file")
    assert not has_image(stack)


def test_daemon_killed_while_a_guest_is_saved(slow_stack, guest_xml):
    stack = slow_stack
    console = boot(stack, guest_xml)
    thread, errors = start_slow_save(stack, stack.open())
    emulator = stack.emulator_pid("guest")
    stack.kill("virtqemud")
    thread.join(20)
    assert errors
    wait_for(lambda: reason(stack) == "running (save canceled)", 30, "running guest")
    assert stack.emulator_pid("guest") == emulator
    assert not has_image(stack) and not leftovers(stack)
    assert console.run("echo $marker")[1].strip() == "kept-in-memory"


@pytest.mark.parametrize("step, is_saved", [
    ("save-noted", False), ("save-created", False), ("save-begun", False), ("save-migrated", False),
    ("save-written", True)])
def test_daemon_killed_at_each_step_of_a_save(make_stack, guest_xml, step, is_saved):
    stack = make_stack(env={"VIRTBUS_CRASH_AT": step})
    stack.define(guest_xml(plain=True))
    stack.virsh("start", "guest")
    assert stack.virsh("managedsave", "guest", check=False, timeout=60).status != 0
    wanted = "shut off (saved)" if is_saved else "running"
    wait_for(lambda: reason(stack).startswith(wanted), 10, wanted)
    assert has_image(stack) == is_saved and not leftovers(stack)


@pytest.mark.parametrize("step", ["restore-loaded", "restore-runs"])
def test_daemon_killed_at_each_step_of_a_restore(make_stack, guest_xml, step):
    stack = make_stack(env={"VIRTBUS_CRASH_AT": step})
    stack.define(guest_xml(plain=True))
    stack.virsh("start", "guest")
    stack.virsh("managedsave", "guest", timeout=60)
    stack.virsh("start", "guest", check=False, timeout=60)
    wait_for(lambda: reason(stack).startswith("running"), 30, "running guest")
    wait_for(lambda: not has_image(stack), 10, "end of the image")


def test_image_with_what_libvirt_leaves_out(stack, guest_xml):
    """libvirt's images have no entry for the first PCI bus, and its own notes behind the XML."""
    path = stack.path("saved")
    console = boot(stack, guest_xml)
    stack.virsh("save", "guest", path, timeout=60)
    console.close()
    with open(path, "rb") as f:
        head = HEADER.unpack(f.read(HEADER.size))
        xml = f.read(head[2]).rstrip(b"\0").decode()
        memory = f.read()
    short = re.sub(r"\n *<controller type='pci' index='0' model='pci-root'/>", "", xml)
    assert "model='pci-root'" not in short
    body, cookie = short.encode() + b"\0", b"<cookie>\n</cookie>\n\0"
    with open(path, "wb") as f:
        f.write(HEADER.pack(*head[:2], len(body + cookie), *head[3:5], len(body)))
        f.write(body + cookie + memory)
    stack.virsh("restore", path, timeout=60)
    assert reason(stack) == "running (restored)"
    assert stack.console("guest").run("echo $marker")[1].strip() == "kept-in-memory"


def test_full_disk_while_a_guest_is_saved(short_root, small_disk, make_stack, guest_xml):
    folder = short_root + "/var/lib/libvirt/qemu/save"
    small_disk(folder, 4)
    stack = make_stack(root=short_root)
    console = boot(stack, guest_xml)
    result = stack.virsh("managedsave", "guest", check=False, timeout=60)
    assert result.status == 1 and "operation failed: domain save job: " in result.err
    assert reason(stack) == "running (save canceled)"
    assert not has_image(stack) and os.listdir(folder) == []
    assert console.run("echo $marker")[1].strip() == "kept-in-memory"
    assert "running" in stack.virsh("dominfo", "guest").out


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_emulator_or_daemon_ends_while_a_guest_is_saved(slow_stack, guest_xml, number):
    stack = slow_stack
    stack.define(guest_xml())
    stack.virsh("start", "guest")
    thread, errors = start_slow_save(stack, stack.open())
    if number == signal.SIGTERM:
        stack.kill("virtqemud", number)
        wanted = "running (save canceled)"
    else:
        os.kill(stack.emulator_pid("guest"), number)
        wanted = "shut off (crashed)"
    thread.join(20)
    assert errors
    wait_for(lambda: reason(stack) == wanted, 10, wanted)
    wait_for(lambda: not leftovers(stack), 5, "removal of the file")
    assert not has_image(stack)


def test_an_older_image_is_no_proof_of_a_save(make_stack, guest_xml, tmp_path):
    """Killed before anything is written, with an image of an earlier save at the same path."""
    path = str(tmp_path / "saved")
    first = make_stack()
    first.define(guest_xml(plain=True))
    first.virsh("start", "guest")
    first.virsh("save", "guest", path, timeout=60)
    second = make_stack(env={"VIRTBUS_CRASH_AT": "save-noted"})
    second.virsh("restore", path, timeout=60)
    assert second.virsh("save", "guest", path, check=False, timeout=60).status != 0
    wait_for(lambda: reason(second).startswith("running"), 30, "running guest")
    assert second.emulator_pid("guest") > 0 and os.path.exists(path)


def test_named_parameters(stack, guest_xml, tmp_path):
    stack.define(guest_xml(plain=True))
    stack.virsh("start", "guest")
    path = str(tmp_path / "image")
    with stack.open() as c:
        domain = c.lookupByName("guest")
        for params, text in (({"nope": "x"}, "parameter 'nope' not supported"),
                             ({"file": path, "dxml": "<domain/>"}, "Missing required attribute 'type'")):
            with pytest.raises(libvirt.libvirtError, match=text):
                domain.saveParams(params, 0)
        domain.saveParams({"file": path}, 0)
        assert not domain.isActive() and os.path.exists(path)
        with pytest.raises(libvirt.libvirtError, match="missing parameter 'file'"):
            c.restoreParams({}, 0)
        c.restoreParams({"file": path}, libvirt.VIR_DOMAIN_SAVE_PAUSED)
        assert domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED
        domain.saveParams({}, 0)
        assert domain.hasManagedSaveImage() == 1


# ---- another definition: what lies on the host may change, the hardware may not ----

def disk(path):
    return ("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%s'/>"
            "<target dev='vda' bus='virtio'/><serial>one</serial></disk>" % path)


@pytest.fixture
def saved(stack, guest_xml, tmp_path):
    """A guest with a disk, running; two images with the same content."""
    images = [str(tmp_path / name) for name in ("a.img", "b.img")]
    for image in images:
        with open(image, "wb") as f:
            f.truncate(1 << 20)
    stack.define(guest_xml(plain=True, devices=disk(images[0])))
    stack.virsh("start", "guest")
    return images


def xml_file(tmp_path, text):
    path = tmp_path / "other.xml"
    path.write_text(text)
    return str(path)


def source_of(stack):
    return ET.fromstring(stack.virsh("dumpxml", "guest").out).find("devices/disk/source").get("file")


HARDWARE = [("<serial>one", "<serial>two", "Target disk serial two does not match source one"),
            (">131072<", ">262144<", "Target domain max memory 262144 does not match source 131072"),
            ("slot='0x02' function='0x0'", "slot='0x09' function='0x0'", "Target device PCI address 0000:00:09.0 does not match")]


def check_hardware(stack, text, call):
    """@call with each change of hardware is refused in libvirt's words."""
    tried = 0
    for before, after, words in HARDWARE:
        if before in text:
            tried += 1
            result = call(text.replace(before, after))
            assert result.status != 0 and words in result.err, result
    assert tried >= 2, text


def test_restore_with_another_definition(stack, saved, tmp_path):
    path = str(tmp_path / "image")
    stack.virsh("save", "guest", path, timeout=60)
    text = stack.virsh("save-image-dumpxml", path).out

    def restore(xml):
        return stack.virsh("restore", path, "--xml", xml_file(tmp_path, xml), check=False, timeout=60)
    check_hardware(stack, text, restore)
    assert reason(stack).startswith("shut off")
    assert restore(text.replace(saved[0], saved[1])).status == 0
    assert reason(stack).startswith("running") and source_of(stack) == saved[1]


def test_save_with_another_definition(stack, saved, tmp_path):
    path = str(tmp_path / "image")
    text = stack.virsh("dumpxml", "guest", "--migratable").out

    def save(xml):
        return stack.virsh("save", "guest", path, "--xml", xml_file(tmp_path, xml), check=False, timeout=60)
    check_hardware(stack, text, save)
    assert reason(stack).startswith("running") and not os.path.exists(path)
    assert save(text.replace(saved[0], saved[1])).status == 0
    stack.virsh("restore", path, timeout=60)
    assert source_of(stack) == saved[1]


def test_the_definition_in_an_image_is_changed(stack, saved, tmp_path):
    path = str(tmp_path / "image")
    stack.virsh("save", "guest", path, timeout=60)
    text = stack.virsh("save-image-dumpxml", path).out

    def define(xml, *flags):
        return stack.virsh("save-image-define", path, xml_file(tmp_path, xml), *flags, check=False)
    check_hardware(stack, text, define)
    huge = text.replace("<devices>", "<metadata><x xmlns='urn:x'>%s</x></metadata><devices>" % ("y" * 9000))
    assert "too large" in define(huge).err
    assert stack.virsh("save-image-dumpxml", path).out == text
    assert define(text.replace(saved[0], saved[1]), "--paused").status == 0
    assert saved[1] in stack.virsh("save-image-dumpxml", path).out
    stack.virsh("restore", path, timeout=60)
    assert reason(stack).startswith("paused") and source_of(stack) == saved[1]


def test_an_image_whose_notes_lie_behind_its_head(stack, guest_xml, tmp_path):
    """A header that contradicts itself is refused: what follows the head is the guest's memory."""
    path, text = str(tmp_path / "image"), guest_xml(plain=True)
    head = text.encode() + b"\0"
    content = HEADER.pack(b"LibvirtQemudSave", 2, len(head), 0, 0, len(head) + 8192) + head + b"memory" * 4096
    with open(path, "wb") as f:
        f.write(content)
    for command in (("save-image-dumpxml", path), ("save-image-define", path, xml_file(tmp_path, text)), ("restore", path)):
        result = stack.virsh(*command, check=False)
        assert result.status != 0 and "operation failed: invalid header cookie offset: %d" % (len(head) + 8192) in result.err, result
    with open(path, "rb") as f:
        assert f.read() == content


def test_the_definition_of_a_managed_image_is_changed(stack, saved, tmp_path):
    other = stack.virsh("dumpxml", "guest", "--migratable").out.replace(saved[0], saved[1])
    refused = stack.virsh("managedsave-define", "guest", xml_file(tmp_path, other), check=False)
    assert "domain does not have managed save image" in refused.err
    stack.virsh("managedsave", "guest", timeout=60)
    text = stack.virsh("managedsave-dumpxml", "guest").out
    check_hardware(stack, text, lambda xml: stack.virsh("managedsave-define", "guest", xml_file(tmp_path, xml), check=False))
    stack.virsh("managedsave-define", "guest", xml_file(tmp_path, text.replace(saved[0], saved[1])))
    stack.virsh("start", "guest", timeout=60)
    assert source_of(stack) == saved[1]
