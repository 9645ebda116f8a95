# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host moves from Debian's libvirt to virtbus while guests run, and back."""

import re

import pytest

from inside import GUEST, SERVICES, emulator, obedient, qemu_call, remove, stop_daemons, talk

SOCKETS = "virtqemud.socket virtnodedevd.socket virtproxyd.socket virtproxyd-ro.socket"
LIBVIRT = "libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket libvirtd.service"
DROP_IN = "/run/systemd/system/virtqemud.service.d"


def to_libvirt(machine):
    machine.run("systemctl stop %s" % SOCKETS)
    stop_daemons(machine)
    machine.run("systemctl stop virtbus-guests.service")    # its guests are not virtqemud's any more
    machine.run("systemctl start virtlogd.socket libvirtd.socket")


def to_virtbus(machine):
    machine.run("systemctl stop %s virtlogd.service virtlogd.socket" % LIBVIRT)
    machine.run("systemctl start %s virtbus-guests.service" % SOCKETS)


@pytest.fixture
def libvirt(machine):
    """The host is Debian's libvirt's: three guests, one runs, one is marked for autostart."""
    to_libvirt(machine)
    for name in ("runs", "marked", "plain"):
        machine.run("cat > /tmp/%s.xml && virsh -q define /tmp/%s.xml" % (name, name),
                    data=obedient(machine, GUEST % name) if name == "runs" else GUEST % name)
    machine.run("virsh autostart marked; virsh start runs")
    yield
    to_virtbus(machine)
    remove(machine, "runs", "marked", "plain")


def facts(machine):
    """What must not change: name, UUID, autostart, and the definition's essence, of every guest."""
    lines = machine.run("for g in $(virsh list --all --name | sort); do echo $g $(virsh domuuid $g) "
                        "$(virsh dominfo $g | grep Autostart); done").out
    xml = machine.run("virsh dumpxml --inactive plain").out
    return lines, re.findall(r"<(?:memory|vcpu|serial|type)\b.*", xml)


def processes(machine, *names):
    """Of running guests: number, when it began, control groups."""
    pids = [emulator(machine, name) for name in names]
    return pids, [machine.run("cut -d' ' -f22 /proc/%d/stat; cat /proc/%d/cgroup" % (pid, pid)).out for pid in pids]


def test_running_guests_go_back(machine, libvirt):
    """One that libvirt started and one that virtbus did, there and back again."""
    to_virtbus(machine)
    machine.run("virsh start plain")
    before = processes(machine, "runs", "plain")

    to_libvirt(machine)
    assert sorted(machine.run("virsh list --name").out.split()) == ["plain", "runs"]
    for name in ("plain", "runs"):
        machine.run("virsh suspend {0} && virsh resume {0}".format(name))
        assert "running" in machine.run("virsh qemu-monitor-command %s --hmp info status" % name).out
    assert processes(machine, "runs", "plain") == before

    to_virtbus(machine)
    assert sorted(machine.run("virsh list --name").out.split()) == ["plain", "runs"]
    assert processes(machine, "runs", "plain") == before


def test_there_and_back(machine, libvirt):
    before = facts(machine)
    pid = emulator(machine, "runs")
    began = machine.run("cut -d' ' -f22 /proc/%d/stat" % pid).out
    console = machine.run("virsh ttyconsole runs").out.strip()
    scope = machine.run("cat /proc/%d/cgroup" % pid).out
    talk(machine, "runs", "before", "BEFORE")

    to_virtbus(machine)
    assert facts(machine) == before
    assert machine.run("virsh list --name").out.split() == ["runs"]
    assert emulator(machine, "runs") == pid
    assert machine.run("cut -d' ' -f22 /proc/%d/stat; cat /proc/%d/cgroup" % (pid, pid)).out == began + scope
    assert machine.run("virsh ttyconsole runs").out.strip() == console
    talk(machine, "runs", "after", "AFTER")      # its console has what is typed, and answers
    machine.run("virsh suspend runs && virsh resume runs")
    assert machine.run("virsh domstate runs").out.strip() == "running"
    talk(machine, "runs", "again", "AGAIN")
    assert emulator(machine, "runs") == pid and machine.run("cut -d' ' -f22 /proc/%d/stat" % pid).out == began
    # limits of a guest in libvirt's scope go where libvirt has its own
    machine.run("virsh schedinfo runs --live vcpu_quota=60000 cpu_shares=200; virsh memtune runs --live --hard-limit 700000")
    folder = "/sys/fs/cgroup" + re.fullmatch(r"0::(.*?\.scope/libvirt)(/emulator)?\n", scope).group(1)
    machine.run("systemctl daemon-reload")
    assert machine.run(["sh", "-c", "cd \"$0\"; cat vcpu0/cpu.max memory.max ../cpu.weight", folder]).out.split() == [
        "60000", "100000", str(700000 << 10), "200"]
    assert "running" in machine.run("virsh qemu-monitor-command runs --hmp info status").out
    assert [s for s in SERVICES if machine.run("systemctl is-failed %s" % s, check=False).status == 0] == []

    # back, with the guest saved
    assert qemu_call(machine, "StopGuests", "su", "save", "60") == [[]]
    to_libvirt(machine)
    assert facts(machine) == before
    machine.run("virsh start runs")
    assert machine.run("virsh domstate --reason runs").out.strip() == "running (restored)"
    assert emulator(machine, "runs") != pid


def test_adopted_guest_is_ended(machine, libvirt):
    """Its emulator is another user's: that takes CAP_KILL."""
    pid = emulator(machine, "runs")
    assert machine.run("ps -o user= -p %d" % pid).out.strip() == "libvirt-qemu"
    to_virtbus(machine)
    machine.run("mkdir -p {0}; printf '[Service]\\nCapabilityBoundingSet=~CAP_KILL\\n' > {0}/less.conf; "
                "systemctl daemon-reload; systemctl restart virtqemud".format(DROP_IN))
    result = machine.run("timeout 20 virsh destroy runs", check=False)
    machine.run("rm -r %s; systemctl daemon-reload; systemctl restart virtqemud" % DROP_IN)
    assert result.status != 0 and machine.run("ps -o pid= -p %d" % pid).out.strip() == str(pid)
    machine.run("virsh destroy runs")
    machine.wait("! [ -e /proc/%d ]" % pid)
