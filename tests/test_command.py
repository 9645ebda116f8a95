# SPDX-License-Identifier: LGPL-2.1-or-later
"""Command lines and capabilities against the real emulator: every sample's command line starts, and the documents are
what their schemas say. (That the lines are the right ones is the unit test's business.)"""

import contextlib
import glob
import itertools
import json
import os
import re
import shutil
import socket
import subprocess
import xml.etree.ElementTree as ET

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLES = os.path.join(os.path.dirname(HERE), "virtqemud", "command", "tests", "samples")
NAMES = sorted(os.path.basename(path)[:-4] for path in glob.glob(os.path.join(SAMPLES, "*.xml")))
SLOW = int(os.environ.get("VIRTBUS_TEST_SLOW", "1"))
DEADLINE = 20 * SLOW

needs_qemu = pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="qemu-system-x86_64 is not installed")


def free_port(first):
    """A TCP port of the loopback that nobody has, at or above @first."""
    for port in range(first, first + 500):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port")


def localise(text, folder, kernel):
    """The sample with files, ports and devices that exist here."""
    for name in ("images", "logs", "export", "run"):
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    text = text.replace("/dev/vg/root", "/images/root.img").replace("<source dev='/images", "<source file='/images")
    text = text.replace("type='block'", "type='file'")
    numbers = itertools.count()
    text = re.sub(r"<disk type='network'(.*?)<source protocol=.*?</source>",
                  lambda match: "<disk type='file'%s<source file='/images/net%d.img'/>" % (match.group(1), next(numbers)),
                  text)
    text = text.replace("/boot/vmlinuz", kernel[0]).replace("/boot/initrd", kernel[1])
    text = re.sub(r"'/(images|logs|export|run)", lambda match: "'" + os.path.join(folder, match.group(1)), text)
    for kind, path in re.findall(r"<driver name='qemu' type='(\w+)'[^>]*/><source file='([^']*)'", text):
        if not os.path.exists(path):
            subprocess.run(["qemu-img", "create", "-q", "-f", kind, path, "1M"], check=True)
    return re.sub(r"(port|service)='(4555|5907|5930)'",
                  lambda match: "%s='%d'" % (match.group(1), free_port(int(match.group(2)))), text)


def command_line(build_dir, folder, monitor_fd, path):
    out = subprocess.run([os.path.join(build_dir, "virtqemud", "command", "command-tool"), folder, folder,
                          str(monitor_fd), path], capture_output=True, text=True, timeout=DEADLINE, check=True).stdout
    words = out.splitlines()[1:]
    assert words and not words[0].startswith("error"), out
    return words


def named_devices(words):
    """The ids that a command line gives to devices."""
    devices = [json.loads(value) for option, value in zip(words, words[1:]) if option == "-device" and value[0] == "{"]
    return {device["id"] for device in devices if "id" in device}


def greet(path):
    """Connects to the monitor, returns the emulator's version and the names of its devices, ends it."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(DEADLINE)
        client.connect(path)
        stream = client.makefile("rw")
        greeting = json.loads(stream.readline())
        for command in ({"execute": "qmp_capabilities"}, {"execute": "query-status"},
                        {"execute": "qom-list", "arguments": {"path": "/machine/peripheral"}}, {"execute": "quit"}):
            stream.write(json.dumps(command) + "\n")
        stream.flush()
        assert json.loads(stream.readline()) == {"return": {}}
        status = json.loads(stream.readline())
        assert status["return"]["status"] == "prelaunch"
        devices = {member["name"] for member in json.loads(stream.readline())["return"]}
        with contextlib.suppress(ConnectionResetError):
            stream.read()  # a monitor that is closed too early forgets what it was told
        return greeting["QMP"]["version"]["qemu"]["major"], devices


@needs_qemu
@pytest.mark.parametrize("name", NAMES)
def test_sample_starts(build_dir, tmp_path, guest_kernel, name):
    folder = str(tmp_path)
    with open(os.path.join(SAMPLES, name + ".xml")) as sample:
        text = localise(sample.read(), folder, guest_kernel)
    path = os.path.join(folder, "guest.xml")
    with open(path, "w") as out:
        out.write(text)
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.bind(os.path.join(folder, "monitor.sock"))
        monitor.listen(1)
        words = command_line(build_dir, folder, monitor.fileno(), path)
        with subprocess.Popen(words, pass_fds=[monitor.fileno()], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True) as emulator:
            try:
                major, devices = greet(os.path.join(folder, "monitor.sock"))
                assert major >= 5 and named_devices(words) <= devices
                assert emulator.wait(DEADLINE) == 0
            except (OSError, ValueError):
                emulator.kill()
                pytest.fail("the emulator refused: %s" % emulator.communicate()[0])
            finally:
                emulator.kill()


def document(build_dir, folder, *words):
    return subprocess.run([os.path.join(build_dir, "virtqemud", "caps", "capsdoc"), folder, "tcg", *words],
                          capture_output=True, text=True, timeout=DEADLINE)


def validate(text, schema):
    path = "/usr/share/libvirt/schemas/" + schema
    if shutil.which("xmllint") and os.path.exists(path):
        subprocess.run(["xmllint", "--noout", "--relaxng", path, "-"], input=text, text=True, check=True,
                       capture_output=True)


@needs_qemu
def test_capabilities(build_dir, tmp_path):
    result = document(build_dir, str(tmp_path))
    assert result.returncode == 0, result.stderr
    # libvirt says more of a CPU since 10.1 than the schema of an older one knows; xmllint takes no dot in its names
    known = re.sub(r" (clusters|cluster_id)='\d+'", "", result.stdout)
    validate(re.sub(r"(<feature name='sse4)\.", r"\1-", known), "capability.rng")
    root = ET.fromstring(result.stdout)
    assert int(root.find("host/cpu/topology").get("threads")) >= 1
    arch = root.find("guest/arch[@name='x86_64']")
    assert arch.find("emulator").text.endswith("qemu-system-x86_64")
    alias = arch.find("machine[.='q35']")
    assert alias.get("canonical").startswith("pc-q35-") and int(alias.get("maxCpus")) >= 255
    assert [domain.get("type") for domain in arch.findall("domain")] == ["qemu"]
    again = document(build_dir, str(tmp_path)).stdout
    memory = r"<(memory|pages) unit='KiB'[^>]*>\d+<"       # which machines gain and lose
    assert re.sub(memory, "", again) == re.sub(memory, "", result.stdout)


@needs_qemu
def test_domain_capabilities(build_dir, tmp_path):
    result = document(build_dir, str(tmp_path), "", "", "q35", "qemu")
    assert result.returncode == 0, result.stderr
    validate(result.stdout, "domaincaps.rng")
    root = ET.fromstring(result.stdout)
    assert root.find("domain").text == "qemu" and root.find("machine").text.startswith("pc-q35-")
    assert root.find("cpu/mode[@name='host-passthrough']").get("supported") == "no"
    assert root.find("cpu/mode[@name='custom']/model[.='qemu64']").get("usable") == "yes"
    assert "virtio" in [value.text for value in root.findall("devices/disk/enum[@name='bus']/value")]


@needs_qemu
@pytest.mark.parametrize("query, message", [
    (["", "s390y", "", ""], "unable to find any emulator to serve 's390y' architecture"),
    (["", "", "pc-none", ""], "the machine 'pc-none' is not supported by emulator"),
    (["", "", "", "xen"], "does not support virt type 'xen'"),
    (["", "", "", "foo"], "unknown virttype: foo"),
    (["/nonexistent", "", "", ""], "Cannot check QEMU binary /nonexistent: No such file or directory"),
])
def test_domain_capabilities_refused(build_dir, tmp_path, query, message):
    result = document(build_dir, str(tmp_path), *query)
    assert result.returncode == 1
    assert message in result.stderr


@needs_qemu
def test_damaged_cache_is_probed_again(build_dir, tmp_path):
    first = document(build_dir, str(tmp_path)).stdout
    files = glob.glob(str(tmp_path / "*.json"))
    assert files
    for path in files:
        with open(path, "r+") as cached:
            cached.truncate(os.path.getsize(path) // 2)
    assert document(build_dir, str(tmp_path)).stdout == first
