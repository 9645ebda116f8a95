# SPDX-License-Identifier: LGPL-2.1-or-later
"""Taps as ports of a Linux bridge: kept apart from each other, in VLANs. Where this host's bridges know no VLANs, those of a
real guest's kernel do: the daemon's own code runs there."""

import json
import os

import pytest

from test_bandwidth import with_programs
from test_devices import change
from test_interfaces import MAC, bridge, direct, ip, lower  # noqa: F401

NAME = "ports"
TAP = "vbo%d" % (os.getpid() % 100000)
UNSUPPORTED = "unsupported configuration: interface %s - vlan tag not supported for this connection type" % MAC


def card(bridge, inside="", kind="bridge", model="virtio"):
    return ("<interface type='%s'><mac address='%s'/>%s<target dev='%s'/><model type='%s'/>%s</interface>"
            % (kind, MAC, "<source bridge='%s'/>" % bridge if bridge else "", TAP, model, inside))


def is_isolated():
    link = json.loads(ip("-d", "-j", "link", "show", TAP).stdout)[0]
    return link["linkinfo"]["info_slave_data"]["isolated"]


def start(stack, guest_xml, devices, check=True):
    stack.define(guest_xml(name=NAME, plain=True, memory_mib=32, devices=devices))
    return stack.virsh("start", NAME, check=check)


def test_isolated(stack, guest_xml, bridge):     # noqa: F811
    """From the start, and changed while the guest runs."""
    start(stack, guest_xml, card(bridge, "<port isolated='yes'/>"))
    assert is_isolated()
    change(stack, "update-device", card(bridge), "--live", guest=NAME)
    assert not is_isolated() and "isolated" not in stack.virsh("dumpxml", NAME).out
    stack.kill("virtqemud")
    change(stack, "update-device", card(bridge, "<port isolated='yes'/>"), "--live", guest=NAME)
    assert is_isolated() and "<port isolated='yes'/>" in stack.virsh("dumpxml", NAME).out


def test_plugged_isolated(stack, guest_xml, bridge):     # noqa: F811
    start(stack, guest_xml, "<controller type='usb' model='qemu-xhci'/>")
    change(stack, "attach-device", card(bridge, "<port isolated='yes'/>", model="usb-net"), "--live", guest=NAME)
    assert is_isolated()


def test_a_port_that_is_none(stack, guest_xml, bridge):     # noqa: F811
    """Somebody took the tap out of its bridge."""
    start(stack, guest_xml, card(bridge))
    ip("link", "set", TAP, "nomaster")
    result = change(stack, "update-device", card(bridge, "<port isolated='yes'/>"), "--live", guest=NAME, check=False)
    assert "interface %s is no port of a bridge" % TAP in result.err
    assert "isolated" not in stack.virsh("dumpxml", NAME).out


@pytest.mark.parametrize("kind", ["ethernet", "user"])
def test_refused(stack, guest_xml, kind):
    tag = "<vlan><tag id='42'/></vlan>"
    result = start(stack, guest_xml, card(None, tag, kind=kind), check=False)
    assert result.status and UNSUPPORTED in result.err
    start(stack, guest_xml, card(None, kind=kind))
    result = change(stack, "update-device", card(None, tag, kind=kind), "--live", guest=NAME, check=False)
    assert UNSUPPORTED in result.err
    result = change(stack, "update-device", card(None, "<port isolated='yes'/>", kind=kind), "--live", guest=NAME, check=False)
    assert "interface %s - <port isolated='yes'/> is not supported for network interfaces with type='%s'" % (MAC, kind) \
        in result.err
    assert "<vlan>" not in stack.virsh("dumpxml", NAME).out


def test_macvtap_has_no_tags(stack, guest_xml, lower):     # noqa: F811
    result = start(stack, guest_xml, direct(lower, extra="<vlan><tag id='42'/></vlan>"), check=False)
    assert UNSUPPORTED in result.err and "macvtap" not in ip("link").stdout


def test_a_bridge_that_does_not_filter(stack, guest_xml, bridge):     # noqa: F811
    """Tags would say nothing there: the guest would talk to everybody."""
    result = start(stack, guest_xml, card(bridge, "<vlan><tag id='42'/></vlan>"), check=False)
    words = "vlan tags on interface %s need a bridge that filters VLANs, and bridge %s does not" % (TAP, bridge)
    assert words in result.err and TAP not in ip("link").stdout
    start(stack, guest_xml, card(bridge))
    result = change(stack, "update-device", card(bridge, "<vlan><tag id='42'/></vlan>"), "--live", guest=NAME, check=False)
    assert words in result.err and "<vlan>" not in stack.virsh("dumpxml", NAME).out


# ---- in the kernel of a guest ----

ACCESS, NATIVE = ["PVID", "Egress Untagged"], ["PVID"]
TRUNK = "<vlan trunk='yes'><tag id='42'/><tag id='47'/></vlan>"
STEPS = [
    ("<vlan><tag id='42'/></vlan>", {42: ACCESS}),
    (TRUNK, {42: [], 47: []}),
    ("<vlan trunk='yes'><tag id='123' nativeMode='untagged'/><tag id='144'/></vlan>", {123: ACCESS, 144: []}),
    ("<vlan trunk='yes'><tag id='4094' nativeMode='tagged'/><tag id='7'/></vlan>", {7: [], 4094: NATIVE}),
    ("<vlan><tag id='9' nativeMode='tagged'/></vlan>", {9: NATIVE}),
    ("<vlan trunk='yes'><tag id='5'/></vlan>", {5: []}),
    ("", {1: ACCESS}),
]


@pytest.fixture
def vlan_kernel(stack, guest_xml, guest_kernel, build_dir, tmp_path):
    """The console of a guest with the daemon's code, and a bridge "sw0" with the port "port"."""
    if "asan" in os.path.basename(build_dir):
        pytest.skip("the sanitizers' libraries are not for a guest")
    tool = os.path.join(build_dir, "virtqemud/port-tool")
    initrd, modules = with_programs(guest_kernel, tmp_path, [tool, "/usr/sbin/bridge", "/usr/sbin/ip"],
                                    ("8021q", "bridge", "dummy"))
    stack.define(guest_xml(name="kernel", memory_mib=256).replace(guest_kernel[1], initrd))
    stack.virsh("start", "kernel")
    console = stack.console("kernel")
    console.wait_ready()
    for module in modules:
        console.run("insmod /more/" + module)
    for line in ("ip link add name sw0 type bridge vlan_filtering 1", "ip link add name port type dummy", "ip link set port master sw0"):
        status, out = console.run("/usr/sbin/" + line)
        assert status == 0, (line, out)
    console.tool = tool
    yield console
    console.close()


def vlans(console):
    status, out = console.run("/usr/sbin/bridge -j vlan show dev port")
    assert status == 0
    rows = json.loads(out.strip()) or [{"vlans": []}]
    return {row["vlan"]: row.get("flags", []) for row in rows[0]["vlans"]}


def port(inside):
    return ("<interface type=\"bridge\"><source bridge=\"sw0\"/>%s<target dev=\"port\"/></interface>" % inside.replace("'", '"'))


def test_vlans_in_a_real_kernel(vlan_kernel):
    """Access, trunk, native mode; from one to the other; back to what the bridge gives its ports."""
    console = vlan_kernel
    assert vlans(console) == {1: ACCESS}
    status, out = console.run("%s set sw0 '%s'" % (console.tool, port(STEPS[0][0])))
    assert status == 0 and "done" in out and vlans(console) == {42: ACCESS}
    before = STEPS[0][0]
    for inside, found in STEPS[1:]:
        status, out = console.run("%s change '%s' '%s'" % (console.tool, port(before), port(inside)))
        assert status == 0, out
        assert vlans(console) == found, inside
        before = inside
    # a number that the kernel refuses: as it was before
    status, out = console.run("%s change '%s' '%s'" % (console.tool, port(""), port("<vlan><tag id='4095'/></vlan>")))
    assert status == 1 and "error setting the VLANs of bridge port port: " in out
    assert vlans(console) == {1: ACCESS}
    status, out = console.run("%s set sw0 '%s'" % (console.tool, port("<port isolated='yes'/>")))
    assert status == 0 and vlans(console) == {1: ACCESS}
    assert "isolated on" in console.run("/usr/sbin/bridge -d link show dev port")[1]
