# SPDX-License-Identifier: LGPL-2.1-or-later
"""Mediated devices: what mdevctl is asked, what its definitions become; bad input. The tree and mdevctl are made up; the
real ones are in tests/machine/pci."""

import glob
import json
import os
import re
import subprocess
import tempfile
import xml.etree.ElementTree as ET

import libvirt
import pytest
from gi.repository import GLib

from harness import wait_for
from nodedevs import (DEVICES, NODEDEV, Tree, call, canonical, get, lifecycle, names, path_of, xml)

HERE = os.path.dirname(os.path.abspath(__file__))
CORPUS = os.path.join(os.environ.get("VIRTBUS_CORPUS", "/nonexistent"), "nodedev")
TOOL = "libcommon/nodedev/vb-nodedev-tool"
UUID = "d069d019-36ea-4111-8f0a-8c9a70e21366"
NAME = "mdev_d069d019_36ea_4111_8f0a_8c9a70e21366_0000_00_02_0"
PARENT = "pci_0000_00_02_0"


def mdev_xml(parent=PARENT, kind="i915-GVTg_V5_8", uuid=UUID, attrs=()):
    return """<device><parent>%s</parent><capability type='mdev'><type id='%s'/>%s%s</capability></device>""" % (
        parent, kind, "<uuid>%s</uuid>" % uuid if uuid else "",
        "".join("<attr name='%s' value='%s'/>" % a for a in attrs))


class Fake:
    """A stack whose devices lie in a tree, and whose mdevctl is ours."""

    def __init__(self, make_stack, tmp_path):
        self.folder = tmp_path
        self.tree = Tree(tmp_path / "tree")
        gpu = self.tree.pci("pci0000:00", "0000:00:02.0", "8086:1912", "30000")
        self.tree.mdev_type(gpu, "i915-GVTg_V5_8", title="GVTg")
        self.tree.pci("pci0000:00", "0000:00:03.0")
        self.make_stack, self.stack = make_stack, None

    def start(self):
        programs = self.folder / "bin"
        programs.mkdir()
        os.symlink(os.path.join(HERE, "nodedev", "mdevctl"), programs / "mdevctl")
        self.stack = self.make_stack(options=("--sysfs", self.tree.sysfs), env={
            "PATH": "%s:%s" % (programs, os.environ["PATH"]), "FAKE_MDEVCTL": str(self.folder),
            "FAKE_SYSFS": self.tree.sysfs})
        return self.stack

    def asked(self, verb):
        """[arguments, standard input] of each run of mdevctl with @verb."""
        with open(self.folder / "log") as f:
            return [entry for entry in map(json.loads, f) if entry[0][1] == verb]

    def define(self, text, command="nodedev-define", **kwargs):
        with tempfile.NamedTemporaryFile("w", suffix=".xml", dir=self.folder) as f:
            f.write(text)
            f.flush()
            return self.stack.virsh(command, f.name, **kwargs)


@pytest.fixture
def fake(make_stack, tmp_path):
    made = Fake(make_stack, tmp_path)
    made.start()
    return made


def test_life_of_a_definition(fake):
    stack = fake.stack
    recorder = stack.record(sender=NODEDEV)
    assert xml(stack, PARENT).find("capability/capability[@type='mdev_types']/type").get("id") == "i915-GVTg_V5_8"
    fake.define(mdev_xml(attrs=(("a", "1"), ("a", "2"))))
    assert fake.asked("define") == [[
        ["mdevctl", "define", "--parent=0000:00:02.0", "--jsonfile=/dev/stdin", "--uuid=" + UUID],
        '{"mdev_type":"i915-GVTg_V5_8","start":"manual","attrs":[{"a":"1"},{"a":"2"}]}']]
    recorder.wait_for(lifecycle(NAME, 2), what="defined")
    assert names(stack, "--inactive") == [NAME] and NAME not in names(stack)
    tree = xml(stack, NAME)
    assert (tree.findtext("parent"), tree.findtext("capability/uuid")) == (PARENT, UUID)
    assert [a.get("value") for a in tree.iter("attr")] == ["1", "2"]
    assert (get(stack, NAME, "Persistent"), get(stack, NAME, "Active")) == (True, False)

    stack.virsh("nodedev-start", NAME)
    recorder.wait_for(lifecycle(NAME, 0), what="created")
    assert get(stack, NAME, "Active") and NAME in names(stack, "--cap", "mdev")
    assert xml(stack, NAME).findtext("path").endswith("/0000:00:02.0/" + UUID)
    assert "already active" in stack.virsh("nodedev-start", NAME, check=False).err

    stack.virsh("nodedev-autostart", NAME)
    assert get(stack, NAME, "Autostart")
    assert "Autostart:      yes" in stack.virsh("nodedev-info", NAME).out
    stack.virsh("nodedev-autostart", NAME, "--disable")
    assert not get(stack, NAME, "Autostart")

    stack.virsh("nodedev-destroy", NAME)
    recorder.wait_for(lifecycle(NAME, 1), what="deleted")
    assert names(stack, "--inactive") == [NAME]
    stack.virsh("nodedev-undefine", NAME)
    recorder.wait_for(lifecycle(NAME, 3), what="undefined")
    assert names(stack, "--inactive") == []


def test_transient(fake):
    stack = fake.stack
    fake.define(mdev_xml(), "nodedev-create")
    assert fake.asked("start")[0][0] == ["mdevctl", "start", "--parent=0000:00:02.0", "--jsonfile=/dev/stdin",
                                         "--uuid=" + UUID]
    assert not get(stack, NAME, "Persistent")
    assert "not defined" in stack.virsh("nodedev-undefine", NAME, check=False).err
    assert stack.virsh("nodedev-autostart", NAME, check=False).status == 1
    stack.virsh("nodedev-destroy", NAME)
    assert NAME not in names(stack, "--all")
    # mdevctl chooses the UUID
    fake.define(mdev_xml(uuid=None), "nodedev-create")
    assert "--uuid" not in " ".join(fake.asked("start")[-1][0])
    assert len(names(stack, "--cap", "mdev")) == 1


def test_definitions_survive_the_daemon(fake):
    stack = fake.stack
    fake.define(mdev_xml())
    os.makedirs(stack.path("/etc/mdevctl.d/0000:00:02.0"))    # what mdevctl itself would have made
    stack.kill("virtnodedevd")
    assert names(stack, "--inactive") == [NAME]


def test_changes_made_with_mdevctl_itself(fake):
    stack = fake.stack
    folder = stack.path("/etc/mdevctl.d/0000:00:02.0")
    os.makedirs(folder)
    assert names(stack, "--inactive") == []
    with open(fake.folder / "defined.json", "w") as f:
        json.dump({"0000:00:02.0|" + UUID: {"mdev_type": "x", "start": "auto"}}, f)
    with open(os.path.join(folder, UUID), "w"):
        pass
    wait_for(lambda: names(stack, "--inactive") == [NAME], 10, "definition")
    assert get(stack, NAME, "Autostart")


@pytest.mark.parametrize("text,words", [
    (mdev_xml(parent="nosuch"), "invalid parent device 'nosuch'"),
    (mdev_xml(parent="computer"), "invalid parent device 'computer'"),
    (mdev_xml(parent="../../etc"), "invalid parent device '../../etc'"),
    (mdev_xml(kind="nosuch"), "has no mediated device type 'nosuch'"),
    (mdev_xml(kind="../../../x"), "invalid mediated device type"),
    (mdev_xml(uuid="nonsense"), "Cannot parse uuid 'nonsense'"),
    ("<device><parent>%s</parent><capability type='mdev'/></device>" % PARENT, "missing type id"),
    ("<device><parent>%s</parent></device>" % PARENT, "no device capabilities for 'new device'"),
    ("<device><capability type='net'><interface>x</interface></capability></device>", "Unsupported device type"),
    ("<device><capability type='nonsense'/></device>", "nonsense"),
    ("<device><parent>computer</parent", "expected '>'"),
    ("<domain/>", "domain"),
], ids=range(12))
def test_bad_input(fake, text, words):
    before = names(fake.stack, "--all")
    for command in ("nodedev-create", "nodedev-define"):
        result = fake.define(text, command, check=False)
        assert result.status == 1 and words in result.err, result
    assert names(fake.stack, "--all") == before
    assert not os.path.exists(fake.folder / "log") or not fake.asked("start") + fake.asked("define")


def test_parent_without_mediated_devices(fake):
    result = fake.define(mdev_xml(parent="pci_0000_00_03_0"), "nodedev-create", check=False)
    assert "does not support mediated devices" in result.err


def test_a_port_needs_a_host_that_makes_ports(fake):
    port = "<device><parent>%s</parent><capability type='scsi_host'><capability type='fc_host'>%s</capability>" \
           "</capability></device>"
    for text, words in ((port % ("computer", ""), "Parent device computer is not capable of vport operations"),
                        (port % ("nosuch", ""), "Could not find parent device for 'nosuch'"),
                        (port % ("computer", "<wwnn>1</wwnn><wwpn>2</wwpn>"), "Malformed wwn"),
                        (port % ("computer", "<wwnn>20000000c9831b4b</wwnn>"), "must be given together")):
        assert words in fake.define(text, "nodedev-create", check=False).err


def test_mdevctl_fails_or_hangs_or_is_not_there(fake):
    fake.define(mdev_xml())
    result = fake.define(mdev_xml(), check=False)
    assert "Unable to define mediated device: Error: Device already exists" in result.err
    # a hanging child delays nobody else
    (fake.folder / "hang").touch()
    conn = fake.stack.open()
    process = subprocess.Popen(["virsh", "-q", "nodedev-undefine", NAME], env=fake.stack.env)
    wait_for(lambda: fake.asked("undefine"), 10, "mdevctl")
    assert conn.nodeDeviceLookupByName(PARENT).XMLDesc()
    process.kill()
    process.wait()
    pids = subprocess.run(["pgrep", "-f", "mdevctl undefine --uuid=" + UUID], text=True, capture_output=True,
                          check=False).stdout.split()
    for pid in pids:
        with open("/proc/%s/environ" % pid, "rb") as f:
            if b"FAKE_MDEVCTL=%s\0" % str(fake.folder).encode() in f.read():
                os.kill(int(pid), 9)
    os.unlink(fake.folder / "hang")
    os.unlink(fake.folder / "bin/mdevctl")
    conn.close()


def test_update(fake):
    fake.define(mdev_xml())
    conn = fake.stack.open()
    text = mdev_xml(attrs=(("b", "2"),))
    with tempfile.NamedTemporaryFile("w", dir=fake.folder) as f:
        args = GLib.Variant("(su)", (text, 2))
        fake.stack.call(path_of(NAME), "org.virtbus.NodeDevice1.Update", args, name=NODEDEV)
        assert f
    assert fake.asked("modify") == [[
        ["mdevctl", "modify", "--parent=0000:00:02.0", "--jsonfile=/dev/stdin", "--uuid=" + UUID, "--defined"],
        '{"mdev_type":"i915-GVTg_V5_8","start":"manual","attrs":[{"b":"2"}]}']]
    assert [a.get("name") for a in xml(fake.stack, NAME).iter("attr")] == ["b"]
    with pytest.raises(GLib.Error) as info:
        fake.stack.call(path_of(NAME), "org.virtbus.NodeDevice1.Update", GLib.Variant("(su)", (text, 1)), name=NODEDEV)
    assert "node device is not active" in str(info.value)
    conn.close()


def test_read_only_clients_change_nothing(fake):
    fake.define(mdev_xml())
    conn = fake.stack.open(readonly=True)
    device = conn.nodeDeviceLookupByName(NAME)
    for change in (device.create, device.undefine, device.destroy, lambda: conn.nodeDeviceDefineXML("<device/>"),
                   conn.nodeDeviceLookupByName(PARENT).dettach, conn.nodeDeviceLookupByName(PARENT).reset):
        with pytest.raises(libvirt.libvirtError) as info:
            change()
        assert info.value.get_error_code() == libvirt.VIR_ERR_OPERATION_DENIED
    conn.close()


# -- handing over

def test_words_of_what_cannot_be_handed_over(fake):
    stack = fake.stack
    for command, words in ((("nodedev-detach", "computer"), "device computer is not a PCI device"),
                           (("nodedev-reattach", "computer"), "device computer is not a PCI device"),
                           (("nodedev-reset", "computer"), "device computer is not a PCI device"),
                           (("nodedev-detach", PARENT, "--driver", "bogus"), "unknown driver name 'bogus'"),
                           (("nodedev-detach", PARENT), "VFIO device assignment is currently not supported"),
                           (("nodedev-reset", PARENT), "no FLR, PM reset or bus reset available")):
        result = stack.virsh(*command, check=False)
        assert result.status == 1 and words in result.err, result


@pytest.fixture
def disk(make_stack, tmp_path):
    """A PCI device with an IOMMU group and a driver, on whose drive the root file system is mounted, by way of LVM."""
    tree = Tree(tmp_path)
    folder = tree.pci("pci0000:00", "0000:00:04.0", "1AF4:1042", "18000",
                      attributes={"driver_override": "(null)\n", "reset": ""},
                      links={"iommu_group": "/sys/kernel/iommu_groups/7", "driver": "/sys/bus/pci/drivers/virtio-pci"})
    os.makedirs(tree.path("/sys/bus/pci/drivers/vfio-pci"))
    block = tree.device("pci0000:00/0000:00:04.0/block/vdx", "block", "DEVTYPE=disk\nDEVNAME=vdx\n")
    tree.write("/sys/devices/virtual/block/dm-9/uevent", "DEVTYPE=disk\n")
    tree.link("/sys/devices/virtual/block/dm-9/slaves/vdx", tree.path(block))
    tree.link("/sys/dev/block/250:9", tree.path("/sys/devices/virtual/block/dm-9"))
    tree.write("/proc/self/mountinfo", "21 1 250:9 / / rw,relatime - ext4 /dev/nosuch rw\n")
    stack = make_stack(options=("--sysfs", tree.sysfs, "--procfs", tree.path("/proc")))
    return stack, tree, folder


def test_what_carries_the_root_file_system_stays(disk):
    stack, tree, folder = disk
    for command in ("nodedev-detach", "nodedev-reset"):
        result = stack.virsh(command, "pci_0000_00_04_0", check=False)
        assert "PCI device 0000:00:04.0 carries the file system mounted on '/'" in result.err, result
    with open(tree.path(folder + "/driver_override")) as f:
        assert f.read() == "(null)\n"
    with open(tree.path(folder + "/reset")) as f:
        assert f.read() == ""


# -- reference cases

def cases(folder, pattern):
    return [os.path.basename(p) for p in sorted(glob.glob(os.path.join(CORPUS, folder, pattern)))]


def corpus_root(folder, name):
    with open(os.path.join(CORPUS, folder, name)) as f:
        return ET.fromstring(f.read())


def forget(root, *paths):
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in paths:
                parent.remove(child)
    return canonical(ET.tostring(root, encoding="unicode"))


@pytest.mark.skipif(not cases("nodedevschemadata", "*.xml"), reason="VIRTBUS_CORPUS names no folder of cases")
@pytest.mark.parametrize("name", cases("nodedevschemadata", "*.xml"))
def test_corpus_xml(build_dir, name):
    """What is read is shown back; libvirt forgets a definition's driver and parent_addr, and adds a group to a mdev."""
    with open(os.path.join(CORPUS, "nodedevschemadata", name)) as f:
        text = f.read()
    result = subprocess.run([os.path.join(build_dir, TOOL)], input=text, text=True, capture_output=True, check=False)
    if "invalid" in name:
        assert result.returncode == 1
        return
    assert result.returncode == 0, result.stderr
    assert canonical(result.stdout) == canonical(text)
    if name in cases("nodedevxml2xmlout", "*.xml"):
        skipped = ("driver", "parent_addr") + (("iommuGroup",) if name.startswith("mdev") else ())
        assert forget(ET.fromstring(result.stdout), *skipped) == forget(
            corpus_root("nodedevxml2xmlout", name), *skipped)


ADDRESSES = {"pci_0000_00_02_0": "0000:00:02.0", "css_0_0_0052": "0.0.0052"}


@pytest.mark.skipif(not cases("nodedevmdevctldata", "*.argv"), reason="VIRTBUS_CORPUS names no folder of cases")
@pytest.mark.parametrize("name", cases("nodedevmdevctldata", "mdev_*-[cd]*.argv"))
def test_corpus_command_lines(make_stack, tmp_path, name):
    """mdevctl's command lines and input for the cases' definitions."""
    source = re.sub("-(create|define).argv", ".xml", name)
    if source not in cases("nodedevschemadata", "*.xml"):
        pytest.skip("the definition is not among the cases")
    fake = Fake(make_stack, tmp_path)
    root = corpus_root("nodedevschemadata", source)
    kind = root.find("capability/type").get("id")
    parent = root.findtext("parent")
    if parent.startswith("css"):
        address = ADDRESSES[parent]
        fake.tree.mdev_type(fake.tree.device("css0/" + address, "css"), kind)
    fake.start()
    verb = "start" if "-create" in name else "define"
    fake.define(ET.tostring(root, encoding="unicode"), "nodedev-create" if verb == "start" else "nodedev-define")
    with open(os.path.join(CORPUS, "nodedevmdevctldata", name)) as f:
        argv = f.read().replace("\\\n", " ").split()
    with open(os.path.join(CORPUS, "nodedevmdevctldata", name.replace(".argv", ".json"))) as f:
        text = f.read().strip()
    assert fake.asked(verb) == [[argv, text]]


@pytest.mark.skipif(not cases("nodedevmdevctldata", "*list*.json"), reason="VIRTBUS_CORPUS names no folder of cases")
def test_corpus_lists(make_stack, tmp_path):
    fake = Fake(make_stack, tmp_path)
    for path, subsystem in (("vfio_ap/matrix", "matrix"), ("css0/0.0.0052", "css")):
        fake.tree.mdev_type(fake.tree.device(path, subsystem), "x")
    with open(os.path.join(CORPUS, "nodedevmdevctldata", "mdevctl-list-multiple.json")) as f:
        listed = json.load(f)[0]
    state = {"%s|%s" % (p, u): c for p, entries in listed.items() for e in entries for u, c in e.items()}
    with open(tmp_path / "defined.json", "w") as f:
        json.dump(state, f)
    stack = fake.start()
    os.makedirs(stack.path("/etc/mdevctl.d/matrix"))
    with open(os.path.join(CORPUS, "nodedevmdevctldata", "mdevctl-list-multiple.out.xml")) as f:
        expected = ET.fromstring("<all>%s</all>" % f.read())
    assert sorted(names(stack, "--inactive")) == sorted(d.findtext("name") for d in expected)
    for device in expected:
        ours = stack.virsh("nodedev-dumpxml", device.findtext("name")).out
        assert canonical(ours) == canonical(ET.tostring(device, encoding="unicode"))
    assert fake.asked("list")[0][0] == ["mdevctl", "list", "--dumpjson", "--defined"]
    assert call(stack, "CountNames", GLib.Variant("(su)", ("mdev", 0)), interface=DEVICES)[0] == 0
