# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine is a Xen host as its profile promises."""


def test_dom0(machine):
    machine.wait("systemctl is-active --quiet xen.service", timeout=300)
    domains = machine.run("xl list").out.split("\n")
    assert domains[1].split()[:2] == ["Domain-0", "0"]
    assert machine.run("cat /sys/hypervisor/type").out.strip() == "xen"


def test_nodes(machine):
    machine.wait("systemctl is-active --quiet xen.service", timeout=300)
    info = machine.run("xl info -n").out
    facts = dict(line.split(":", 1) for line in info.split("\n") if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    assert facts["nr_nodes"] == "2"
    assert {"pv", "hvm"} <= set(facts["virt_caps"].split())
    assert "21,10" in info
