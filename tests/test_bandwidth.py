# SPDX-License-Identifier: LGPL-2.1-or-later
"""How fast network cards may receive and send: set in the kernel at the start, when plugged, and while the guest runs. This
host's kernel may lack parts of it; what tc is told is then tried in the kernel of a real guest."""

import gzip
import json
import os
import re
import subprocess

import libvirt
import pytest

import guest as guest_tool
from harness import wait_for
from test_devices import change
from test_helpers import content
from test_interfaces import MAC, bridge, direct, ip, lower, macvtaps  # noqa: F401

NAME = "limits"
TAP = "vbq%d" % (os.getpid() % 100000)
LIVE, CONFIG = 1, 2


def card(bridge, inside="", mac=MAC, tap=TAP):
    return ("<interface type='bridge'><mac address='%s'/><source bridge='%s'/>%s<target dev='%s'/><model type='virtio'/>"
            "</interface>" % (mac, bridge, inside, tap))


def limits(inbound="", outbound=""):
    return "<bandwidth>%s%s</bandwidth>" % ("<inbound %s/>" % inbound if inbound else "",
                                            "<outbound %s/>" % outbound if outbound else "")


def tc(*args):
    return subprocess.run(["tc", *args], capture_output=True, text=True, timeout=30)


def ask_tc(*args):
    return json.loads(tc("-s", "-j", *args).stdout or "[]")


@pytest.fixture(scope="session")
def has_police():
    """Can this kernel limit what comes in?"""
    name = "vbp%d" % (os.getpid() % 100000)
    if ip("link", "add", name, "type", "bridge").returncode:
        pytest.skip("no right to make network interfaces")
    try:
        tc("qdisc", "add", "dev", name, "ingress")
        return tc("filter", "add", "dev", name, "parent", "ffff:", "protocol", "all", "u32", "match", "u32", "0", "0", "police",
                  "rate", "8mbit", "burst", "64kb", "mtu", "64kb", "drop", "flowid", ":1").returncode == 0
    finally:
        ip("link", "del", name)


def egress(name=TAP):
    """(rate, ceiling, burst) of what a device sends, bytes; None without a limit"""
    found = [q for q in ask_tc("qdisc", "show", "dev", name) if q["kind"] == "htb"]
    if not found:
        return None
    assert (found[0]["handle"], found[0]["options"]["default"]) == ("1:", "0x1") and found[0]["root"]
    text = tc("class", "show", "dev", name).stdout        # its JSON is broken in iproute2 6.1
    return re.search(r"class htb 1:1 root (?:leaf \S+ )?prio 0 rate (\S+) ceil (\S+) burst (\S+)", text).groups()


def has_ingress(name=TAP):
    return any(q["kind"] == "ingress" for q in ask_tc("qdisc", "show", "dev", name))


def start(stack, guest_xml, devices, check=True):
    stack.define(guest_xml(name=NAME, plain=True, memory_mib=32, devices=devices))
    return stack.virsh("start", NAME, check=check)


def params(stack, device=TAP, *flags):
    out = stack.virsh("domiftune", NAME, device, *flags).out
    return {key: int(value) for key, value in re.findall(r"(\S+)\s*: (\d+)", out)}


def no_limits(**given):
    return dict({key: 0 for key in ("inbound.average", "inbound.peak", "inbound.burst", "inbound.floor", "outbound.average",
                                    "outbound.peak", "outbound.burst")}, **given)


def test_from_the_start(stack, guest_xml, bridge):     # noqa: F811
    start(stack, guest_xml, card(bridge, limits("average='1000' peak='5000' burst='1024'")))
    assert egress() == ("8Mbit", "40Mbit", "1Mb") and not has_ingress()
    assert params(stack) == no_limits(**{"inbound.average": 1000, "inbound.peak": 5000, "inbound.burst": 1024})
    assert "<inbound average='1000' peak='5000' burst='1024'/>" in stack.virsh("dumpxml", NAME).out
    stack.virsh("destroy", NAME)


def test_what_the_guest_sends(stack, guest_xml, bridge, has_police):     # noqa: F811
    result = start(stack, guest_xml, card(bridge, limits("average='5'", "average='128' burst='64'")), check=has_police)
    if has_police:
        assert has_ingress() and egress()[0] == "40Kbit"
        assert "police" in tc("filter", "show", "dev", TAP, "ingress").stdout
        return
    # no guest runs without the limit that it was to have
    assert "internal error: Child process (tc filter add dev %s parent ffff: protocol all u32 match u32 0 0 police rate 128kbps " \
           "burst 64kb mtu 64kb drop flowid :1) unexpected exit status 2: Error" % TAP in result.err
    assert stack.virsh("domstate", NAME).out.strip() == "shut off" and TAP not in ip("link").stdout


def test_changed_while_it_runs(stack, guest_xml, bridge):     # noqa: F811
    """As libvirt: a direction whose average is named is replaced, the other one stays."""
    start(stack, guest_xml, card(bridge))
    assert params(stack) == no_limits() and egress() is None
    stack.virsh("domiftune", NAME, TAP, "--inbound", "100,200,50", "--live", "--config")
    assert egress() == ("800Kbit", "1600Kbit", "50Kb")
    given = no_limits(**{"inbound.average": 100, "inbound.peak": 200, "inbound.burst": 50})
    assert params(stack, MAC, "--live") == given == params(stack, TAP, "--config")
    stack.kill("virtqemud")
    assert params(stack, TAP, "--live") == given == params(stack, TAP, "--config")
    connection = stack.open()
    domain = connection.lookupByName(NAME)
    domain.setInterfaceParameters(TAP, {"outbound.peak": 7}, LIVE)      # of nothing
    assert params(stack) == given and egress() == ("800Kbit", "1600Kbit", "50Kb")
    domain.setInterfaceParameters(TAP, {"inbound.average": 0}, LIVE)
    assert params(stack) == no_limits() and egress() is None
    assert params(stack, TAP, "--config") == given
    connection.close()
    stack.virsh("destroy", NAME)
    assert params(stack) == given


def test_what_the_kernel_refuses_changes_nothing(stack, guest_xml, bridge, has_police):     # noqa: F811
    start(stack, guest_xml, card(bridge, limits("average='100'")))
    if not has_police:
        result = stack.virsh("domiftune", NAME, TAP, "--inbound", "700", "--outbound", "20", "--live", check=False)
        assert "unexpected exit status 2" in result.err
        assert egress()[0] == "800Kbit" and params(stack) == no_limits(**{"inbound.average": 100})
    result = change(stack, "update-device", card(bridge, limits("average='9999999999999'")), "--live", guest=NAME, check=False)
    assert "rate 9999999999999kbps quantum 853333333333) unexpected exit status 1: Illegal \"quantum\"" in result.err
    assert egress()[0] == "800Kbit" and params(stack) == no_limits(**{"inbound.average": 100})


def test_updated(stack, guest_xml, bridge):     # noqa: F811
    start(stack, guest_xml, card(bridge) + "<interface type='user'><mac address='%s'/></interface>" % (MAC[:-1] + "5"))
    change(stack, "update-device", card(bridge, limits("average='11'")), "--live", guest=NAME)
    assert egress()[0] == "88Kbit" and params(stack)["inbound.average"] == 11
    change(stack, "update-device", card(bridge), "--live", guest=NAME)
    assert egress() is None and params(stack) == no_limits()
    user = "<interface type='user'><mac address='%s'/>%s</interface>" % (MAC[:-1] + "5", limits("average='11'"))
    result = change(stack, "update-device", user, "--live", guest=NAME, check=False)
    assert "Operation not supported: Unable to set bandwidth for interface because device name is unknown" in result.err


def test_plugged(stack, guest_xml, bridge):     # noqa: F811
    start(stack, guest_xml, "<controller type='usb' model='qemu-xhci'/>")
    xml = card(bridge, limits("average='20'")).replace("'virtio'", "'usb-net'")
    change(stack, "attach-device", xml, "--live", guest=NAME)
    assert egress()[0] == "160Kbit"
    change(stack, "detach-device", xml, "--live", guest=NAME)
    wait_for(lambda: TAP not in ip("link").stdout, 10, "end of the tap")


@pytest.fixture
def own_tap():
    """An administrator's."""
    if ip("tuntap", "add", "dev", TAP, "mode", "tap", "vnet_hdr").returncode:
        pytest.skip("no right to make a tap")
    yield "<interface type='ethernet'><target dev='%s' managed='no'/><model type='virtio'/>%%s</interface>" % TAP
    ip("link", "del", TAP)


@pytest.mark.parametrize("is_later", [False, True], ids=["from-the-start", "later"])
def test_a_tap_that_stays_loses_its_limits(stack, guest_xml, own_tap, is_later):
    """The guest takes away what it brought, also when a daemon was killed in between."""
    start(stack, guest_xml, own_tap % ("" if is_later else limits("average='30'")))
    if is_later:
        stack.virsh("domiftune", NAME, TAP, "--inbound", "30", "--live")
    assert egress()[0] == "240Kbit"
    stack.kill("virtqemud")
    stack.virsh("destroy", NAME)
    assert egress() is None and TAP in ip("link").stdout


def test_a_tap_keeps_what_is_not_the_guests(stack, guest_xml, own_tap):
    tc("qdisc", "add", "dev", TAP, "root", "handle", "7:", "htb")
    start(stack, guest_xml, own_tap % "")
    stack.virsh("destroy", NAME)
    assert [q["handle"] for q in ask_tc("qdisc", "show", "dev", TAP)] == ["7:"]


def test_a_card_without_a_device(stack, guest_xml):
    """libvirt lets it run, and says so."""
    start(stack, guest_xml, "<interface type='user'><mac address='%s'/>%s</interface>" % (MAC, limits("average='30'")))
    assert "setting bandwidth on interfaces of type 'user' is not implemented yet" in stack.log("virtqemud")


def test_macvtap(stack, guest_xml, lower):     # noqa: F811
    """It stands where the guest does: what it sends is what the guest sends."""
    start(stack, guest_xml, direct(lower, extra=limits("", "average='128' peak='256'")))
    name, = macvtaps(lower)
    assert egress(name)[:2] == ("1024Kbit", "2048Kbit") and not has_ingress(name)
    stack.virsh("domiftune", NAME, name, "--outbound", "64")
    assert egress(name)[:2] == ("512Kbit", "512Kbit")


@pytest.mark.parametrize("given,flags,words", [
    ({"device": "nosuch"}, LIVE, "invalid argument: 'nosuch' is not a known interface"),
    ({"device": "nosuch"}, CONFIG, "invalid argument: 'nosuch' is not a known interface"),
    ({"inbound.floor": 7}, LIVE, "Operation not supported: Invalid use of 'floor' on interface with MAC address %s - 'floor' is "
     "only supported for interface type 'network' with forward type 'nat', 'route', 'open' or none" % MAC),
    ({"inbound.floor": 7}, CONFIG, "unsupported configuration: floor attribute is not supported for this config"),
    ({"device": MAC[:-1] + "5", "outbound.average": 7}, LIVE,
     "unsupported configuration: setting bandwidth on interfaces of type 'user' is not implemented yet"),
    ({"inbound.average": 7}, 8, "unsupported flags (0x8) in function qemuDomain")],
                         ids=("device", "device-stored", "floor", "floor-stored", "user", "flags"))
def test_refused(stack, guest_xml, bridge, given, flags, words):     # noqa: F811
    start(stack, guest_xml, card(bridge) + "<interface type='user'><mac address='%s'/></interface>" % (MAC[:-1] + "5"))
    connection = stack.open()
    domain = connection.lookupByName(NAME)
    with pytest.raises(libvirt.libvirtError) as caught:
        domain.setInterfaceParameters(given.pop("device", TAP), given or {"inbound.average": 7}, flags)
    assert words in str(caught.value)
    if flags == LIVE:
        with pytest.raises(libvirt.libvirtError) as caught:
            domain.interfaceParameters("nosuch", LIVE | CONFIG)
        assert "'VIR_DOMAIN_AFFECT_LIVE' and 'VIR_DOMAIN_AFFECT_CONFIG' are mutually exclusive" in str(caught.value)
    assert egress() is None
    connection.close()


# ---- the whole of it, in the kernel of a guest ----

def with_programs(guest_kernel, folder, programs, modules):
    """The small guest's initrd with programs of the host, their libraries, and modules loaded in this order."""
    kernel, initrd = guest_kernel
    archive, names, folders = guest_tool.Archive(), [], set()
    files = set(programs)
    for program in programs:
        files |= set(re.findall(r"(/\S+) \(0x", subprocess.check_output(["ldd", program], text=True)))
    for path in sorted(files):
        parent = ""
        for part in os.path.dirname(path).strip("/").split("/"):
            parent += part
            if parent not in folders:
                archive.folder(parent)
            folders.add(parent)
            parent += "/"
        archive.file(path.lstrip("/"), content(path))
    archive.folder("more")
    for path in guest_tool.module_order(kernel, modules):
        names.append(os.path.basename(path))
        archive.file("more/" + names[-1], content(path), 0o644)
    path = folder / "initrd.gz"
    path.write_bytes(content(initrd) + gzip.compress(archive.finish()))
    return str(path), names


@pytest.fixture
def recording(tmp_path):
    """A tc that writes down what it is told, for another kernel: (folder for the path, what was told)"""
    folder = tmp_path / "bin"
    folder.mkdir()
    told = folder / "told"
    program = folder / "tc"
    program.write_text("#!/bin/sh\necho \"tc $*\" >> %s\ncase \"$1\" in -*) exec /usr/sbin/tc \"$@\";; esac\n" % told)
    program.chmod(0o755)
    return str(folder), lambda: told.read_text().splitlines()


def test_in_a_real_kernel(make_stack, guest_xml, guest_kernel, bridge, recording, tmp_path):     # noqa: F811
    """Class, fair queue, policeman: what libvirt's own commands leave there."""
    folder, told = recording
    stack = make_stack(env={"PATH": "%s:%s" % (folder, os.environ["PATH"])})
    start(stack, guest_xml, card(bridge, limits("average='1000' peak='5000' burst='1024'", "average='128' peak='256' burst='256'")))
    stack.virsh("destroy", NAME)
    lines = told()
    initrd, modules = with_programs(guest_kernel, tmp_path, ["/usr/sbin/tc"], (
        "dummy", "sch_htb", "sch_sfq", "sch_ingress", "cls_fw", "cls_u32", "act_police"))
    xml = guest_xml(name="kernel", devices="")
    stack.define(xml.replace(guest_kernel[1], initrd))
    stack.virsh("start", "kernel")
    console = stack.console("kernel")
    console.wait_ready()
    for module in modules:
        console.run("insmod /more/" + module)
    assert console.run("ip link add %s type dummy && ip link set %s up" % (TAP, TAP))[0] == 0
    for line in lines:
        status, out = console.run("/usr/sbin/" + line)
        assert status == 0 or "qdisc del" in line, (line, out)
    shown = console.run("/usr/sbin/tc qdisc show dev %s" % TAP)[1]
    assert re.search(r"qdisc htb 1: root refcnt \d+ r2q 10 default 0x1 ", shown)
    assert re.search(r"qdisc sfq 2: parent 1:1 limit 127p quantum 1514b depth 127 divisor 1024 perturb 10sec", shown)
    assert "qdisc ingress ffff: parent ffff:fff1" in shown
    assert re.search(r"class htb 1:1 root leaf 2: prio 0 rate 8Mbit ceil 40Mbit burst 1Mb ",
                     console.run("/usr/sbin/tc class show dev %s" % TAP)[1])
    assert re.search(r"filter parent 1: protocol all pref 1 fw .*handle 0x1 classid :1",
                     console.run("/usr/sbin/tc filter show dev %s" % TAP)[1], re.DOTALL)
    shown = console.run("/usr/sbin/tc filter show dev %s parent ffff:" % TAP)[1]
    assert re.search(r"u32 .*match 00000000/00000000 at 0.*police 0x\w+ rate 1024Kbit burst 256Kb mtu 64Kb action drop", shown,
                     re.DOTALL)
    console.close()
