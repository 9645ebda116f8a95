# SPDX-License-Identifier: LGPL-2.1-or-later
"""The main job: stock clients drive a real guest, and nothing is lost when a daemon dies."""

import os
import shutil
import signal
import xml.etree.ElementTree as ET

import pytest
from gi.repository import GLib

import rpcclient
from harness import DOMAIN, QEMU, SLOW, wait_for


def state(stack, name="guest"):
    return stack.virsh("domstate", name).out.strip()


def wait_state(stack, wanted, name="guest", timeout=30):
    wait_for(lambda: state(stack, name) == wanted, timeout, wanted)


def test_define_and_undefine(stack, guest_xml):
    stack.define(guest_xml(plain=True))
    assert stack.virsh("list", "--all", "--name").out.split() == ["guest"]
    stored = ET.parse(stack.path("/etc/libvirt/qemu/guest.xml")).getroot()
    assert stored.findtext("name") == "guest"
    assert state(stack) == "shut off"
    stack.virsh("undefine", "guest")
    assert stack.virsh("list", "--all", "--name").out.split() == []
    assert not os.path.exists(stack.path("/etc/libvirt/qemu/guest.xml"))


def test_guest_boots_and_shuts_down(stack, guest_xml):
    stack.define(guest_xml())
    stack.virsh("start", "guest")
    assert state(stack) == "running"
    console = stack.console("guest")
    console.wait_ready()
    status, out = console.run("echo $((6*7)); false")
    assert (status, out.strip()) == (1, "42")
    assert int(stack.virsh("domid", "guest").out) >= 1
    stack.virsh("shutdown", "guest")
    wait_state(stack, "shut off")
    assert stack.virsh("domstate", "--reason", "guest").out.strip() == "shut off (shutdown)"


def test_guest_survives_its_daemon(stack, guest_xml):
    stack.define(guest_xml())
    stack.virsh("start", "guest")
    console = stack.console("guest")
    console.wait_ready()
    emulator = stack.emulator_pid("guest")
    before = stack.virsh("dumpxml", "guest").out
    stack.kill("virtqemud")
    assert console.run("true")[0] == 0
    assert state(stack) == "running"
    assert stack.emulator_pid("guest") == emulator
    assert stack.virsh("dumpxml", "guest").out == before
    monitor = stack.virsh("qemu-monitor-command", "guest", '{"execute":"query-status"}').out
    assert '"running":true' in monitor.replace(" ", "")


def test_shutdown_while_the_daemon_is_away_is_noticed(stack, guest_xml):
    stack.define(guest_xml())
    stack.virsh("start", "guest")
    console = stack.console("guest")
    console.wait_ready()
    emulator = stack.emulator_pid("guest")
    stack.kill("virtqemud")
    # the emulator stays, with its machine off, until somebody asks it
    console.send("echo going; poweroff -f")
    console.wait_for("going")
    wait_state(stack, "shut off")
    assert stack.virsh("domstate", "--reason", "guest").out.strip() == "shut off (shutdown)"
    wait_for(lambda: not os.path.exists("/proc/%d" % emulator), 10, "end of the emulator")


def test_death_while_the_daemon_is_away_is_noticed(stack, guest_xml):
    stack.define(guest_xml(plain=True))
    stack.virsh("start", "guest")
    emulator = stack.emulator_pid("guest")
    stack.kill("virtqemud")
    os.kill(emulator, signal.SIGKILL)
    wait_for(lambda: not os.path.exists("/proc/%d" % emulator), 10, "end of the emulator")
    assert stack.virsh("domstate", "--reason", "guest").out.strip() == "shut off (crashed)"


def test_daemons_killed_with_clients_connected(stack, guest_xml):
    conn = stack.open()
    domain = conn.defineXML(guest_xml(plain=True))
    stack.kill("virtqemud")
    assert not domain.isActive()
    assert domain.create() == 0
    stack.kill("virtqemud")
    assert domain.isActive()
    domain.destroy()
    domain.undefine()
    conn.close()


def test_pause_and_resume(stack, guest_xml):
    stack.define(guest_xml(plain=True))
    stack.virsh("start", "guest", "--paused")
    assert state(stack) == "paused"
    stack.virsh("resume", "guest")
    assert state(stack) == "running"
    stack.virsh("suspend", "guest")
    assert stack.virsh("domstate", "--reason", "guest").out.strip() == "paused (user)"
    stack.virsh("destroy", "guest")
    assert stack.virsh("domstate", "--reason", "guest").out.strip() == "shut off (destroyed)"


def test_reboot(stack, guest_xml):
    stack.define(guest_xml())
    stack.virsh("start", "guest")
    console = stack.console("guest")
    console.wait_ready()
    emulator = stack.emulator_pid("guest")
    stack.virsh("reset", "guest")
    console.wait_ready()
    assert stack.emulator_pid("guest") == emulator
    assert state(stack) == "running"


def test_transient_guest(stack, guest_xml):
    path = stack.path("transient.xml")
    with open(path, "w") as f:
        f.write(guest_xml("once", plain=True))
    stack.virsh("create", path)
    assert "Persistent:     no" in stack.virsh("dominfo", "once").out
    stack.virsh("destroy", "once")
    assert stack.virsh("list", "--all", "--name").out.split() == []


def test_autostart(make_stack, guest_xml, tmp_path):
    root = str(tmp_path / "r")
    first = make_stack(root=root)
    first.define(guest_xml(plain=True))
    first.virsh("autostart", "guest")
    assert os.path.islink(first.path("/etc/libvirt/qemu/autostart/guest.xml"))
    first.close()
    shutil.rmtree(root + "/run")  # the host boots
    second = make_stack(root=root)
    wait_state(second, "running")


def test_autostart_once(make_stack, guest_xml, tmp_path):
    """At the next boot, and not at the one after. virsh 9.0 does not know it: the wire's own calls do."""
    root = str(tmp_path / "r")
    first = make_stack(root=root)
    first.define(guest_xml(plain=True))
    link = "/etc/libvirt/qemu/autostart/guest.xml.once"
    with rpcclient.RpcClient(first.path("run/libvirt/libvirt-sock")) as c:
        c.open()
        guest = c.call("DOMAIN_LOOKUP_BY_NAME", "guest")["dom"]
        assert c.call("DOMAIN_GET_AUTOSTART_ONCE", guest)["autostart"] == 0
        c.call("DOMAIN_SET_AUTOSTART_ONCE", guest, 1)
        assert c.call("DOMAIN_GET_AUTOSTART_ONCE", guest)["autostart"] == 1
    assert os.path.islink(first.path(link))
    first.virsh("domrename", "guest", "other")
    assert os.path.islink(first.path(link.replace("guest", "other"))) and not os.path.lexists(first.path(link))
    first.virsh("domrename", "other", "guest")
    first.kill("virtqemud")
    assert first.get(first.domain("guest"), DOMAIN, "AutostartOnce") is True
    first.close()
    shutil.rmtree(root + "/run")  # the host boots
    second = make_stack(root=root)
    wait_state(second, "running")
    assert not os.path.lexists(second.path(link))
    second.virsh("undefine", "guest")
    with pytest.raises(GLib.Error, match="cannot set autostart for transient domain"):
        second.bus().call_sync(QEMU, second.domain("guest"), "org.freedesktop.DBus.Properties", "Set",
                               GLib.Variant("(ssv)", (DOMAIN, "AutostartOnce", GLib.Variant("b", True))),
                               None, 0, 10000, None)


def test_rename(stack, guest_xml):
    stack.define(guest_xml(plain=True))
    stack.virsh("domrename", "guest", "other")
    assert stack.virsh("list", "--all", "--name").out.split() == ["other"]
    assert os.path.exists(stack.path("/etc/libvirt/qemu/other.xml"))
    assert not os.path.exists(stack.path("/etc/libvirt/qemu/guest.xml"))


@pytest.mark.parametrize("step", ["define", "start", "undefine"])
def test_killed_at_any_moment(stack, guest_xml, step):
    """kill -9 while a change is under way: it has happened or it has not, nothing else."""
    path = stack.path("guest.xml")
    with open(path, "w") as f:
        f.write(guest_xml(plain=True))
    for delay_ms in (0, 1, 2, 4, 8, 16, 32):
        stack.virsh("list")
        if step != "define":
            stack.virsh("define", path)
        argv = {"define": ["define", path], "start": ["start", "guest"],
                "undefine": ["undefine", "guest"]}[step]
        import subprocess
        client = subprocess.Popen(["virsh", "-q", *argv], env=stack.env,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run(["sleep", "9"], timeout=0.03 + delay_ms / 1000, check=False)
        if stack.pid("virtqemud"):
            stack.kill("virtqemud")
        client.wait(20 * SLOW)
        names = stack.virsh("list", "--all", "--name").out.split()
        assert names in ([], ["guest"])
        if names:
            ET.fromstring(stack.virsh("dumpxml", "guest").out)
            if state(stack) == "running":
                assert stack.emulator_pid("guest")
                stack.virsh("destroy", "guest")
            else:
                wait_for(lambda: not stack.emulator_pid("guest"), 10, "end of the emulator")
            stack.virsh("undefine", "guest")
        leftovers = [n for n in os.listdir(stack.path("/etc/libvirt/qemu"))
                     if "guest" in n and not n.startswith(".")]
        assert leftovers == []


def test_pid_property(stack, guest_xml):
    stack.define(guest_xml(plain=True))
    stack.virsh("start", "guest")
    assert stack.get(stack.domain("guest"), DOMAIN, "Pid") == stack.emulator_pid("guest")
