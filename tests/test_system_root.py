# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemons where a host has them: the root is "/", the URI names no socket.

All of it happens in a mount namespace of its own, whose folders are fresh: the machine's own are not touched.
"""

import os
import subprocess

import pytest

from harness import SLOW

SCRIPT = r"""
set -eu
mount --make-rprivate /
for folder in /etc/libvirt /run /var/lib/libvirt /var/cache /var/log/libvirt; do
    mkdir -p $folder
    mount -t tmpfs -o mode=755 none $folder
done
mkfifo /run/tick
mkdir -p /run/dbus /run/libvirt /run/virtbus
export DBUS_SYSTEM_BUS_ADDRESS=unix:path=/run/dbus/bus
dbus-daemon --session --address=$DBUS_SYSTEM_BUS_ADDRESS --fork --nopidfile > /dev/null
virtqemud --root / --accel tcg & qemud=$!
virtproxyd --root / & proxyd=$!
trap 'kill $qemud $proxyd; wait' EXIT
for i in $(seq 200); do
    [ -S /run/libvirt/libvirt-sock ] && [ -S /run/virtbus/virtqemud.sock ] && break
    read -t 0.05 <> /run/tick || true
done
%s
"""

EXPECTED_SOCKETS = ["libvirt-sock", "libvirt-sock-ro", "virtqemud-sock", "virtqemud-sock-ro",
                    "virtnodedevd-sock", "virtnetworkd-sock", "virtinterfaced-sock",
                    "virtnwfilterd-sock", "virtsecretd-sock", "virtstoraged-sock"]


def run(build_dir, commands):
    path = ":".join([build_dir + "/virtqemud", build_dir + "/virtproxyd", os.environ["PATH"]])
    return subprocess.run(["unshare", "-m", "-p", "-f", "--mount-proc", "bash", "-c", SCRIPT % commands], env=dict(os.environ, PATH=path),
                          capture_output=True, text=True, timeout=60 * SLOW, check=False)


@pytest.mark.parametrize("uri", ["qemu:///system", ""])
def test_stock_client_without_a_socket(build_dir, uri):
    option = "-c " + uri if uri else ""
    done = run(build_dir, """
cat > /run/g.xml <<X
<domain type='qemu'><name>host-guest</name><memory unit='MiB'>16</memory>
<os><type machine='pc'>hvm</type></os></domain>
X
virsh -q %(o)s define /run/g.xml
virsh -q %(o)s start --paused host-guest
virsh -q %(o)s list --name
virsh -q %(o)s uri
ls /etc/libvirt/qemu/host-guest.xml /run/libvirt/qemu/host-guest.xml
virsh -q %(o)s destroy host-guest
ls /run/libvirt
""" % {"o": option})
    assert done.returncode == 0, done.stdout + done.stderr
    words = done.stdout.split()
    assert "host-guest" in words and "qemu:///system" in words
    assert "/etc/libvirt/qemu/host-guest.xml" in words
    assert [name for name in EXPECTED_SOCKETS if name not in words] == []
    assert "virtxend-sock" not in words
