# SPDX-License-Identifier: LGPL-2.1-or-later
"""What "meson install" puts where, and what systemd says about the units."""

import configparser
import os
import re
import shutil
import socket
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest

import stack as stack_tool
from harness import SLOW

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
UNITS = ("virtqemud.service", "virtqemud.socket", "virtnodedevd.service",
         "virtnodedevd.socket", "virtproxyd.service", "virtproxyd.socket",
         "virtproxyd-ro.socket", "virtbus-guests.service")
USER_UNITS = ("virtqemud.service", "virtqemud.socket", "virtproxyd.service", "virtproxyd.socket")
UNIT_DIR = "usr/lib/systemd/system"


def exposure(unit):
    """systemd's score: 0 (confined) to 10 (not at all)."""
    text = subprocess.run(["systemd-analyze", "security", "--offline=yes", "--no-pager", unit],
                          text=True, capture_output=True, check=False).stdout
    return float(re.search(r"exposure level for \S+: ([0-9.]+)", text).group(1))


@pytest.fixture(scope="module")
def tree(build_dir, tmp_path_factory):
    """The installed tree below a DESTDIR."""
    destdir = tmp_path_factory.mktemp("destdir")
    subprocess.run(["meson", "install", "-C", build_dir, "--no-rebuild"], check=True,
                   env=dict(os.environ, DESTDIR=str(destdir)), stdout=subprocess.DEVNULL)
    return destdir


def prefix_of(build_dir):
    options = subprocess.check_output(
        ["meson", "introspect", "--buildoptions", build_dir], text=True)
    return re.search(r'"name": "prefix", "value": "([^"]*)"', options).group(1).lstrip("/")


def read_unit(path):
    parser = configparser.RawConfigParser(strict=False, delimiters="=")
    parser.optionxform = str
    parser.read(path)
    return parser


def listen_streams(path):
    with open(path) as f:
        return re.findall(r"^ListenStream=(.*)$", f.read(), re.MULTILINE)


def test_files(tree, build_dir):
    prefix = prefix_of(build_dir)
    for name in ("%s/sbin/virtqemud" % prefix, "%s/sbin/virtproxyd" % prefix,
                 "%s/sbin/virtnodedevd" % prefix,
                 "usr/share/dbus-1/system.d/org.libvirt.conf",
                 "usr/share/dbus-1/system-services/org.libvirt.service",
                 "usr/share/dbus-1/services/org.libvirt.service",
                 "usr/share/dbus-1/system.d/org.virtbus.NodeDev.conf",
                 "usr/share/dbus-1/system-services/org.virtbus.NodeDev.service",
                 "usr/share/dbus-1/system.d/org.virtbus.Qemu.conf",
                 "usr/share/dbus-1/system-services/org.virtbus.Qemu.service",
                 "usr/share/polkit-1/actions/org.virtbus.policy",
                 "usr/share/polkit-1/rules.d/60-virtbus.rules",
                 "usr/lib/udev/rules.d/61-virtbus-mdev.rules",
                 "usr/lib/sysusers.d/virtbus.conf", "usr/lib/tmpfiles.d/virtbus.conf",
                 "usr/share/dbus-1/services/org.virtbus.Qemu.service",
                 "%s/share/doc/virtbus/README.md" % prefix, "%s/libexec/virtbus-guests" % prefix,
                 *("usr/lib/systemd/user/" + u for u in USER_UNITS),
                 *("%s/%s" % (UNIT_DIR, u) for u in UNITS)):
        assert (tree / name).is_file(), name
    for name in ("virtqemud", "virtproxyd"):
        assert os.access(tree / prefix / "sbin" / name, os.X_OK)


def test_every_interface_is_installed(tree):
    here = {n for n in os.listdir(REPO + "/dbus") if re.match(r"org\.(virtbus|libvirt)\..*\.xml$", n)}
    there = set(os.listdir(tree / "usr/share/dbus-1/interfaces"))
    assert here == there and here


def test_xml_is_well_formed(tree):
    for folder in ("interfaces", "system.d"):
        for name in os.listdir(tree / "usr/share/dbus-1" / folder):
            ET.parse(tree / "usr/share/dbus-1" / folder / name)
    actions = ET.parse(tree / "usr/share/polkit-1/actions/org.virtbus.policy").getroot()
    defaults = {a.get("id"): a.findtext("defaults/allow_any") for a in actions.iter("action")}
    assert defaults == {"org.libvirt.unix.monitor": "yes",
                        "org.libvirt.unix.manage": "auth_admin_keep"}


def test_activation_names_the_unit(tree):
    for name, daemon in (("Qemu", "virtqemud"), ("NodeDev", "virtnodedevd")):
        service = read_unit(
            tree / ("usr/share/dbus-1/system-services/org.virtbus.%s.service" % name))
        assert service["D-BUS Service"]["SystemdService"] == daemon + ".service"


def test_exec_start_is_installed(tree):
    for name in ("virtqemud", "virtnodedevd", "virtproxyd"):
        unit = read_unit(tree / UNIT_DIR / (name + ".service"))
        assert (tree / unit["Service"]["ExecStart"].split()[0].lstrip("/")).is_file()


@pytest.fixture(scope="module")
def systemd_tree(tree, tmp_path_factory):
    """The installed tree beside this machine's own basic units, for systemd-analyze."""
    root = tmp_path_factory.mktemp("system")
    shutil.copytree(tree, root, dirs_exist_ok=True)
    for name in os.listdir("/usr/lib/systemd/system"):
        source, target = "/usr/lib/systemd/system/" + name, root / UNIT_DIR / name
        if "virt" not in name and not target.exists():
            if os.path.isdir(source):
                shutil.copytree(source, target, symlinks=True)
            else:
                shutil.copy2(source, target, follow_symlinks=False)
    return root


def verify(root):
    return subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", "--root=%s" % root,
         *(str(root / UNIT_DIR / u) for u in UNITS)],
        text=True, capture_output=True, check=False)


def test_units_verify(systemd_tree):
    result = verify(systemd_tree)
    assert (result.returncode, result.stderr) == (0, "")


def test_verify_would_complain(systemd_tree):
    path = systemd_tree / UNIT_DIR / "virtqemud.socket"
    text = path.read_text()
    path.write_text(text.replace("[Socket]", "[Socket]\nListenStraem=/x"))
    result = verify(systemd_tree)
    path.write_text(text)
    assert "ListenStraem" in result.stderr


@pytest.mark.parametrize("name,limit", [("virtqemud", 3.5), ("virtnodedevd", 2.5), ("virtproxyd", 1.0),
                                        ("virtbus-guests", 1.5)])
def test_exposure(tree, name, limit):
    """systemd's scores, which docs/security.md tells, may only get better."""
    score = exposure(str(tree / UNIT_DIR / (name + ".service")))
    assert score <= limit
    with open(os.path.join(REPO, "docs", "security.md")) as f:
        assert "| `%s.service` | %.1f |" % (name, score) in f.read()


def test_proxy_has_no_privilege(tree):
    service = read_unit(tree / UNIT_DIR / "virtproxyd.service")["Service"]
    assert service["User"] == "virtproxyd"
    assert service["CapabilityBoundingSet"] == service["AmbientCapabilities"] == ""
    assert service["RestrictAddressFamilies"] == "AF_UNIX"
    assert service["NoNewPrivileges"] == "yes"


def test_guests_outlive_the_daemon(tree):
    service = read_unit(tree / UNIT_DIR / "virtqemud.service")["Service"]
    assert service["KillMode"] == "process"
    for name in UNITS:
        if name.endswith(".socket"):
            assert read_unit(tree / UNIT_DIR / name)["Socket"]["RemoveOnStop"] == "no"


def test_sockets_are_those_of_the_stack(tree):
    """./dev stack hands over the sockets that the units name."""
    units = {}
    for name in UNITS:
        if name.endswith(".socket"):
            socket_section = read_unit(tree / UNIT_DIR / name)["Socket"]
            for path in listen_streams(tree / UNIT_DIR / name):
                units[path] = socket_section["FileDescriptorName"]
    stack = {"/" + s.path: s.name
             for p in stack_tool.PROGRAMS for s in p.sockets}
    assert units == stack
    assert not any("virtxend" in path for path in units)


def test_users_exist(tree):
    text = (tree / "usr/lib/sysusers.d/virtbus.conf").read_text()
    for user in ("u virtproxyd ", "g libvirt "):
        assert user in text
    (tree / "etc").mkdir(exist_ok=True)
    result = subprocess.run(["systemd-sysusers", "--root=%s" % tree,
                             str(tree / "usr/lib/sysusers.d/virtbus.conf")],
                            text=True, capture_output=True, check=False)
    assert result.returncode == 0, result.stderr
    assert "virtproxyd:" in (tree / "etc/passwd").read_text()


def activate(build_dir, root, path, name, program, *options):
    """systemd's own hand-over, with a real LISTEN_FDS."""
    return subprocess.Popen(
        ["systemd-socket-activate", "-l", path, "--fdname=" + name,
         os.path.join(build_dir, program, program), "--root", root, "--bus", "none",
         "--no-polkit", *options], stderr=subprocess.PIPE, text=True)


def test_virtqemud_by_socket_activate(build_dir, tmp_path):
    path = str(tmp_path / "peer.sock")
    process = activate(build_dir, str(tmp_path), path, "peer", "virtqemud")
    try:
        assert "Listening" in process.stderr.readline()
        result = subprocess.run(
            ["busctl", "--address=unix:path=" + path, "--timeout=10", "call", "", "/org/virtbus/qemu",
             "org.freedesktop.DBus.Peer", "Ping"], text=True, capture_output=True, check=False,
            timeout=20 * SLOW)
        # busctl greets a bus first, which a peer is not: an answer of any kind is the daemon's
        assert "refused" not in result.stderr and "timed out" not in result.stderr, result.stderr
        assert not os.path.exists(tmp_path / "run/virtbus/virtqemud.sock"), "bound a second socket"
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_virtproxyd_by_socket_activate(build_dir, tmp_path):
    path = str(tmp_path / "libvirt-sock")
    process = activate(build_dir, str(tmp_path), path, "rw", "virtproxyd")
    try:
        assert "Listening" in process.stderr.readline()
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10 * SLOW)
            s.connect(path)
            # REMOTE_CONNECT_SUPPORTS_FEATURE(14), as every client begins
            words = (32, 0x20008086, 1, 60, 0, 1, 0, 14)
            s.sendall(b"".join(w.to_bytes(4, "big") for w in words))
            reply = s.recv(4096)
            assert int.from_bytes(reply[:4], "big") >= 28 and reply[16:20] == b"\0\0\0\1"
    finally:
        process.terminate()
        process.communicate(timeout=20)


if __name__ == "__main__":
    for unit in sys.argv[1:]:
        print("%s %.1f" % (unit, exposure(unit)))
