# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits of guests in control groups of version 2, below the scope that systemd made: what the kernel's files say, also
after systemd has read its units again and virtqemud was restarted.
"""

import re

import pytest

from inside import define, emulator, obedient, remove, talk

NAME = "limited"
TUNED = ("<iothreads>1</iothreads><memtune><hard_limit unit='MiB'>900</hard_limit>"
         "<soft_limit unit='MiB'>800</soft_limit><swap_hard_limit unit='MiB'>1000</swap_hard_limit></memtune>"
         "<blkiotune><weight>300</weight><device><path>/dev/vda</path><read_bytes_sec>1048576</read_bytes_sec>"
         "<write_iops_sec>200</write_iops_sec></device></blkiotune>"
         "<cputune><shares>512</shares><period>50000</period><quota>25000</quota><global_period>80000</global_period>"
         "<global_quota>70000</global_quota><emulator_quota>30000</emulator_quota>"
         "<iothread_period>40000</iothread_period><iothread_quota>20000</iothread_quota></cputune>")
# file below the guest's group -> what it says
SET = {"cpu.max": "70000 80000", "vcpu0/cpu.max": "25000 50000", "emulator/cpu.max": "30000 100000",
       "iothread1/cpu.max": "20000 40000", "memory.max": str(900 << 20), "memory.high": str(800 << 20),
       "memory.swap.max": str(100 << 20), "../cpu.weight": "512"}
CHANGED = dict(SET, **{"cpu.max": "60000 80000", "vcpu0/cpu.max": "35000 50000", "emulator/cpu.max": "45000 100000",
                       "iothread1/cpu.max": "20000 60000", "memory.max": str(950 << 20), "memory.high": "max",
                       "memory.swap.max": str(50 << 20), "../cpu.weight": "700"})


def prepared(xml):
    xml = xml.replace("<vcpu>1</vcpu>", "<vcpu current='1'>2</vcpu>" + TUNED)
    return xml.replace("</devices>", "<rng model='virtio'><backend model='random'>/dev/urandom</backend></rng></devices>")


def group(machine, name=NAME):
    path = machine.run("cat /proc/%d/cgroup" % emulator(machine, name)).out.strip()
    scope = re.fullmatch(r"0::(/machine\.slice/machine-qemu\S+?\.scope)/libvirt(/emulator)?", path)
    assert scope, path
    return "/sys/fs/cgroup%s/libvirt" % scope.group(1)


def values(machine, expected, name=NAME):
    """What the kernel says where @expected says something."""
    lines = machine.run(["sh", "-c", "cd \"$1\"; shift; for f; do head -n1 $f; done", "-", group(machine, name),
                         *expected]).out.split("\n")
    return dict(zip(expected, lines))


def throttles(machine):
    number = machine.run("cat /sys/class/block/vda/dev").out.strip()
    lines = machine.run(["cat", group(machine) + "/io.max"]).out.split("\n")
    return [line.partition(" ")[2] for line in lines if line.startswith(number + " ")]


def threads(machine, child):
    """How many are in a group of threads; None: there is no such group."""
    result = machine.run(["cat", "%s/%s/cgroup.threads" % (group(machine), child)], check=False)
    return len(result.out.split()) if result.status == 0 else None


@pytest.fixture
def guest(machine):
    define(machine, NAME, change=prepared)
    machine.run("virsh start %s" % NAME)
    yield NAME
    remove(machine, NAME)


def test_limits(machine, guest):
    assert values(machine, SET) == SET
    assert throttles(machine) == ["rbps=1048576 wbps=max riops=max wiops=200"]
    assert threads(machine, "vcpu0") == 1 and threads(machine, "iothread1") == 1
    assert threads(machine, "emulator") > 0 and threads(machine, "vcpu1") is None

    machine.run("virsh schedinfo limited --live cpu_shares=700 vcpu_quota=35000 emulator_quota=45000 "
                "global_quota=60000 iothread_period=60000; "
                "virsh memtune limited --live --hard-limit %d --soft-limit -1; "
                "virsh blkiotune limited --live --device-read-bytes-sec /dev/vda,2097152" % (950 << 10))
    for what in ("true", "systemctl daemon-reload; systemctl set-property --runtime machine.slice CPUWeight=200",
                 "systemctl kill -s KILL virtqemud; virsh list"):
        machine.run(what)
        assert values(machine, CHANGED) == CHANGED, what
        assert throttles(machine) == ["rbps=2097152 wbps=max riops=max wiops=200"], what
    told = machine.run("virsh schedinfo limited; virsh memtune limited; virsh blkiotune limited").out
    assert re.search(r"vcpu_quota\s*: 35000\n", told) and re.search(r"hard_limit\s*: %d\n" % (950 << 10), told)
    assert "/dev/vda,2097152" in told
    stored = machine.run("virsh dumpxml limited --inactive").out
    assert "<quota>25000</quota>" in stored and "<hard_limit unit='KiB'>%d<" % (900 << 10) in stored
    machine.run("systemctl revert machine.slice")


def test_stored_limits_hold_at_the_next_start(machine, guest):
    machine.run("virsh schedinfo limited --config cpu_shares=700 vcpu_quota=35000 emulator_quota=45000 "
                "global_quota=60000 iothread_period=60000; virsh memtune limited --config --hard-limit %d --soft-limit -1"
                % (950 << 10))
    assert values(machine, SET) == SET
    machine.run("virsh destroy limited; virsh start limited --paused")
    assert values(machine, CHANGED) == CHANGED
    scope = group(machine)
    machine.run("virsh destroy limited")
    machine.wait("! [ -e '%s' ]" % scope)


def test_vcpus_come_and_go(machine):
    """One that is plugged in gets a group with its limit, which goes with it."""
    define(machine, NAME, change=lambda xml: obedient(machine, prepared(xml)))
    try:
        machine.run("virsh start limited")
        talk(machine, NAME, "up", "UP")
        machine.run("virsh setvcpus limited 2 --live")
        assert threads(machine, "vcpu1") == 1 and threads(machine, "vcpu0") == 1
        assert values(machine, {"vcpu1/cpu.max": ""}) == {"vcpu1/cpu.max": "25000 50000"}
        machine.run("virsh setvcpus limited 1 --live")
        machine.wait("! [ -e '%s/vcpu1' ]" % group(machine))
        assert threads(machine, "vcpu0") == 1
    finally:
        remove(machine, NAME)


def test_memory_is_counted_from_the_beginning(machine):
    """What the emulator takes before anybody can ask it for anything is the guest's, and not the daemon's."""
    define(machine, NAME, change=lambda xml: xml.replace("<vcpu>", "<memoryBacking><allocation mode='immediate'/>"
                                                         "</memoryBacking><vcpu>").replace(">16<", ">64<"))
    try:
        machine.run("virsh start limited --paused")
        used = int(values(machine, {"memory.current": ""})["memory.current"])
        assert used > 64 << 20
        machine.run("virsh memtune limited --live --hard-limit 300000 --swap-hard-limit 300000")
        assert values(machine, {"memory.max": ""}) == {"memory.max": str(300000 << 10)}
    finally:
        remove(machine, NAME)


def test_guest_without_limits_gets_them(machine):
    define(machine, "plain")
    try:
        machine.run("virsh start plain --paused")
        machine.run("virsh schedinfo plain --live vcpu_quota=50000 cpu_shares=300; "
                    "virsh memtune plain --live --hard-limit 500000")
        expected = {"vcpu0/cpu.max": "50000 100000", "../cpu.weight": "300", "memory.max": str(500000 << 10)}
        assert values(machine, expected, "plain") == expected
        result = machine.run("virsh schedinfo plain --live cpu_shares=10001", check=False)
        assert result.status != 0 and "must be in range [1, 10000]" in result.err
        assert values(machine, expected, "plain") == expected
    finally:
        remove(machine, "plain")


def test_pins_hold(machine):
    """A move into a group with the cpuset controller, as a scope is, undoes what a process was told: it comes first."""
    define(machine, "pinned", change=lambda xml: xml.replace(
        "<vcpu>1</vcpu>", "<vcpu cpuset='1'>1</vcpu><cputune><quota>50000</quota><vcpupin vcpu='0' cpuset='0'/></cputune>"))

    def allowed():
        pid = emulator(machine, "pinned")
        return sorted(machine.run("for t in /proc/%d/task/*; do echo $(cat $t/comm) $(sed -n "
                                  "'s/^Cpus_allowed_list:\\t//p' $t/status); done" % pid).out.split("\n"))
    try:
        machine.run("virsh start pinned --paused")
        before = allowed()
        assert {line.split()[0]: line.split()[-1] for line in before if line} == {"CPU": "0", "IO": "1", "qemu-system-x86": "1"}
        machine.run("systemctl daemon-reload; systemctl restart virtqemud")
        assert allowed() == before
        machine.run("virsh vcpupin pinned 0 1 --live")
        assert [line for line in allowed() if line.startswith("CPU")][0].endswith(" 1")
    finally:
        remove(machine, "pinned")
