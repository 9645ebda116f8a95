# SPDX-License-Identifier: LGPL-2.1-or-later
"""The journal tells a guest's story, and nothing worries in a clean run."""

import json

from inside import define, stop_daemons

# a host without KVM: systemd looks for the device that the unit allows
EXPECTED = ("Couldn't stat device /dev/kvm",)


def test_story(machine):
    stop_daemons(machine)
    began = "--since=@" + machine.run("date +%s.%6N").out.strip()
    define(machine, "told")
    uuid = machine.run("virsh domuuid told").out.strip()
    for step in ("start", "suspend", "resume", "destroy", "undefine"):
        machine.run("virsh %s told" % step)
    stop_daemons(machine)
    machine.run("journalctl --sync")
    lines = machine.run(["journalctl", began, "-o", "json", "VIRTBUS_DOMAIN=told"]).out
    entries = [json.loads(line) for line in lines.split("\n") if line]
    texts = {name: [e["MESSAGE"] for e in entries if e["SYSLOG_IDENTIFIER"] == name] for name in (
        "virtqemud", "virtproxyd")}
    events = [t.split(" (")[0] for t in texts["virtqemud"] if "(detail" in t]
    assert events == ["defined", "resumed", "started", "suspended", "resumed", "shut down", "stopped", "undefined"]
    asked = [t for t in texts["virtqemud"] if "asked by user 0" in t]
    assert len(asked) == 5 and asked[0].startswith("Create, ")
    assert {"virDomainSuspend", "virDomainResume"} <= set(texts["virtproxyd"])
    assert {e["VIRTBUS_UUID"] for e in entries if e["SYSLOG_IDENTIFIER"] == "virtqemud"} == {uuid}

    warnings = machine.run(["journalctl", began, "-p", "warning", "-o", "cat"]).out
    assert [w for w in warnings.split("\n") if w and not w.startswith(EXPECTED)] == []
