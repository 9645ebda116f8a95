# SPDX-License-Identifier: LGPL-2.1-or-later
"""Performance counters within the unit's sandbox: refused, with what to do; and had by what docs/systemd.md says to do."""

import os
import re

import pytest

from inside import define, remove

PAGE = os.path.join(os.path.dirname(__file__), "../../../docs/systemd.md")
DROP_IN = "/etc/systemd/system/virtqemud.service.d/counters.conf"
PARANOID = "kernel.perf_event_paranoid"
COUNTERS = ["task_clock", "page_faults", "context_switches"]


def documented():
    """The drop-in and the command of the page."""
    with open(PAGE, encoding="utf-8") as f:
        section = re.search(r"^## Performance counters\n(.*?)^## ", f.read(), re.MULTILINE | re.DOTALL).group(1)
    words = "".join(line.strip() + "\n" for line in section.splitlines() if line.startswith("    "))
    return words, re.search("`(sysctl -w .*?)`", section).group(1)


@pytest.fixture
def guest(machine):
    paranoid = machine.run("sysctl -n " + PARANOID).out.strip()
    define(machine, "counted")
    yield "counted"
    remove(machine, "counted")
    machine.run("rm -f %s; sysctl -w %s=%s; systemctl daemon-reload; systemctl stop virtqemud" % (DROP_IN, PARANOID, paranoid))


def test_counters_within_the_sandbox(machine, guest):
    enable = "virsh perf counted --enable " + ",".join(COUNTERS)
    result = machine.run("virsh start counted && " + enable, check=False)
    assert result.status != 0
    assert "perf event for task_clock: Operation not permitted (a system call filter forbids perf_event_open; " \
        "'systemctl edit virtqemud'" in result.err
    assert "perf." not in machine.run("virsh domstats counted --perf").out
    words, command = documented()
    machine.run("mkdir -p %s && cat > %s && systemctl daemon-reload && systemctl stop virtqemud" % (
        DROP_IN.rpartition("/")[0], DROP_IN), data=words)
    result = machine.run(enable, check=False)           # the kernel of Debian
    assert result.status != 0 and "Permission denied (it takes CAP_PERFMON, and " + PARANOID in result.err
    machine.run(command + " && " + enable)
    machine.wait("virsh domstats counted --perf > /tmp/counted; grep -q task_clock=[1-9] /tmp/counted && "
                 "grep -q context_switches=[1-9] /tmp/counted")
    assert re.findall(r"perf\.(\w+)=\d", machine.run("cat /tmp/counted").out) == COUNTERS
