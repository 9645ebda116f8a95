# SPDX-License-Identifier: LGPL-2.1-or-later
"""org.virtbus.Host1, virtbusctl, and what happens when the host changes."""

import os
import re
import stat
import subprocess

import pytest
from gi.repository import GLib

import hosts
from harness import ROOT_PATH, wait_for

HOST = "org.virtbus.Host1"
UEVENT = "/sys/devices/system/cpu/cpu0/uevent"


@pytest.fixture(name="hmat")
def hmat_stack(make_stack, tmp_path):
    """(stack, root) of a host with an HMAT."""
    return make_stack(options=hosts.unpack("hmat", str(tmp_path))), tmp_path


@pytest.fixture(name="ctl")
def ctl_program(build_dir):
    """virtbusctl, as it was built."""
    return os.path.join(build_dir, "virtbusctl/virtbusctl")


def test_properties(hmat):
    stack, _ = hmat
    get = lambda name: stack.get(ROOT_PATH, HOST, name)     # noqa: E731
    assert get("Cells") == [
        (0, 1546588, [0, 1], [(1, "direct", "writeback", 16 << 20, 64)]),
        (1, 933428, [2, 3], [(1, "full", "writethrough", 16 << 20, 128)]),
        (2, 515108, [], [(1, "none", "none", 8 << 20, 8)])]
    assert get("Distances")[:3] == [(0, 0, 10), (0, 1, 20), (0, 2, 30)]
    interconnects = get("Interconnects")
    assert ("latency", 1, 2, 0, "read", 50) in interconnects
    assert ("bandwidth", 1, 2, 0, "write", 4000 * 1024) in interconnects
    assert len(interconnects) == 12
    assert get("Caches") == [(0, 3, "both", 16 << 20, [0, 1]), (1, 3, "both", 16 << 20, [2, 3])]
    assert get("Cpus")[2] == (2, True, 1, 1, 0, 0, 0, [2])
    assert stack.call(ROOT_PATH, HOST + ".GetPages", GLib.Variant("(i)", (0,)))[0] == [
        (4, 386647, 25000), (2048, 0, 0)]
    with pytest.raises(GLib.Error, match="there is no cell 7"):
        stack.call(ROOT_PATH, HOST + ".GetPages", GLib.Variant("(i)", (7,)))


def test_change_is_told(hmat):
    """A CPU comes; who listens is told, and the documents follow."""
    stack, root = hmat
    assert "<cpus num='2'>" in stack.virsh("capabilities").out
    assert stack.open().getInfo()[2] == 4
    topology = root / "sys/devices/system/cpu/cpu4/topology"
    topology.mkdir(parents=True)
    for name, value in (("core_id", "2"), ("physical_package_id", "1"),
                        ("thread_siblings_list", "4")):
        (topology / name).write_text(value)
    for name in ("online", "present"):
        (root / "sys/devices/system/cpu" / name).write_text("0-4\n")
    (root / "sys/devices/system/node/node1/cpulist").write_text("2-4\n")
    assert stack.open().getInfo()[2] == 4                    # nobody has said anything yet
    recorder = stack.record(member="PropertiesChanged")
    stack.call(ROOT_PATH, HOST + ".Refresh")
    changed = recorder.wait_for(lambda _p, _i, _m, args: args[0] == HOST)[3][1]
    assert changed["Cells"][1][2] == [2, 3, 4]
    assert [cpu[0] for cpu in changed["Cpus"]] == [0, 1, 2, 3, 4]
    assert "<cpus num='3'>" in stack.virsh("capabilities").out
    assert stack.open().getInfo()[2] == 5


def can_make_uevents():
    """Whether the kernel makes an event when asked to, as this root in this container."""
    return os.access(UEVENT, os.W_OK) and os.geteuid() == 0 and \
        os.stat(UEVENT).st_mode & stat.S_IWUSR


@pytest.mark.skipif(not can_make_uevents(), reason="the kernel takes no request for an event here")
def test_uevent(make_stack):
    """The kernel's own event, asked for by writing to an uevent file, has the host read again."""
    stack = make_stack()
    stack.virsh("capabilities")
    recorder = stack.record(member="PropertiesChanged")
    try:
        with open(UEVENT, "w", encoding="ascii") as f:
            f.write("change")
    except OSError as error:
        pytest.skip("no event can be made: %s" % error)
    recorder.wait_for(lambda _p, _i, _m, args: args[0] == HOST)


def advise(stack, vcpus, memory_mib):
    return stack.call(ROOT_PATH, HOST + ".Advise",
                      GLib.Variant("(ut)", (vcpus, memory_mib << 10)))


def test_advice(make_stack, tmp_path):
    stack = make_stack(options=hosts.unpack("gaps", str(tmp_path)))
    cells, cpus, enough, source, explanation = advise(stack, 2, 2000)
    assert (cells, cpus, enough, source) == ([2], [8, 10, 11], True, "virtbus")
    assert explanation.endswith("2 vCPUs and 2000 MiB fit on node 2 alone")
    # node 0 alone has too little memory, node 6 has the most and is reached from it faster than node 2
    assert advise(stack, 3, 5000)[:3] == ([0, 6], [0, 1, 2], True)
    assert advise(stack, 6, 100)[:3] == ([0, 2], [0, 1, 2, 8, 10, 11], True)
    assert advise(stack, 6, 1 << 20)[2] is False
    for vcpus, memory_mib in ((0, 2000), (2, 0)):
        with pytest.raises(GLib.Error, match="org.virtbus.Error.InvalidArg.*a guest has vCPUs and memory, not %d and %d KiB"
                           % (vcpus, memory_mib << 10)):
            advise(stack, vcpus, memory_mib)


def test_numad(make_stack, tmp_path):
    """Where numad runs, its word counts, as long as it is one."""
    program = tmp_path / "bin/numad"
    program.parent.mkdir()
    stack = make_stack(options=hosts.unpack("gaps", str(tmp_path / "host")),
                       env={"PATH": "%s:%s" % (program.parent, os.environ["PATH"])})

    def numad(script):
        program.write_text("#!/bin/sh\n" + script)
        program.chmod(0o755)
    numad('echo "$@" > %s/asked; echo 0,2\n' % tmp_path)
    assert advise(stack, 2, 2000)[3] == "virtbus"            # installed, but does not run
    assert not (tmp_path / "asked").exists()
    os.makedirs(stack.path("run"), exist_ok=True)
    with open(stack.path("run/numad.pid"), "w", encoding="ascii") as f:
        f.write("%d\n" % os.getpid())
    assert advise(stack, 2, 2000)[:4] == ([0, 2], [0, 1, 2, 8, 10, 11], True, "numad")
    assert (tmp_path / "asked").read_text() == "-w 2:2000\n"
    for script in ("echo 77\n", "exit 3\n", "echo nonsense\n"):
        numad(script)
        assert advise(stack, 2, 2000)[3] == "virtbus"


def test_virtbusctl_numa(hmat, ctl):
    stack, _ = hmat
    out = stack.run(ctl, "numa").out
    assert out.splitlines()[:4] == [
        "node  memory MiB  free MiB  CPUs  caches",
        "   0        1510        97  0-1   L1 16 MiB direct writeback",
        "   1         911        97  2-3   L1 16 MiB full writethrough",
        "   2         503        97  -     L1 8 MiB none none"]
    assert "   1  20  10  24\n" in out
    assert "bandwidth     1   2  -      read    5000  MiB/s\n" in out


def test_virtbusctl_placement(make_stack, tmp_path, ctl):
    stack = make_stack(options=hosts.unpack("gaps", str(tmp_path)))
    out = stack.run(ctl, "placement", "2", "2G").out
    assert out.startswith("nodes: 2\ncpus: 8,10-11\nsource: virtbus\nnode 0: 3 CPUs")
    result = stack.run(ctl, "placement", "2", "2T", check=False)
    assert result.status == 3 and "are more than nodes" in result.out
    for words in (("placement",), ("placement", "0", "1"), ("placement", "1", "1X"), ("numa", "x")):
        result = stack.run(ctl, *words, check=False)
        assert result.status == 2 and result.err.startswith("usage: virtbusctl " + words[0])


def test_virtbusctl_options(shared_stack, ctl):
    run = lambda *words: shared_stack.run(ctl, *words, check=False)      # noqa: E731
    assert run("--version").out.startswith("virtbusctl ")
    assert run().status == 2 and "placement VCPUS MEMORY" in run().err
    rows = [line for line in run().err.splitlines() if line.startswith("  ")]
    assert len({re.match(r"  \S.*?   *(?=[A-Z][a-z])", row).end() for row in rows}) == 1, rows
    assert run("numa", "x").err == "usage: virtbusctl numa\n"
    assert "unknown command 'foo'" in run("foo").err
    assert "unknown hypervisor 'vax'" in run("--hypervisor", "vax", "numa").err
    result = run("--bus", "unix:path=/nonexistent", "numa")
    assert result.status == 1 and result.err.startswith("error: ")


def complete(ctl, *words):
    """What bash would offer for the last of @words."""
    script = os.path.join(os.path.dirname(hosts.HERE), "virtbusctl/virtbusctl.bash")
    lines = 'source %s; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _virtbusctl; echo "${COMPREPLY[*]}"'
    path = "%s:%s" % (os.path.dirname(ctl), os.environ["PATH"])
    out = subprocess.run(["bash", "-c", lines % script, "bash", *words], check=True, text=True,
                         capture_output=True, env=dict(os.environ, PATH=path)).stdout
    return out.split()


def test_completion(ctl):
    assert {"numa", "placement"} <= set(complete(ctl, "virtbusctl", ""))
    assert complete(ctl, "virtbusctl", "pla") == ["placement"]
    assert complete(ctl, "virtbusctl", "--hypervisor", "q") == ["qemu"]
    assert complete(ctl, "virtbusctl", "--hypervisor", "xen", "nu") == ["numa"]
    assert complete(ctl, "virtbusctl", "numa", "") == []


def test_manual(ctl):
    """The manual page names every command."""
    page = os.path.join(os.path.dirname(hosts.HERE), "virtbusctl/virtbusctl.1")
    with open(page, encoding="ascii") as f:
        text = f.read()
    for name in complete(ctl, "virtbusctl", ""):
        assert name in text
