# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a daemon may find when it starts: broken files of all kinds. It says what it skips and serves the rest."""

import os
import uuid

import pytest

from harness import wait_for


@pytest.fixture
def prepared(make_stack, tmp_path):
    """A function that writes files below a root, then starts a stack there."""
    def write(name, data):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())

    def start(files):
        for name, data in files.items():
            write(name, data)
        return make_stack(root=str(tmp_path))
    return start


def minimal(name, extra=""):
    """As somebody may write it by hand."""
    return ("<domain type='qemu'><name>%s</name><uuid>%s</uuid><memory unit='MiB'>16</memory>"
            "<os><type>hvm</type></os>%s</domain>" % (name, uuid.uuid4(), extra))


FOLDER = "etc/libvirt/qemu/"


def names(stack):
    return sorted(stack.virsh("list", "--all", "--name").out.split())


def test_broken_definitions(prepared, tmp_path):
    broken = {"empty": "", "garbage": b"\xff\xfe\0\1" * 50, "cut": minimal("cut")[:60], "nul": b"<domain\0>",
              "huge": minimal("huge", "<description>%s</description>" % ("x" * (12 << 20))),
              "other": "<network/>", "evil": minimal("../../evil"), "dots": minimal("..")}
    (tmp_path / FOLDER / "folder.xml").mkdir(parents=True)
    os.symlink("/nowhere", tmp_path / FOLDER / "dangling.xml")
    os.symlink("/dev/zero", tmp_path / FOLDER / "zero.xml")
    os.mkfifo(tmp_path / FOLDER / "fifo.xml")
    stack = prepared(dict({FOLDER + k + ".xml": v for k, v in broken.items()},
                          **{FOLDER + "good.xml": minimal("good")}))
    assert names(stack) == ["good"]
    log = stack.log("virtqemud")
    for name in list(broken) + ["folder", "dangling", "zero", "fifo"]:
        assert "ignoring definition '%s" % stack.path(FOLDER + name + ".xml") in log, name
        assert os.path.lexists(stack.path(FOLDER + name + ".xml")), "it is left alone"


def test_definition_by_hand_is_filled_in(prepared):
    """Nobody had the chance to fill it in; starting does."""
    stack = prepared({FOLDER + "good.xml": minimal("good")})
    stack.virsh("start", "--paused", "good")
    assert "machine='pc-i440fx" in stack.virsh("dumpxml", "good").out
    stack.virsh("destroy", "good")


def test_autostart_folder(prepared, tmp_path):
    (tmp_path / FOLDER / "autostart" / "folder.xml").mkdir(parents=True)
    os.symlink("../nowhere.xml", tmp_path / FOLDER / "autostart" / "nowhere.xml")
    stack = prepared({FOLDER + "good.xml": minimal("good"), FOLDER + "autostart/x.xml": "?"})
    assert names(stack) == ["good"]
    assert "disable" in stack.virsh("dominfo", "good").out


@pytest.mark.parametrize("what", ["status", "pid", "events", "capabilities"])
def test_leftovers(stack, guest_xml, what):
    """What a daemon itself left behind, spoiled while it was away."""
    stack.define(guest_xml("good", plain=True, memory_mib=16))
    stack.virsh("start", "--paused", "good")
    stack.kill("virtqemud")
    folders = {"status": "run/libvirt/qemu", "pid": "run/libvirt/qemu", "events": "run/libvirt/qemu",
               "capabilities": "var/cache/virtbus/capabilities"}
    spoiled = 0
    folder = stack.path(folders[what])
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if not os.path.isfile(path) or name.endswith(".lock"):
            continue
        if what == "status" and not name.endswith(".xml"):
            continue
        if what == "pid" and not name.endswith(".pid"):
            continue
        if what == "events" and not name.startswith("virtbus-events"):
            continue
        with open(path, "wb") as f:         # a stale number may be anybody's by now
            f.write(b"1\n" if what == "pid" else b"\0garbage{<" * 100)
        spoiled += 1
    assert spoiled
    assert names(stack) == ["good"]
    if what == "status":             # the emulator has the lock of the pid file, and says itself how it is
        wait_for(lambda: stack.virsh("domstate", "good").out.strip() == "paused", 20, "the true state")
        stack.virsh("resume", "good")
        assert stack.virsh("domstate", "good").out.strip() == "running"
    if stack.virsh("domstate", "good").out.strip() != "shut off":
        stack.virsh("destroy", "good")
    assert stack.emulator_pid("good") == 0 or what == "pid"
    stack.virsh("start", "--paused", "good")
    stack.virsh("destroy", "good")


def test_no_folder_for_logs(prepared):
    """A file where the folder for logs should be: guests are managed all the same, and it is said."""
    stack = prepared({"var/log/libvirt": "in the way", FOLDER + "good.xml": minimal("good")})
    assert names(stack) == ["good"]
    assert "no logs of guests" in stack.log("virtqemud")
    stack.virsh("start", "--paused", "good")
    stack.virsh("destroy", "good")


def test_updated_survives(stack, guest_xml):
    """Redefined while it ran: still said after the daemon came back."""
    stack.define(guest_xml("good", plain=True, memory_mib=16))
    stack.virsh("start", "--paused", "good")
    with stack.open() as c:
        assert not c.lookupByName("good").isUpdated()
        c.defineXML(guest_xml("good", plain=True, memory_mib=32))
        assert c.lookupByName("good").isUpdated()
    stack.kill("virtqemud")
    with stack.open() as c:
        assert c.lookupByName("good").isUpdated()
    stack.virsh("destroy", "good")
    with stack.open() as c:
        assert not c.lookupByName("good").isUpdated()
