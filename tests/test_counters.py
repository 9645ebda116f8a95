# SPDX-License-Identifier: LGPL-2.1-or-later
"""Numbers that are counted on demand: performance counters, dirty rate, I/O threads."""

import re

import pytest

from harness import wait_for


def start(stack, guest_xml, extra="", **kwargs):
    stack.define(guest_xml(plain=True, memory_mib=32, extra=extra, **kwargs))
    stack.virsh("start", "guest")


def stats(stack, group):
    rows = (line.strip().split("=", 1) for line in stack.virsh("domstats", "guest", "--" + group).out.splitlines()
            if "=" in line)
    return dict(rows)


def shown(stack, *flags):
    rows = (line.split(":") for line in stack.run("virsh", "perf", "guest", *flags).out.splitlines() if ":" in line)
    return {name.strip(): value.strip() == "enabled" for name, value in rows}


def test_iothreads(stack, guest_xml):
    start(stack, guest_xml, "<iothreads>2</iothreads>")
    stack.virsh("iothreadset", "guest", "2", "--poll-max-ns", "1234", "--poll-grow", "3", "--poll-shrink", "4")
    found = stats(stack, "iothread")
    assert list(found)[0] == "iothread.count" and found["iothread.count"] == "2"
    assert [found["iothread.2.poll-" + name] for name in ("max-ns", "grow", "shrink")] == ["1234", "3", "4"]
    assert found["iothread.1.poll-max-ns"] == "32768" and len(found) == 7
    stack.virsh("destroy", "guest")
    assert stats(stack, "iothread") == {}


def test_dirty_rate(stack, guest_xml):
    start(stack, guest_xml)
    assert stats(stack, "dirtyrate") == {
        "dirtyrate.calc_status": "0", "dirtyrate.calc_start_time": "0", "dirtyrate.calc_period": "0",
        "dirtyrate.calc_mode": "page-sampling"}
    stack.virsh("domdirtyrate-calc", "guest", "--seconds", "1")
    found = wait_for(lambda: (lambda s: s if s["dirtyrate.calc_status"] == "2" else None)(
        stats(stack, "dirtyrate")), 20, "measured dirty rate")
    assert found["dirtyrate.calc_period"] == "1" and int(found["dirtyrate.calc_start_time"]) > 0
    assert found["dirtyrate.megabytes_per_second"].isdigit()
    for args, reason in (
            (("--seconds", "99"), "seconds=99 is invalid, please choose value within \\[1, 60\\]."),
            (("--seconds", "1", "--mode", "dirty-ring"),
             "dirty-ring calculation mode requires dirty-ring feature enabled."),
            # QEMU would end
            (("--seconds", "1", "--mode", "dirty-bitmap"), "dirty-bitmap calculation mode requires KVM")):
        assert re.search(reason, stack.virsh("domdirtyrate-calc", "guest", *args, check=False).err)
    assert stack.virsh("domstate", "guest").out.strip() == "running"
    stack.virsh("destroy", "guest")
    assert "domain is not running" in stack.virsh("domdirtyrate-calc", "guest", check=False).err
    assert stats(stack, "dirtyrate") == {}


def test_counters(stack, guest_xml):
    start(stack, guest_xml)
    assert len(shown(stack)) == 22 and not any(shown(stack).values())
    result = stack.virsh("perf", "guest", "--enable", "cpu_clock,page_faults", "--live", check=False)
    if "Permission denied" in result.err or "Operation not permitted" in result.err:
        pytest.skip("the kernel counts nothing here: " + result.err.strip())
    assert result.status == 0
    assert [name for name, on in shown(stack).items() if on] == ["cpu_clock", "page_faults"]
    wait_for(lambda: int(stats(stack, "perf")["perf.cpu_clock"]) > 1000000, 20, "a millisecond counted")
    assert list(stats(stack, "perf")) == ["perf.cpu_clock", "perf.page_faults"]
    assert "<event name='cpu_clock' enabled='yes'/>" in stack.virsh("dumpxml", "guest").out
    assert "<perf>" not in stack.virsh("dumpxml", "guest", "--inactive").out
    stack.kill("virtqemud")         # counters end with it, and are opened again
    assert shown(stack)["cpu_clock"] and "perf.cpu_clock" in stats(stack, "perf")
    stack.virsh("perf", "guest", "--disable", "cpu_clock", "--live")
    assert list(stats(stack, "perf")) == ["perf.page_faults"]
    stack.virsh("perf", "guest", "--enable", "task_clock", "--config")
    assert shown(stack, "--config")["task_clock"] and not shown(stack, "--live")["task_clock"]
    stack.virsh("destroy", "guest")
    stack.virsh("start", "guest")
    assert [name for name, on in shown(stack).items() if on] == ["task_clock"]


def test_counters_that_cannot_be_had(stack, guest_xml):
    """All or none, and in libvirt's words."""
    start(stack, guest_xml)
    before = stack.virsh("dumpxml", "guest").out
    result = stack.virsh("perf", "guest", "--enable", "cpu_clock,bogus", "--live", check=False)
    assert "argument unsupported: parameter 'bogus' not supported" in result.err
    result = stack.virsh("perf", "guest", "--enable", "cpu_clock,cmt", "--live", check=False)
    assert "argument unsupported: unable to enable host cpu perf event for cmt" in result.err
    assert not any(shown(stack).values()) and stack.virsh("dumpxml", "guest").out == before
    result = stack.virsh("perf", "guest", "--enable", "cpu_cycles,page_faults", "--live", "--config", check=False)
    if result.status != 0:          # a processor without counters, as in most virtual machines
        assert "unable to open host cpu perf event for cpu_cycles: " in result.err
        assert not any(shown(stack).values()) and stack.virsh("dumpxml", "guest").out == before
        assert "<perf>" not in stack.virsh("dumpxml", "guest", "--inactive").out
    # a definition that asks for it does not start
    stack.virsh("destroy", "guest")
    stack.virsh("perf", "guest", "--enable", "cmt", "--config")
    result = stack.virsh("start", "guest", check=False)
    assert "unable to enable host cpu perf event for cmt" in result.err
    assert stack.virsh("domstate", "guest").out.strip() == "shut off"
