# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures for tests inside the whole machine. The folder of a test names the profile it runs on; each profile is
booted once by each process of pytest, and its tests there share the machine.
"""

import os
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, os.path.join(REPO, "tools")]

from machine_guest import Machine, MachineError      # noqa: E402

MACHINES = {}


def pytest_sessionfinish():
    for machine in MACHINES.values():
        machine.close()


@pytest.fixture
def machine(request, build_dir):
    """The booted machine of this folder's profile."""
    profile = request.path.parent.name
    if profile not in MACHINES:
        while MACHINES:              # one at a time: they are large
            MACHINES.popitem()[1].close()
        MACHINES[profile] = Machine(profile, build_dir).__enter__()
    return MACHINES[profile]


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    """A failure comes with what the machine said last."""
    report = (yield).get_result()
    machine = MACHINES.get(item.path.parent.name)
    if not report.failed or not machine:
        return
    report.sections.append(("serial log", machine.tail()))
    try:
        journal = machine.run("journalctl -b -n 60 --no-pager -o short-precise", check=False, timeout=30).out
        report.sections.append(("journal", journal))
    except (MachineError, OSError):      # it may be gone
        pass
