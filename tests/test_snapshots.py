# SPDX-License-Identifier: LGPL-2.1-or-later
"""Snapshots of guests: internal and external ones, of running and shut off guests, whatever dies meanwhile."""

import glob
import os
import re
import signal
import subprocess
import threading
import xml.etree.ElementTree as ET

import libvirt
import pytest
from gi.repository import GLib

from harness import DOMAIN, wait_for

SNAPSHOT = "org.virtbus.DomainSnapshot1"
RECORDS = "/var/lib/libvirt/qemu/snapshot/guest"
JOURNALS = "/var/lib/libvirt/qemu/virtbus"


def image(stack, name="vda", size="16M", kind="qcow2"):
    path = stack.path("images/%s.%s" % (name, kind))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    subprocess.run(["qemu-img", "create", "-q", "-f", kind, path, size], check=True)
    return path


def disk(path, target="vda", kind="qcow2"):
    return ("<disk type='file' device='disk'><driver name='qemu' type='%s'/><source file='%s'/>"
            "<target dev='%s' bus='virtio'/></disk>" % (kind, path, target))


def define(stack, guest_xml, n=1, **kwargs):
    """A guest that need not boot, with qcow2 disks; returns the images' paths."""
    paths = [image(stack, "vd" + letter) for letter in "abcd"[:n]]
    devices = "".join(disk(path, "vd" + letter) for path, letter in zip(paths, "abcd"))
    kwargs.setdefault("plain", True)
    stack.define(guest_xml(devices=devices, memory_mib=kwargs.pop("memory_mib", 32), **kwargs))
    return paths


def write(path, byte):
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write -q -P %d 0 64k" % byte, path],
                   check=True, stdout=subprocess.DEVNULL)


def holds(path, byte):
    result = subprocess.run(["qemu-io", "-f", "qcow2", "-c", "read -P %d 0 64k" % byte, path],
                            check=True, capture_output=True, text=True)
    return "verification failed" not in result.stdout + result.stderr


def inside(path):
    """Names of the snapshots in an image."""
    out = subprocess.run(["qemu-img", "snapshot", "-U", "-l", path], check=True, capture_output=True,
                         text=True).stdout
    return [line.split()[1] for line in out.splitlines()[2:]]


def reason(stack):
    return stack.virsh("domstate", "--reason", "guest").out.strip()


def refused(stack, *args, **kwargs):
    result = stack.virsh(*args, check=False, **kwargs)
    assert result.status != 0, result
    return result.err


def create(stack, xml, *args, check=True):
    return stack.virsh("snapshot-create", "guest", "/dev/stdin", *args, stdin=xml, check=check)


def names(stack, *args):
    return stack.virsh("snapshot-list", "guest", "--name", *args).out.split()


def sources(xml):
    """The chain of images of each disk, topmost first."""
    chains = {}
    for node in ET.fromstring(xml).iterfind("devices/disk"):
        target, chain = node.find("target").get("dev"), []
        while node is not None and node.find("source") is not None:
            chain.append(os.path.basename(node.find("source").get("file")))
            node = node.find("backingStore")
        chains[target] = chain
    return chains


def no_journal(stack):
    return not glob.glob(stack.path(JOURNALS + "/*.xml"))


# ---- guests that do not run ----

def test_disks_of_a_shut_off_guest_go_back(stack, guest_xml):
    paths = define(stack, guest_xml, 2)
    for path in paths:
        write(path, 1)
    stack.virsh("snapshot-create-as", "guest", "one", "the first")
    assert [inside(path) for path in paths] == [["one"], ["one"]]
    for path in paths:
        write(path, 2)
    stack.virsh("snapshot-create-as", "guest", "two")
    with open(stack.path(RECORDS + "/two.xml")) as f:
        text = f.read()
    assert "  virsh snapshot-edit\n" in text and "<active>1</active>" in text
    with open(stack.path(RECORDS + "/one.xml")) as f:
        assert "<active>" not in f.read()
    xml = ET.fromstring(stack.virsh("snapshot-dumpxml", "guest", "two").out)
    assert [xml.findtext(tag) for tag in ("name", "state", "parent/name")] == ["two", "shutoff", "one"]
    assert [(d.get("name"), d.get("snapshot")) for d in xml.iterfind("disks/disk")] == \
        [("vda", "internal"), ("vdb", "internal")]
    assert xml.find("memory").get("snapshot") == "no" and xml.find("domain/uuid") is not None

    stack.virsh("snapshot-revert", "guest", "one")
    assert all(holds(path, 1) for path in paths) and reason(stack).startswith("shut off")
    assert stack.virsh("snapshot-current", "guest", "--name").out.strip() == "one"
    stack.virsh("snapshot-revert", "guest", "two")
    assert all(holds(path, 2) for path in paths)
    stack.virsh("snapshot-revert", "guest", "one", "--running")
    assert reason(stack) == "running (booted)"
    err = refused(stack, "snapshot-revert", "guest", "two", "--running")
    assert "revert requires force: must respawn guest to start inactive snapshot" in err
    stack.virsh("snapshot-revert", "guest", "two", "--paused", "--force")
    assert reason(stack).startswith("paused")
    stack.virsh("destroy", "guest")
    assert no_journal(stack)


def test_tree_and_every_command_of_virsh(stack, guest_xml):
    path, = define(stack, guest_xml)
    for name in ("a", "b", "c"):
        stack.virsh("snapshot-create-as", "guest", name)
    stack.virsh("snapshot-revert", "guest", "a")
    stack.virsh("snapshot-create-as", "guest", "d")
    tree = stack.virsh("snapshot-list", "guest", "--tree").out
    assert re.sub(r"\s+", " ", tree).strip() == "a | +- b | | | +- c | +- d"
    assert stack.virsh("snapshot-parent", "guest", "c").out.strip() == "b"
    assert "snapshot 'a' has no parent" in refused(stack, "snapshot-parent", "guest", "a")
    info = stack.virsh("snapshot-info", "guest", "a").out
    for line in ("Name: a", "State: shutoff", "Location: internal", "Children: 2", "Descendants: 3",
                 "Metadata: yes", "Current: no", "Parent: -"):
        assert line in re.sub(" +", " ", info), line
    assert names(stack, "--roots") == ["a"] and names(stack, "--leaves") == ["c", "d"]
    assert names(stack, "--from", "a") == ["b", "d"]
    assert names(stack, "--from", "a", "--descendants") == ["b", "c", "d"]
    assert names(stack, "--no-leaves", "--topological") == ["a", "b"]
    assert names(stack, "--external") == [] and names(stack, "--no-metadata") == []
    assert "<name>d</name>" in stack.virsh("snapshot-current", "guest").out
    stack.virsh("snapshot-current", "guest", "b")
    assert stack.virsh("snapshot-current", "guest", "--name").out.strip() == "b"

    editor = stack.path("edit.sh")
    with open(editor, "w") as f:
        f.write("#!/bin/sh\nsed -i 's,<state>,<description>edited</description>&,' \"$1\"\n")
    os.chmod(editor, 0o755)
    stack.run("env", "-u", "VISUAL", "EDITOR=" + editor, "virsh", "-q", "snapshot-edit", "guest", "b")
    assert "<description>edited</description>" in stack.virsh("snapshot-dumpxml", "guest", "b").out
    assert stack.virsh("snapshot-current", "guest", "--name").out.strip() == "b"

    stack.virsh("snapshot-delete", "guest", "b")
    assert stack.virsh("snapshot-parent", "guest", "c").out.strip() == "a"
    assert stack.virsh("snapshot-current", "guest", "--name").out.strip() == "a"
    stack.virsh("snapshot-delete", "guest", "a", "--children-only")
    assert names(stack) == ["a"] and inside(path) == ["a"]
    stack.virsh("snapshot-delete", "guest", "a", "--metadata")
    assert names(stack) == [] and inside(path) == ["a"]
    assert not os.listdir(stack.path(RECORDS))
    assert "has no current snapshot" in refused(stack, "snapshot-current", "guest")


def test_every_procedure_through_python(stack, guest_xml):
    define(stack, guest_xml)
    domain = stack.open().lookupByName("guest")
    assert domain.hasCurrentSnapshot() == 0 and domain.snapshotNum() == 0
    assert domain.listAllSnapshots() == [] and domain.snapshotListNames() == []
    first = domain.snapshotCreateXML("<domainsnapshot/>")
    assert re.fullmatch(r"\d+", first.getName())
    second = domain.snapshotCreateXML("<domainsnapshot><name>ü x._é-1</name></domainsnapshot>")
    assert second.getName() == "ü x._é-1" and second.getParent().getName() == first.getName()
    assert domain.hasCurrentSnapshot() == 1 and domain.snapshotCurrent().getName() == second.getName()
    assert domain.snapshotNum() == 2 and domain.snapshotNum(1) == 1
    assert domain.snapshotListNames() == [first.getName(), second.getName()]
    assert [s.getName() for s in domain.listAllSnapshots()] == domain.snapshotListNames()
    assert first.numChildren() == 1 and first.listChildrenNames() == [second.getName()]
    assert [s.getName() for s in first.listAllChildren()] == [second.getName()]
    assert first.isCurrent() == 0 and second.isCurrent() == 1 and first.hasMetadata() == 1
    with pytest.raises(libvirt.libvirtError) as error:
        first.getParent()
    assert error.value.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT
    assert domain.snapshotLookupByName(second.getName()).getXMLDesc() == second.getXMLDesc()
    second.delete(libvirt.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY)
    for call in (second.getXMLDesc, second.isCurrent, second.delete,
                 lambda: domain.snapshotLookupByName("ü x._é-1")):
        with pytest.raises(libvirt.libvirtError) as error:
            call()
        assert error.value.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN_SNAPSHOT
        assert "no domain snapshot with matching name 'ü x._é-1'" in str(error.value)
    assert domain.listAllCheckpoints() == []
    with pytest.raises(libvirt.libvirtError) as error:
        domain.checkpointLookupByName("x")
    assert error.value.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN_CHECKPOINT
    reader = stack.open(readonly=True).lookupByName("guest").snapshotLookupByName(first.getName())
    assert "<domain " in reader.getXMLDesc()
    for call in (lambda: reader.getXMLDesc(libvirt.VIR_DOMAIN_XML_SECURE), reader.delete):
        with pytest.raises(libvirt.libvirtError) as error:
            call()
        assert error.value.get_error_code() == libvirt.VIR_ERR_OPERATION_DENIED


REFUSALS = (
    ("<domainsnapshot><name>s1</name></domainsnapshot>", (), "domain moment s1 already exists"),
    ("<domainsnapshot><name>a/b</name></domainsnapshot>", (), "name can't contain '/'"),
    ("<domainsnapshot><name>.b</name></domainsnapshot>", (), "name can't start with '.'"),
    ("<foo/>", (), "expecting root element of 'domainsnapshot', not 'foo'"),
    ("<domainsnapshot><disks><disk name='vdz'/></disks></domainsnapshot>", (), "no disk named 'vdz'"),
    ("<domainsnapshot><disks><disk name='vda' snapshot='x'/></disks></domainsnapshot>", (),
     "Invalid value for attribute 'snapshot'"),
    ("<domainsnapshot><disks><disk name='vda'/><disk name='vda'/></disks></domainsnapshot>", (),
     "disk 'vda' specified twice"),
    ("<domainsnapshot><disks><disk name='vda' snapshot='no'/></disks></domainsnapshot>", (),
     "disk 'vda' must use snapshot mode 'internal'"),
    ("<domainsnapshot><memory snapshot='external' file='/m'/></domainsnapshot>", (),
     "memory state cannot be saved with offline or disk-only snapshot"),
    ("<domainsnapshot><memory snapshot='internal' file='/m'/></domainsnapshot>", (),
     "memory filename '/m' requires external snapshot"),
    ("<domainsnapshot/>", ("--live",), "live snapshot creation is supported only during full system snapshots"),
    ("<domainsnapshot/>", ("--quiesce",), "is required by flag 'VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE'"),
    ("<domainsnapshot/>", ("--redefine",), "name"),
    ("<domainsnapshot><name>q</name><creationTime>1</creationTime></domainsnapshot>", ("--redefine",),
     "missing state from existing snapshot"),
    ("<domainsnapshot><name>q</name><creationTime>1</creationTime><state>shutoff</state>"
     "<parent><name>q</name></parent></domainsnapshot>", ("--redefine",), "cannot set moment q as its own parent"),
    ("<domainsnapshot><name>q</name><creationTime>1</creationTime><state>shutoff</state>"
     "<parent><name>no</name></parent></domainsnapshot>", ("--redefine",), "parent no for moment q not found"),
    ("<domainsnapshot><name>q</name><creationTime>1</creationTime><state>shutoff</state></domainsnapshot>",
     ("--redefine",), "missing domain in snapshot"),
    ("<domainsnapshot><name>s1</name><creationTime>1</creationTime><state>running</state></domainsnapshot>",
     ("--redefine",), "cannot change between online and offline snapshot state in snapshot s1"),
    ("<domainsnapshot><name>s1</name><creationTime>1</creationTime><state>shutoff</state>"
     "<parent><name>s2</name></parent></domainsnapshot>", ("--redefine",), "parent s2 would create cycle to s1"),
    ("<domainsnapshot><disks><disk/></disks></domainsnapshot>", ("--validate",), "failed to validate against schema"),
)


def test_refusals(stack, guest_xml):
    path, _ = define(stack, guest_xml, 2)
    stack.virsh("snapshot-create-as", "guest", "s1")
    stack.virsh("snapshot-create-as", "guest", "s2")
    for xml, args, words in REFUSALS:
        result = create(stack, xml, *args, check=False)
        assert result.status != 0 and words in result.err, (xml, result)
    assert names(stack) == ["s1", "s2"] and inside(path) == ["s1", "s2"]
    err = refused(stack, "undefine", "guest")
    assert "cannot delete inactive domain with 2 snapshots" in err
    assert "cannot rename domain with snapshots" in refused(stack, "domrename", "guest", "other")
    stack.virsh("undefine", "guest", "--snapshots-metadata")
    assert not os.path.exists(stack.path(RECORDS))
    raw = image(stack, "raw", kind="raw")
    stack.define(guest_xml(devices=disk(raw, kind="raw"), plain=True))
    err = refused(stack, "snapshot-create-as", "guest", "x")
    assert "internal snapshot for disk vda unsupported for storage type raw" in err
    assert no_journal(stack) and names(stack) == []


def test_redefined_elsewhere(make_stack, guest_xml):
    """What one host shows, another takes: with the same images its snapshots work there."""
    first, second = make_stack(), make_stack()
    path, = define(first, guest_xml)
    write(path, 1)
    first.virsh("snapshot-create-as", "guest", "one")
    write(path, 2)
    second.define(first.virsh("dumpxml", "guest").out)
    create(second, first.virsh("snapshot-dumpxml", "guest", "one").out, "--redefine", "--current")
    assert second.virsh("snapshot-dumpxml", "guest", "one").out == \
        first.virsh("snapshot-dumpxml", "guest", "one").out
    second.virsh("snapshot-revert", "guest", "one")
    assert holds(path, 1)


def test_records_are_loaded_and_bad_ones_left_alone(stack, guest_xml):
    define(stack, guest_xml)
    for name in ("a", "b"):
        stack.virsh("snapshot-create-as", "guest", name)
    before = [stack.virsh("snapshot-dumpxml", "guest", name).out for name in ("a", "b")]
    bad = {"garbage.xml": b"\x00\xff<", "other.xml": b"<domainsnapshot><name>x</name>"
           b"<creationTime>1</creationTime><state>shutoff</state></domainsnapshot>", "empty.xml": b""}
    for name, content in bad.items():
        with open(stack.path(RECORDS + "/" + name), "wb") as f:
            f.write(content)
    stack.kill("virtqemud")
    assert names(stack) == ["a", "b"]
    assert [stack.virsh("snapshot-dumpxml", "guest", name).out for name in ("a", "b")] == before
    assert stack.virsh("snapshot-current", "guest", "--name").out.strip() == "b"
    log = stack.log("virtqemud")
    for name, content in bad.items():
        assert "ignoring snapshot file" in log and name in log
        with open(stack.path(RECORDS + "/" + name), "rb") as f:
            assert f.read() == content


# ---- running guests ----

def test_memory_of_a_running_guest_comes_back(stack, guest_xml):
    path, = define(stack, guest_xml, plain=False, memory_mib=128)
    stack.virsh("start", "guest")
    console = stack.console("guest")
    console.wait_ready()
    assert console.run("marker=before")[0] == 0
    recorder = stack.record(member="Event")
    stack.virsh("snapshot-create-as", "guest", "live", timeout=60)
    assert reason(stack) == "running (unpaused)" and inside(path) == ["live"]
    assert console.run("marker=after")[0] == 0
    console.close()
    stack.virsh("snapshot-revert", "guest", "live", timeout=60)
    assert reason(stack) == "running (from snapshot)"
    console = stack.console("guest")
    assert console.run("echo $marker")[1].strip() == "before"
    events = [(args[3]["event"], args[3]["detail"]) for _, _, _, args in recorder.records
              if args[1] == "lifecycle"]
    assert events == [
        (libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_SUSPENDED_PAUSED),
        (libvirt.VIR_DOMAIN_EVENT_RESUMED, libvirt.VIR_DOMAIN_EVENT_RESUMED_UNPAUSED),
        (libvirt.VIR_DOMAIN_EVENT_SHUTDOWN, libvirt.VIR_DOMAIN_EVENT_SHUTDOWN_HOST),
        (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_STOPPED_FROM_SNAPSHOT),
        (libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_STARTED_FROM_SNAPSHOT),
        (libvirt.VIR_DOMAIN_EVENT_RESUMED, libvirt.VIR_DOMAIN_EVENT_RESUMED_FROM_SNAPSHOT),
        (libvirt.VIR_DOMAIN_EVENT_DEFINED, libvirt.VIR_DOMAIN_EVENT_DEFINED_FROM_SNAPSHOT)]
    stack.virsh("destroy", "guest")
    stack.virsh("snapshot-revert", "guest", "live", "--paused", timeout=60)
    assert reason(stack) == "paused (from snapshot)"
    stack.virsh("snapshot-delete", "guest", "live")
    assert inside(path) == [] and names(stack) == []


def test_from_any_state_to_any(stack, guest_xml):
    path, = define(stack, guest_xml)
    stack.virsh("snapshot-create-as", "guest", "off")
    stack.virsh("start", "guest", "--paused")
    stack.virsh("snapshot-create-as", "guest", "paused")
    stack.virsh("resume", "guest")
    stack.virsh("snapshot-create-as", "guest", "running", "--halt")
    assert reason(stack) == "shut off (from snapshot)"
    xml = ET.fromstring(stack.virsh("snapshot-dumpxml", "guest", "running").out)
    assert xml.findtext("state") == "running" and xml.find("memory").get("snapshot") == "internal"
    assert xml.find("inactiveDomain") is not None
    assert xml.find("domain/devices/disk/alias") is None
    states = {"off": "shut off (from snapshot)", "paused": "paused (from snapshot)",
              "running": "running (from snapshot)"}
    for name in ("paused", "running", "off", "running", "paused", "off"):
        stack.virsh("snapshot-revert", "guest", name)
        assert reason(stack) == states[name]
    stack.virsh("snapshot-revert", "guest", "paused", "--running")
    assert reason(stack) == "running (from snapshot)"
    stack.virsh("snapshot-create-as", "guest", "unrecorded", "--no-metadata")
    assert inside(path) == ["off", "paused", "running", "unrecorded"]
    assert names(stack) == ["off", "paused", "running"]
    stack.virsh("snapshot-delete", "guest", "off", "--children")
    assert inside(path) == ["unrecorded"] and names(stack) == []
    assert "QEMU guest agent is not configured" in \
        refused(stack, "snapshot-create-as", "guest", "q", "--disk-only", "--quiesce")


def test_definition_of_then_counts_again(stack, guest_xml):
    define(stack, guest_xml)
    stack.virsh("snapshot-create-as", "guest", "small")
    stack.virsh("setmaxmem", "guest", "64M", "--config")
    stack.virsh("snapshot-revert", "guest", "small")
    assert "<memory unit='KiB'>32768</memory>" in stack.virsh("dumpxml", "guest").out
    stack.kill("virtqemud")
    assert "<memory unit='KiB'>32768</memory>" in stack.virsh("dumpxml", "guest").out
    stack.virsh("start", "guest")
    stack.virsh("managedsave", "guest", timeout=60)
    err = refused(stack, "snapshot-revert", "guest", "small")
    assert "removal of existing managed saved state strongly recommended" in err
    stack.virsh("snapshot-revert", "guest", "small", "--force")


def test_transient_guest(stack, guest_xml):
    path = image(stack)
    xml = stack.path("guest.xml")
    with open(xml, "w") as f:
        f.write(guest_xml(devices=disk(path), plain=True, memory_mib=32))
    stack.virsh("create", xml, "--paused")
    stack.virsh("snapshot-create-as", "guest", "one")
    assert "cannot halt after transient domain snapshot" in \
        refused(stack, "snapshot-create-as", "guest", "two", "--halt")
    stack.virsh("snapshot-revert", "guest", "one")
    assert reason(stack) == "paused (from snapshot)"
    assert "Persistent:     no" in stack.virsh("dominfo", "guest").out and names(stack) == ["one"]
    stack.virsh("destroy", "guest")
    assert "failed to get domain" in refused(stack, "domstate", "guest")
    assert not os.path.exists(stack.path(RECORDS))


# ---- external ones ----

def test_external_disks_of_a_running_guest(stack, guest_xml):
    paths = define(stack, guest_xml, 2)
    stack.virsh("start", "guest")
    stack.virsh("snapshot-create-as", "guest", "one", "--disk-only")
    assert reason(stack) == "running (booted)"
    chain = {"vda": ["vda.one", "vda.qcow2"], "vdb": ["vdb.one", "vdb.qcow2"]}
    assert sources(stack.virsh("dumpxml", "guest").out) == chain
    assert sources(stack.virsh("dumpxml", "guest", "--inactive").out) == chain
    stack.virsh("snapshot-create-as", "guest", "two", "--disk-only", "--atomic", "--diskspec",
                "vda,file=" + stack.path("images/top"), "--diskspec", "vdb,snapshot=no")
    chain["vda"].insert(0, "top")
    assert sources(stack.virsh("dumpxml", "guest").out) == chain
    nodes = stack.virsh("qemu-monitor-command", "guest", '{"execute": "query-block"}').out
    assert stack.path("images/top") in nodes and stack.path("images/vdb.one") in nodes
    xml = ET.fromstring(stack.virsh("snapshot-dumpxml", "guest", "two").out)
    assert xml.findtext("state") == "disk-snapshot" and xml.findtext("parent/name") == "one"
    assert [(d.get("name"), d.get("snapshot"), d.get("type")) for d in xml.iterfind("disks/disk")] == \
        [("vda", "external", "file"), ("vdb", "no", None)]
    assert sources(ET.tostring(xml.find("domain"), encoding="unicode"))["vda"] == ["vda.one", "vda.qcow2"]
    assert os.stat(stack.path("images/top")).st_mode & 0o777 == 0o600
    assert names(stack, "--disk-only") == ["one", "two"] and names(stack, "--internal") == []

    stack.kill("virtqemud")
    assert sources(stack.virsh("dumpxml", "guest").out) == chain
    stack.virsh("destroy", "guest")
    stack.virsh("start", "guest")
    assert sources(stack.virsh("dumpxml", "guest").out) == chain
    assert "revert to external snapshot not supported yet" in refused(stack, "snapshot-revert", "guest", "one")
    assert "deletion of 1 external disk snapshots not supported yet" in \
        refused(stack, "snapshot-delete", "guest", "one")
    assert "external snapshot file for disk vda already exists" in \
        refused(stack, "snapshot-create-as", "guest", "three", "--disk-only", "--diskspec",
                "vda,file=" + paths[0])
    assert "No such file or directory" in \
        refused(stack, "snapshot-create-as", "guest", "three", "--disk-only", "--reuse-external")
    stack.virsh("snapshot-delete", "guest", "one", "--children", "--metadata")
    assert names(stack) == [] and sources(stack.virsh("dumpxml", "guest").out) == chain


def test_external_disks_of_a_shut_off_guest(stack, guest_xml):
    path, = define(stack, guest_xml)
    write(path, 1)
    stack.virsh("snapshot-create-as", "guest", "one", "--disk-only")
    top = stack.path("images/vda.one")
    assert sources(stack.virsh("dumpxml", "guest").out) == {"vda": ["vda.one", "vda.qcow2"]}
    write(top, 2)
    assert holds(top, 2) and holds(path, 1)
    other = stack.path("images/other")
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", top, other], check=True)
    stack.virsh("snapshot-create-as", "guest", "two", "--disk-only", "--reuse-external", "--diskspec",
                "vda,file=" + other)
    assert holds(other, 2)
    stack.kill("virtqemud")
    assert sources(stack.virsh("dumpxml", "guest").out) == {"vda": ["other", "vda.one", "vda.qcow2"]}
    stack.virsh("start", "guest", "--paused")


@pytest.mark.parametrize("args", [(), ("--live",)])
def test_external_snapshot_with_memory(stack, guest_xml, args):
    define(stack, guest_xml, plain=False, memory_mib=128)
    stack.virsh("start", "guest")
    console = stack.console("guest")
    console.wait_ready()
    console.run("marker=kept")
    memory = stack.path("images/memory")
    stack.virsh("snapshot-create-as", "guest", "full", "--memspec", "file=" + memory, *args, timeout=60)
    assert reason(stack).startswith("running") and console.run("echo $marker")[1].strip() == "kept"
    console.close()
    xml = ET.fromstring(stack.virsh("snapshot-dumpxml", "guest", "full").out)
    assert xml.findtext("state") == "running" and xml.find("memory").get("file") == memory
    assert sources(stack.virsh("dumpxml", "guest").out)["vda"] == ["vda.full", "vda.qcow2"]
    stack.virsh("destroy", "guest")
    assert no_journal(stack)
    # the file is a save image: the guest of then, on the images of then
    stack.virsh("restore", memory, timeout=60)
    assert sources(stack.virsh("dumpxml", "guest").out)["vda"] == ["vda.qcow2"]
    assert stack.console("guest").run("echo $marker")[1].strip() == "kept"


# ---- D-Bus ----

def test_objects_signals_and_jobs(stack, guest_xml):
    define(stack, guest_xml)
    guest = stack.domain("guest")
    recorder = stack.record()
    path, = stack.call(guest, DOMAIN + ".CreateSnapshot",
                       GLib.Variant("(su)", ("<domainsnapshot><name>a b</name></domainsnapshot>", 0)))
    assert path == guest + "/snapshot/a_20b"
    assert stack.get(path, SNAPSHOT, "Name") == "a b" and stack.get(path, SNAPSHOT, "Current")
    assert stack.get(guest, DOMAIN, "CurrentSnapshot") == path
    recorder.wait_for(lambda p, i, m, a: m == "InterfacesAdded" and a[0] == path and
                      a[1][SNAPSHOT]["State"] == "shutoff")
    recorder.wait_for(lambda p, i, m, a: m == "PropertiesChanged" and p == guest and
                      a[1].get("HasCurrentSnapshot") is True and a[1].get("Snapshots") == 1)
    recorder.wait_for(lambda p, i, m, a: m == "InterfacesAdded" and
                      a[1].get("org.virtbus.Job1", {}).get("Operation") == "snapshot" and
                      a[1]["org.virtbus.Job1"]["Subject"] == guest)
    second, = stack.call(guest, DOMAIN + ".CreateSnapshot", GLib.Variant("(su)", ("<domainsnapshot/>", 0)))
    recorder.wait_for(lambda p, i, m, a: m == "PropertiesChanged" and p == path and
                      a[1].get("Current") is False)
    assert stack.get(second, SNAPSHOT, "Parent") == path
    assert stack.call(path, SNAPSHOT + ".ListChildren", GLib.Variant("(u)", (0,))) == ([second],)
    assert "a b" in stack.busctl("get-property", "org.virtbus.Qemu", path, SNAPSHOT, "Name").out
    stack.call(path, SNAPSHOT + ".Delete", GLib.Variant("(u)", (0,)))
    recorder.wait_for(lambda p, i, m, a: m == "InterfacesRemoved" and a[0] == path)
    assert stack.get(second, SNAPSHOT, "Parent") == "/"
    with pytest.raises(GLib.Error) as error:
        stack.call(path, SNAPSHOT + ".Revert", GLib.Variant("(u)", (0,)))
    assert "no domain snapshot with matching name 'a b'" in error.value.message
    stack.call(guest, DOMAIN + ".Undefine", GLib.Variant("(u)", (libvirt.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA,)))
    recorder.wait_for(lambda p, i, m, a: m == "InterfacesRemoved" and a[0] == second)


def test_stopped_emulator_delays_nobody(stack, guest_xml):
    define(stack, guest_xml)
    stack.define(guest_xml(name="other", devices=disk(image(stack, "other")), plain=True, memory_mib=32))
    stack.virsh("start", "guest")
    pid = stack.stop_emulator("guest")
    errors = []

    def run():
        try:
            stack.open().lookupByName("guest").snapshotCreateXML("<domainsnapshot><name>x</name></domainsnapshot>")
        except libvirt.libvirtError as e:
            errors.append(e)
    thread = threading.Thread(target=run)
    thread.start()
    domain = stack.open().lookupByName("guest")
    wait_for(lambda: domain.jobStats().get("operation") == libvirt.VIR_DOMAIN_JOB_OPERATION_SNAPSHOT, 10, "job")
    stack.virsh("snapshot-create-as", "other", "y")
    assert domain.snapshotNum() == 0
    assert "cannot acquire state change lock (held by snapshot)" in \
        refused(stack, "snapshot-create-as", "guest", "z")
    os.kill(pid, signal.SIGCONT)
    thread.join(60)
    assert not errors and names(stack) == ["x"]
    pid = stack.stop_emulator("guest")
    stack.virsh("destroy", "guest")
    stack.virsh("snapshot-revert", "guest", "x")
    assert reason(stack) == "running (from snapshot)"


# ---- whatever dies meanwhile ----

def crashing(make_stack, guest_xml, step, n=1):
    stack = make_stack(env={"VIRTBUS_CRASH_AT": step})
    return stack, define(stack, guest_xml, n)


@pytest.mark.parametrize("step, is_made", [
    ("snapshot-noted", False), ("snapshot-stored", True), ("snapshot-recorded", True)])
def test_killed_while_an_internal_one_is_made(make_stack, guest_xml, step, is_made):
    stack, paths = crashing(make_stack, guest_xml, step, 2)
    refused(stack, "snapshot-create-as", "guest", "one")
    wait_for(lambda: names(stack) == ["one"] * is_made and no_journal(stack), 30, "order")
    for path in paths:
        wait_for(lambda p=path: inside(p) == ["one"] * is_made, 30, "image in order")
    if is_made:
        assert stack.virsh("snapshot-current", "guest", "--name").out.strip() == "one"
    stack.virsh("start", "guest", "--paused")


@pytest.mark.parametrize("step, is_made", [
    ("snapshot-noted", False), ("snapshot-save", False), ("snapshot-stored", True), ("snapshot-recorded", True)])
def test_killed_while_a_running_guest_is_snapshot(make_stack, guest_xml, step, is_made):
    stack, (path,) = crashing(make_stack, guest_xml, step)
    stack.virsh("start", "guest")
    pid = stack.emulator_pid("guest")
    refused(stack, "snapshot-create-as", "guest", "one", timeout=60)
    wait_for(lambda: names(stack) == ["one"] * is_made and no_journal(stack), 30, "order")
    wait_for(lambda: reason(stack).startswith("running"), 10, "running guest")
    assert stack.emulator_pid("guest") == pid and inside(path) == ["one"] * is_made
    assert '"running": true' in stack.virsh("qemu-monitor-command", "guest", '{"execute":"query-status"}').out \
        .replace('":true', '": true')


@pytest.mark.parametrize("step, is_made", [
    ("snapshot-noted", False), ("snapshot-overlays", False), ("snapshot-switch", True), ("snapshot-recorded", True)])
def test_killed_while_overlays_are_made(make_stack, guest_xml, step, is_made):
    stack, _ = crashing(make_stack, guest_xml, step)
    refused(stack, "snapshot-create-as", "guest", "one", "--disk-only")
    wait_for(lambda: names(stack) == ["one"] * is_made and no_journal(stack), 30, "order")
    assert os.path.exists(stack.path("images/vda.one")) == is_made
    assert sources(stack.virsh("dumpxml", "guest").out)["vda"] == ["vda.one"] * is_made + ["vda.qcow2"]
    stack.virsh("start", "guest", "--paused")


@pytest.mark.parametrize("step, is_made", [
    ("snapshot-overlays", False), ("snapshot-switch", False), ("snapshot-recorded", True)])
def test_killed_while_a_running_guest_moves_over(make_stack, guest_xml, step, is_made):
    stack, _ = crashing(make_stack, guest_xml, step)
    stack.virsh("start", "guest")
    refused(stack, "snapshot-create-as", "guest", "one", "--disk-only")
    wait_for(lambda: names(stack) == ["one"] * is_made and no_journal(stack), 30, "order")
    assert os.path.exists(stack.path("images/vda.one")) == is_made
    chain = ["vda.one"] * is_made + ["vda.qcow2"]
    for args in ((), ("--inactive",)):
        assert sources(stack.virsh("dumpxml", "guest", *args).out)["vda"] == chain
    inserted = stack.virsh("qemu-monitor-command", "guest", '{"execute":"query-block"}').out
    assert (stack.path("images/vda.one") in inserted) == is_made
    nodes = stack.virsh("qemu-monitor-command", "guest", '{"execute":"query-named-block-nodes"}').out
    assert (stack.path("images/vda.one") in nodes) == is_made
    assert reason(stack).startswith("running")


@pytest.mark.parametrize("step", ["snapshot-apply", "snapshot-reverted"])
def test_killed_while_disks_go_back(make_stack, guest_xml, step):
    stack, (path,) = crashing(make_stack, guest_xml, step)
    write(path, 1)
    stack.virsh("snapshot-create-as", "guest", "one")
    stack.virsh("snapshot-create-as", "guest", "two")
    write(path, 2)
    refused(stack, "snapshot-revert", "guest", "one")
    wait_for(lambda: names(stack) == ["one", "two"] and no_journal(stack), 30, "order")
    assert holds(path, 1)
    assert stack.virsh("snapshot-current", "guest", "--name").out.strip() == "one"


@pytest.mark.parametrize("step, is_back", [("snapshot-loaded", True), ("start-spawned", False)])
def test_killed_while_memory_comes_back(make_stack, guest_xml, step, is_back):
    """The steps of a start are those of every start: the first one must not be it."""
    plain = make_stack()
    define(plain, guest_xml)
    plain.virsh("start", "guest")
    plain.virsh("snapshot-create-as", "guest", "one", timeout=60)
    plain.virsh("destroy", "guest")
    stack = make_stack(env={"VIRTBUS_CRASH_AT": step})
    stack.define(plain.virsh("dumpxml", "guest").out)
    create(stack, plain.virsh("snapshot-dumpxml", "guest", "one").out, "--redefine")
    refused(stack, "snapshot-revert", "guest", "one", timeout=60)
    wait_for(lambda: (names(stack), no_journal(stack))[1], 30, "order")    # asking is what starts the next daemon
    wanted = "running" if is_back else "shut off"
    wait_for(lambda: reason(stack).startswith(wanted), 10, wanted)
    assert (stack.emulator_pid("guest") > 0) == is_back
    assert ("has no current snapshot" in stack.virsh("snapshot-current", "guest", check=False).err) != is_back


@pytest.mark.parametrize("step", ["snapshot-data-deleted", "snapshot-forgotten"])
def test_killed_while_one_is_deleted(make_stack, guest_xml, step):
    stack, (path,) = crashing(make_stack, guest_xml, step)
    for name in ("one", "two"):
        stack.virsh("snapshot-create-as", "guest", name)
    refused(stack, "snapshot-delete", "guest", "one", "--children")
    left = names(stack)
    assert left == (["one", "two"] if step == "snapshot-data-deleted" else ["one"])
    stack.virsh("snapshot-delete", "guest", "one", "--children", "--metadata")
    assert names(stack) == [] and inside(path) == ["one"]


def test_emulator_dies_while_it_is_snapshot(stack, guest_xml):
    path, = define(stack, guest_xml)
    stack.virsh("start", "guest")
    pid = stack.stop_emulator("guest")
    results = []
    thread = threading.Thread(target=lambda: results.append(
        stack.virsh("snapshot-create-as", "guest", "one", check=False, timeout=60)))
    thread.start()
    domain = stack.open().lookupByName("guest")
    wait_for(lambda: domain.jobStats().get("operation") == libvirt.VIR_DOMAIN_JOB_OPERATION_SNAPSHOT, 10, "job")
    os.kill(pid, signal.SIGKILL)
    thread.join(60)
    assert results[0].status != 0
    wait_for(lambda: reason(stack) == "shut off (crashed)", 10, "end")
    assert names(stack) == [] and inside(path) == [] and no_journal(stack)
    stack.virsh("start", "guest")
