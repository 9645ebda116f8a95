# SPDX-License-Identifier: LGPL-2.1-or-later
"""CPU models through stock clients: names, baseline, comparison, what domain capabilities say. TCG's CPU is the same on
every host, so its answers are compared word by word; the host's own processor may be anything."""

import os
import xml.etree.ElementTree as ET

import libvirt
import pytest

TCG = ("--virttype", "qemu")
HASWELL = "<cpu mode='custom' match='exact'><model>Haswell</model><vendor>Intel</vendor></cpu>"
NEHALEM = ("<cpu mode='custom' match='exact'><model>Nehalem</model><vendor>Intel</vendor>"
           "<feature policy='require' name='aes'/></cpu>")


@pytest.fixture
def cpu_file(tmp_path):
    def make(*cpus):
        path = tmp_path / "cpu.xml"
        path.write_text("".join(cpus))
        return str(path)
    return make


def features(cpu, policy):
    return [f.get("name") for f in cpu.findall("feature") if f.get("policy") == policy]


def test_names(shared_stack):
    names = shared_stack.virsh("cpu-models", "x86_64").out.split()
    assert names[0] == "486" and names[-1] == "Dhyana" and "Haswell-noTSX-IBRS" in names
    assert "cannot find architecture nope" in shared_stack.virsh("cpu-models", "nope", check=False).err
    with shared_stack.open() as c:
        assert "POWER9" in c.getCPUModelNames("ppc64le")
        assert c.getCPUModelNames("aarch64") == []   # any
        with pytest.raises(libvirt.libvirtError) as e:
            c.getCPUModelNames("riscv64")
        assert e.value.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT


def test_baseline_of_hypervisor(shared_stack, cpu_file):
    path = cpu_file(HASWELL, NEHALEM)
    assert shared_stack.virsh("hypervisor-cpu-baseline", *TCG, path).out.strip() == (
        "<cpu mode='custom' match='exact'>\n"
        "  <model fallback='forbid'>Westmere</model>\n"
        "  <vendor>Intel</vendor>\n"
        "</cpu>")
    cpu = ET.fromstring(shared_stack.virsh("hypervisor-cpu-baseline", *TCG, "--features", path).out)
    named = features(cpu, "require")
    assert named == sorted(named) and {"aes", "apic", "sse4.2", "tsc"} <= set(named)
    # TCG lacks these: said to be off where the model has them
    cpu = ET.fromstring(shared_stack.virsh("hypervisor-cpu-baseline", *TCG, cpu_file(HASWELL)).out)
    assert features(cpu, "disable") == ["pcid", "x2apic", "tsc-deadline", "hle", "invpcid", "rtm"]
    err = shared_stack.virsh("hypervisor-cpu-baseline", "--arch", "sparc64", path, check=False).err
    assert "unable to find any emulator to serve 'sparc64' architecture" in err
    err = shared_stack.virsh("hypervisor-cpu-baseline", *TCG, cpu_file("<cpu mode='host-model'/>"), check=False).err
    assert "no CPU model specified at index 0" in err


def test_baseline_of_hosts(shared_stack, cpu_file):
    one = "<cpu><arch>x86_64</arch><model>Haswell</model><feature name='invtsc'/></cpu>"
    two = "<cpu><arch>x86_64</arch><model>Broadwell</model><feature name='invtsc'/></cpu>"
    cpu = ET.fromstring(shared_stack.virsh("cpu-baseline", cpu_file(one, two)).out)
    assert cpu.findtext("model") == "Haswell" and features(cpu, "require") == ["invtsc"]
    cpu = ET.fromstring(shared_stack.virsh("cpu-baseline", "--migratable", cpu_file(one, two)).out)
    assert not cpu.findall("feature")
    with shared_stack.open() as c:
        for cpus, text in ((["<cpu/>"], "Missing CPU architecture"),
                           ([one.replace("Haswell", "No")], "Unknown CPU model No"),
                           ([one, two.replace("invtsc", "no")], "Unknown CPU feature no"),
                           (["<cpu><arch>aarch64</arch><model>cortex-a53</model></cpu>"],
                            "cannot compute baseline CPU of aarch64 architecture"),
                           (["<cpu"], "(CPU_definition):1:")):
            with pytest.raises(libvirt.libvirtError, match=text.replace("(", r"\(").replace(")", r"\)")):
                c.baselineCPU(cpus, 0)
        with pytest.raises(libvirt.libvirtError, match=r"unsupported flags \(0x8\)"):
            c.baselineCPU([one], 8)


def test_compare_with_hypervisor(shared_stack, cpu_file):
    compare = ("hypervisor-cpu-compare", *TCG)
    small = "<cpu mode='custom' match='%s'><model>kvm64</model></cpu>"
    assert "superset" in shared_stack.virsh(*compare, cpu_file(small % "exact")).out
    assert "superset" in shared_stack.virsh(*compare, cpu_file("<cpu mode='host-model'/>")).out
    result = shared_stack.virsh(*compare, cpu_file(small % "strict"), check=False)
    assert "incompatible" in result.out and result.status != 0
    result = shared_stack.virsh(*compare, "--error", cpu_file(small % "strict"), check=False)
    assert "Host CPU does not strictly match guest CPU: Extra features: " in result.err
    result = shared_stack.virsh(*compare, "--error", cpu_file(HASWELL.replace("<vendor>Intel</vendor>", "")), check=False)
    assert "Host CPU does not provide required features: pcid, x2apic, tsc-deadline, hle, invpcid, rtm" in result.err
    forbidden = "<cpu mode='custom' match='exact'><model>kvm64</model><feature policy='forbid' name='sse2'/></cpu>"
    result = shared_stack.virsh(*compare, "--error", cpu_file(forbidden), check=False)
    assert "Host CPU provides forbidden features: sse2" in result.err
    assert "superset" in shared_stack.virsh(*compare, "--validate", cpu_file(small % "exact")).out
    result = shared_stack.virsh(*compare, "--validate", cpu_file("<cpu mode='host-model'><no/></cpu>"), check=False)
    assert "XML document failed to validate against schema" in result.err


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="asks the processor that this runs on")
def test_compare_with_host(shared_stack, cpu_file):
    assert "superset" in shared_stack.virsh("cpu-compare", cpu_file("<cpu mode='host-passthrough'/>")).out
    assert "superset" in shared_stack.virsh("cpu-compare", cpu_file("<cpu><model>486</model></cpu>")).out
    strange = "<cpu><arch>aarch64</arch><model>486</model></cpu>"
    assert "incompatible" in shared_stack.virsh("cpu-compare", cpu_file(strange), check=False).out
    result = shared_stack.virsh("cpu-compare", "--error", cpu_file(strange), check=False)
    assert "CPU arch aarch64 does not match host arch" in result.err
    with shared_stack.open(readonly=True) as c:
        assert c.compareCPU("<cpu><model>486</model></cpu>", 0) == libvirt.VIR_CPU_COMPARE_SUPERSET
        with pytest.raises(libvirt.libvirtError):
            c.compareHypervisorCPU(None, None, None, "qemu", "<cpu><model>486</model></cpu>", 0)


def test_domain_capabilities(shared_stack, cpu_file):
    cpu = ET.fromstring(shared_stack.virsh("domcapabilities", *TCG).out).find("cpu")
    modes = {m.get("name"): m for m in cpu.findall("mode")}
    assert modes["host-passthrough"].get("supported") == "no"
    assert modes["maximum"].get("supported") == "yes"
    model = modes["host-model"]
    assert model.findtext("model") == "EPYC" and model.findtext("vendor") == "AMD"
    assert {"acpi", "monitor", "hypervisor", "svme-addr-chk"} <= set(features(model, "require"))
    assert {"vme", "rdseed", "nrip-save"} <= set(features(model, "disable"))
    usable = {m.text: m.get("usable") for m in modes["custom"].findall("model")}
    assert usable["qemu64"] == "yes" and usable["Haswell"] == "no" and "max" not in usable
    # what it says is what a comparison then finds to be there
    whole = "<cpu mode='custom' match='exact'><model>%s</model>%s</cpu>" % (
        model.findtext("model"), "".join(ET.tostring(f, "unicode") for f in model.findall("feature")))
    assert "identical" in shared_stack.virsh("hypervisor-cpu-compare", *TCG, cpu_file(whole)).out


def test_host_model_starts(stack, guest_xml):
    xml = guest_xml(plain=True).replace("<devices>", "<cpu mode='host-model'/><devices>")
    stack.define(xml)
    line = stack.virsh("domxml-to-native", "qemu-argv", "--domain", "guest").out
    assert "-cpu EPYC,acpi=on," in line and ",vme=off," in line
    stack.virsh("start", "guest")
    stack.virsh("destroy", "guest")
