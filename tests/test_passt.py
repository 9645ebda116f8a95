# SPDX-License-Identifier: LGPL-2.1-or-later
"""Interfaces that passt connects: beside a real guest, from its start or from being plugged to its end."""

import contextlib
import glob
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import pytest

from harness import wait_for
from test_devices import change
from test_helpers import command_line, fake_program, holder

PASST = shutil.which("passt")
NAME = "guest"
MAC = "52:54:00:70:61:73"

ROUTES = subprocess.run("ip route show default; ip -6 route show default", shell=True, capture_output=True, text=True).stdout
pytestmark = pytest.mark.skipif(not PASST or not ROUTES, reason="no passt, or no way out that it could take addresses from")


@pytest.fixture
def make_open_stack(make_stack):
    """Stacks below a root that passt's user can pass through."""
    def make(**options):
        stack = make_stack(**options)
        os.chmod(stack.root, 0o711)
        return stack
    return make


@pytest.fixture
def stack(make_open_stack):
    return make_open_stack()


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def card(inside="", backend="", mac=MAC):
    return ("<interface type='user'><mac address='%s'/><backend type='passt'%s/><model type='virtio'/>%s</interface>"
            % (mac, backend, inside))


def forward(port, to, address="127.0.0.1", protocol="tcp"):
    return ("<portForward proto='%s' address='%s'><range start='%d' to='%d'/></portForward>"
            % (protocol, address, port, to))


def start(stack, guest_xml, devices, plain=True, check=True):
    stack.define(guest_xml(name=NAME, plain=plain, memory_mib=32 if plain else 128, devices=devices))
    return stack.virsh("start", NAME, check=check)


def pidfile(stack, alias="net0"):
    found = glob.glob(stack.path("/run/libvirt/qemu/*-%s-%s-passt.pid" % (NAME, alias)))
    return found[0] if found else ""


def passt_pid(stack, alias="net0"):
    """The one that serves a card, by what was written when it was started."""
    path = pidfile(stack, alias)
    with contextlib.suppress(FileNotFoundError), open(path) as f:
        return int(f.read() or 0)
    return 0


def is_there(pid):
    with contextlib.suppress(FileNotFoundError), open("/proc/%d/stat" % pid) as f:
        return f.read().rpartition(")")[2].split()[0] != "Z"
    return False


def leftovers(stack):
    files = glob.glob(stack.path("/run/libvirt/qemu/passt/*")) + glob.glob(stack.path("/run/libvirt/qemu/*-passt.*"))
    found = subprocess.run(["pgrep", "-f", "passt .*" + re.escape(stack.root)], capture_output=True, text=True)
    return files + found.stdout.split()


def nothing_left(stack):
    wait_for(lambda: not leftovers(stack), 10, "end of passt")


def netdev(stack, alias="host"):
    return re.search(r"%snet\d+: index=0,type=stream,(.*)" % alias,
                     stack.virsh("qemu-monitor-command", NAME, "--hmp", "info network").out)


LEASE = "printf '%s\\n' '#!/bin/sh' 'echo $1 $ip $router > /tmp/lease.$1' 'ip addr add $ip/32 dev $interface'" \
    " 'ip route add $router dev $interface' 'ip route add default via $router' > /tmp/lease && chmod 755 /tmp/lease"


def get_address(console):
    """The guest's card up, with what passt's DHCP server says; (address, gateway)"""
    assert console.run(LEASE)[0] == 0
    status, out = console.run("ip link set eth0 up && udhcpc -n -q -i eth0 -s /tmp/lease; cat /tmp/lease.bound", 60)
    found = re.search(r"bound (\S+) (\S+)", out)
    assert status == 0 and found, out
    return found.groups()


def fetch(console, gateway):
    """What a server on the host's loopback device says to the guest: passt's gateway stands for it. The passt of 2023 may
    say it more than once when the guest is slow to answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        def serve():
            with contextlib.suppress(OSError), server.accept()[0] as peer:
                peer.sendall(b"from the host\n")
        threading.Thread(target=serve, daemon=True).start()
        console.run("nc %s %d < /dev/null > /tmp/said 2> /dev/null &" % (gateway, server.getsockname()[1]))
        out = wait_for(lambda: console.run("cat /tmp/said")[1].strip(), 30, "a word from the host")
        console.run("killall nc; rm /tmp/said")
    return {line.strip() for line in out.split("\n")}


def test_a_guest_talks_through_passt(stack, guest_xml):
    """It gets its address, talks to the host, its port is there; passt is found again, and ends with the guest."""
    port = free_port()
    start(stack, guest_xml, card("<ip address='172.17.9.2' family='ipv4' prefix='24'/>" + forward(port, 2222)), plain=False)
    pid = passt_pid(stack)
    with open("/proc/%d/status" % pid) as f:
        assert os.geteuid() != 0 or re.search(r"Uid:\t(\d+)", f.read()).group(1) == "65534"    # nobody
    console = stack.console(NAME)
    console.wait_ready()
    found, gateway = get_address(console)
    assert found == "172.17.9.2"
    assert fetch(console, gateway) == {"from the host"}
    with socket.create_connection(("127.0.0.1", port), timeout=10):     # the forwarded port
        pass
    stack.kill("virtqemud")
    assert stack.virsh("domstate", NAME).out.strip() == "running" and passt_pid(stack) == pid
    assert fetch(console, gateway) == {"from the host"}
    console.close()
    stack.virsh("destroy", NAME)
    assert not is_there(pid)
    nothing_left(stack)
    assert "died unexpectedly" not in stack.log("virtqemud")


def test_what_passt_is_told(stack, guest_xml, tmp_path):
    """Each option of the definition; it is shown back as it was given."""
    ports = [free_port() for _ in range(3)]
    log = tmp_path / "log"
    log.touch()
    log.chmod(0o666)
    for folder in (tmp_path, *tmp_path.parents):
        if os.stat(folder).st_uid == os.geteuid() and str(folder).startswith("/tmp/"):
            folder.chmod(0o755)
    inside = ("<ip address='172.17.9.2' family='ipv4' prefix='24'/><ip address='fd00:9::2' family='ipv6'/>"
              "<portForward proto='tcp' address='127.0.0.1' dev='lo'><range start='%d' to='22'/></portForward>"
              "<portForward proto='udp'><range start='%d' end='%d' to='1000'/><range start='%d' exclude='yes'/></portForward>"
              % (ports[0], ports[1], ports[1] + 2, ports[1] + 1))
    xml = card(inside + "<source dev='lo'/>", " logFile='%s'" % log).replace("dev='lo'/></interface>", "dev='eth0'/></interface>")
    if not os.path.exists("/sys/class/net/eth0"):
        xml = xml.replace("<source dev='eth0'/>", "")
    start(stack, guest_xml, xml)
    words = command_line(passt_pid(stack))
    folder = stack.path("/run/libvirt/qemu/")
    guest = os.path.basename(pidfile(stack)).replace("-net0-passt.pid", "")
    assert words[1:7] == ["--foreground", "--one-off", "--socket", folder + "passt/%s-net0.socket" % guest,
                          "--pid", pidfile(stack) + ".ready"]
    assert words[7:] == (["--interface", "eth0"] if "<source" in xml else []) + [
        "--log-file", str(log), "--address", "172.17.9.2", "--netmask", "24", "--address", "fd00:9::2",
        "--tcp-ports", "127.0.0.1%%lo/%d:22" % ports[0],
        "--udp-ports", "%d-%d:1000-1002,~%d" % (ports[1], ports[1] + 2, ports[1] + 1)]
    assert log.read_text()
    assert netdev(stack)
    shown = stack.virsh("dumpxml", NAME).out
    assert "<backend type='passt' logFile='%s'/>" % log in shown and "dev='lo'" in shown
    stack.virsh("destroy", NAME)
    nothing_left(stack)


def test_a_start_without_passt_fails(make_open_stack, guest_xml, tmp_path):
    """In libvirt's words, with passt's own; nothing is left of the guest, nor of the first card's passt."""
    stack = make_open_stack()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = start(stack, guest_xml, card() + card(forward(port, 22), mac=MAC[:-1] + "4"), check=False)
    assert result.status and "internal error: Could not start 'passt': " in result.err
    assert "Failed to bind" in result.err and str(port) in result.err
    assert stack.virsh("domstate", NAME).out.strip() == "shut off"
    nothing_left(stack)
    # there is none at all
    folder = tmp_path / "bin"
    folder.mkdir()
    for path in {os.path.join(place, name): name for place in os.environ["PATH"].split(":") if os.path.isdir(place)
                 for name in os.listdir(place) if name != "passt"}.items():
        if not (folder / path[1]).is_symlink():
            (folder / path[1]).symlink_to(path[0])
    stack = make_open_stack(env={"PATH": str(folder)})
    stack.define(guest_xml(name=NAME, plain=True, memory_mib=32, devices=card()))
    result = stack.virsh("start", NAME, check=False)
    assert "Unable to find 'passt' binary in $PATH: No such file or directory" in result.err


def hanging(make_open_stack, tmp_path):
    path = fake_program(tmp_path, "passt", "sleep 1000\n")
    return make_open_stack(env={"PATH": "%s:%s" % (path, os.environ["PATH"])})


def test_one_that_hangs_ends_with_the_start(make_open_stack, guest_xml, tmp_path):
    stack = hanging(make_open_stack, tmp_path)
    stack.define(guest_xml(name=NAME, plain=True, memory_mib=32, devices=card() + card(mac=MAC[:-1] + "4")))
    starting = subprocess.Popen(["virsh", "-q", "start", NAME], env=stack.env, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: passt_pid(stack) and passt_pid(stack, "net1"), 20, "both")
    pids = passt_pid(stack), passt_pid(stack, "net1")
    stack.virsh("destroy", NAME)
    assert starting.wait(20) and "was destroyed while it started" in starting.stderr.read()
    starting.stderr.close()
    assert not any(is_there(pid) for pid in pids)
    nothing_left(stack)


def test_killed_while_passt_starts(make_open_stack, guest_xml, tmp_path):
    """The next daemon ends what was started for a guest that never ran."""
    stack = hanging(make_open_stack, tmp_path)
    stack.define(guest_xml(name=NAME, plain=True, memory_mib=32, devices=card()))
    starting = subprocess.Popen(["virsh", "-q", "start", NAME], env=stack.env, stderr=subprocess.DEVNULL)
    pid = wait_for(lambda: passt_pid(stack), 20, "passt")
    stack.kill("virtqemud")
    assert starting.wait(20)
    assert stack.virsh("domstate", NAME).out.strip() == "shut off"
    wait_for(lambda: not is_there(pid), 10, "end of passt")
    nothing_left(stack)


def test_destroyed_while_passt_is_plugged(make_open_stack, guest_xml, tmp_path):
    stack = hanging(make_open_stack, tmp_path)
    start(stack, guest_xml, "<controller type='usb' model='qemu-xhci'/>")
    xml = tmp_path / "card.xml"
    xml.write_text(card().replace("'virtio'", "'usb-net'"))
    plugging = subprocess.Popen(["virsh", "-q", "attach-device", NAME, str(xml), "--live"], env=stack.env,
                                stderr=subprocess.PIPE, text=True)
    pid = wait_for(lambda: passt_pid(stack), 20, "passt")
    stack.virsh("destroy", NAME)
    assert plugging.wait(20)
    assert "Could not start 'passt'" in plugging.stderr.read()
    plugging.stderr.close()
    assert not is_there(pid)
    nothing_left(stack)


def test_a_crash_is_told(stack, guest_xml):
    start(stack, guest_xml, card())
    os.kill(passt_pid(stack), signal.SIGKILL)
    wait_for(lambda: "passt died unexpectedly" in stack.log("virtqemud"), 10, "a word about it")
    assert stack.virsh("domstate", NAME).out.strip() == "running"
    stack.virsh("destroy", NAME)
    nothing_left(stack)


def test_one_that_the_emulator_left(stack, guest_xml):
    """It ends then, as it does with the emulator, and that is nothing to warn of."""
    start(stack, guest_xml, card())
    pid = passt_pid(stack)
    stack.virsh("qemu-monitor-command", NAME, "--hmp", "netdev_del hostnet0")
    wait_for(lambda: not os.path.exists("/proc/%d" % pid), 10, "end of passt, seen by the daemon")
    stack.virsh("domstate", NAME)
    assert "died unexpectedly" not in stack.log("virtqemud")


def test_one_that_lets_go_of_the_lock(make_open_stack, guest_xml, tmp_path):
    """Newer ones close what they inherit: they are known by their command line."""
    path = fake_program(tmp_path, "passt", "exec 3>&-\nexec %s \"$@\"\n" % PASST)
    stack = make_open_stack(env={"PATH": "%s:%s" % (path, os.environ["PATH"])})
    start(stack, guest_xml, card())
    pid = passt_pid(stack)
    assert holder(pidfile(stack)) == 0
    stack.kill("virtqemud")
    assert stack.virsh("domstate", NAME).out.strip() == "running"
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: "passt.pid died unexpectedly" in stack.log("virtqemud"), 10, "a word about it")
    stack.virsh("destroy", NAME)
    nothing_left(stack)


def test_plugged(stack, guest_xml):
    start(stack, guest_xml, "<controller type='usb' model='qemu-xhci'/>")
    port = free_port()
    xml = card(forward(port, 22)).replace("'virtio'", "'usb-net'")
    for _ in range(2):
        change(stack, "attach-device", xml, "--live", guest=NAME)
        pid = passt_pid(stack)
        assert is_there(pid) and netdev(stack)
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            pass
        change(stack, "detach-device", xml, "--live", guest=NAME)
        wait_for(lambda: not is_there(pid), 10, "end of passt")
        assert not netdev(stack) and leftovers(stack) == []
    assert "died unexpectedly" not in stack.log("virtqemud")
    with socket.create_server(("127.0.0.1", port)):
        result = change(stack, "attach-device", xml, "--live", guest=NAME, check=False)
    assert "internal error: Could not start 'passt': " in result.err and not netdev(stack)
    assert leftovers(stack) == [] and stack.virsh("domiflist", NAME).out.split() == []
    change(stack, "attach-device", xml, "--live", guest=NAME)
    stack.virsh("destroy", NAME)
    nothing_left(stack)


def test_updated(stack, guest_xml):
    """The link alone: passt does not change its ports while it runs."""
    port, other = free_port(), free_port()
    ip = "<ip address='172.17.9.2' prefix='24'/>"
    start(stack, guest_xml, card(forward(port, 22) + ip))
    change(stack, "update-device", card(forward(port, 22) + ip + "<link state='down'/>"), "--live", guest=NAME)
    assert "<link state='down'/>" in stack.virsh("dumpxml", NAME).out
    for xml in (card(forward(other, 22)), card("<ip address='172.17.9.3' family='ipv4' prefix='24'/>"), card("<source dev='lo'/>")):
        result = change(stack, "update-device", xml, "--live", guest=NAME, check=False)
        assert "Operation not supported: cannot modify network device configuration" in result.err


def test_refused(stack, guest_xml):
    with pytest.raises(Exception, match="internal error: The 'passt' backend can only be used with interface type='user'"):
        stack.define(guest_xml(name=NAME, plain=True, devices=(
            "<interface type='ethernet'><backend type='passt'/><model type='virtio'/></interface>")))
    # stored, as by libvirt 9.0, but not dropped silently
    xml = "<interface type='user'>%s<model type='virtio'/></interface>" % forward(2000, 22)
    words = ("unsupported configuration: The <portForward> element can only be used with <interface type='user'> and its "
             "'passt' backend")
    stack.define(guest_xml(name=NAME, plain=True, devices=xml))
    assert words in stack.virsh("start", NAME, check=False).err
    stack.define(guest_xml(name=NAME, plain=True))
    stack.virsh("start", NAME)
    assert words in change(stack, "attach-device", xml, "--live", guest=NAME, check=False).err
