# SPDX-License-Identifier: LGPL-2.1-or-later
"""virt-install and virt-xml, as they come, make and change guests."""

import shutil
import xml.etree.ElementTree as ET

import pytest

from harness import wait_for

pytestmark = pytest.mark.skipif(not shutil.which("virt-install"), reason="no virt-install")


def install(stack, *args, **kwargs):
    return stack.run("virt-install", "--connect", stack.uri, "--virt-type", "qemu", "--name",
                     "inst", "--memory", "128", "--osinfo", "linux2022", "--graphics", "none",
                     "--noautoconsole", "--network", "user", *args, timeout=60, **kwargs)


def edit(stack, *args, **kwargs):
    return stack.run("virt-xml", "--connect", stack.uri, "inst", *args, timeout=60, **kwargs)


def tree(stack, *flags):
    return ET.fromstring(stack.virsh("dumpxml", *flags, "inst").out)


def image(stack, name):
    path = stack.path(name)
    with open(path, "wb") as f:
        f.truncate(1 << 20)
    return path


def test_import_and_edit(stack):
    # a plain path= makes virt-install look for the storage driver, which is another daemon's
    path = image(stack, "disk.img")
    install(stack, "--import", "--disk", "source.file=%s,target.dev=vda,target.bus=virtio" % path)
    assert stack.virsh("domstate", "inst").out.strip() == "running"
    live = tree(stack)
    assert live.find("devices/disk/source").get("file") == path
    assert live.find("devices/interface/model").get("type") == "virtio"
    assert stack.virsh("domblklist", "inst").out.split() == ["vda", path]

    other = image(stack, "other.img")
    edit(stack, "--add-device", "--disk", "source.file=%s,target.dev=vdb" % other, "--update")
    assert [t.get("dev") for t in tree(stack).findall("devices/disk/target")] == ["vda", "vdb"]
    edit(stack, "--add-device", "--network", "user,model=virtio", "--update")
    for flags in ([], ["--inactive"]):
        assert len(tree(stack, *flags).findall("devices/interface")) == 2
    edit(stack, "--edit", "--memory", "256")
    assert tree(stack, "--inactive").findtext("memory") == "262144"
    assert tree(stack).findtext("memory") == "131072"
    edit(stack, "--remove-device", "--disk", "target.dev=vdb")
    stack.virsh("destroy", "inst")
    wait_for(lambda: stack.virsh("domstate", "inst").out.strip() == "shut off", 10, "end")
    assert [t.get("dev") for t in tree(stack).findall("devices/disk/target")] == ["vda"]


def test_print_xml(stack):
    result = install(stack, "--import", "--disk", "none", "--print-xml")
    assert ET.fromstring(result.out).findtext("name") == "inst"
    assert stack.virsh("list", "--all", "--name").out.split() == []
