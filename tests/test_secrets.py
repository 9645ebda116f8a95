# SPDX-License-Identifier: LGPL-2.1-or-later
"""Secrets that guests need: found where libvirt's secret driver keeps them, handed to emulators, left nowhere."""

import base64
import glob
import http.server
import json
import os
import shutil
import stat
import subprocess
import threading

import pytest

from harness import wait_for
from test_devices import change, targets

VOLUME, CEPH, EMPTY, NOBODY = ("%08d-2222-3333-4444-555555555555" % n for n in range(4))
PASSPHRASE = "open sesame"


def keep(stack, uuid, kind, usage, value):
    folder = stack.path("/etc/libvirt/secrets")
    os.makedirs(folder, exist_ok=True)
    with open("%s/%s.xml" % (folder, uuid), "w") as f:
        f.write("<secret ephemeral='no' private='yes'>\n  <uuid>%s</uuid>\n  <usage type='%s'>\n    %s\n  </usage>\n</secret>\n"
                % (uuid, kind, usage))
    if value is not None:
        with open("%s/%s.base64" % (folder, uuid), "w") as f:
            f.write(base64.b64encode(value.encode()).decode())


@pytest.fixture
def kept(stack):
    keep(stack, VOLUME, "volume", "<volume>/images/locked</volume>", PASSPHRASE)
    keep(stack, CEPH, "ceph", "<name>pool</name>", "key")
    keep(stack, EMPTY, "volume", "<volume>/images/empty</volume>", None)
    return stack


def locked_image(stack, name="locked.img"):
    """An image whose first sectors are full of "A" for who knows the passphrase."""
    path = stack.path(name)
    subprocess.run(["qemu-img", "create", "-q", "-f", "luks", "--object", "secret,id=s,data=" + PASSPHRASE,
                    "-o", "key-secret=s,iter-time=10", path, "1M"], check=True)
    subprocess.run(["qemu-io", "--object", "secret,id=s,data=" + PASSPHRASE, "--image-opts",
                    "driver=luks,key-secret=s,file.filename=" + path, "-c", "write -P 0x41 0 4096"],
                   check=True, stdout=subprocess.DEVNULL)
    return path


def locked(path, secret="uuid='%s'" % VOLUME, target="vda", bus="virtio"):
    return ("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%s'><encryption format='luks'>"
            "<secret type='passphrase' %s/></encryption></source><target dev='%s' bus='%s'/></disk>"
            % (path, secret, target, bus))


def nothing_is_left(stack):
    """No file with the secret, and nobody was told it."""
    files = glob.glob(stack.path("/var/lib/libvirt/qemu/domain-*/*secret*"))
    with open(stack.path("/var/log/libvirt/qemu/guest.log")) as f:
        return files == [] and PASSPHRASE not in f.read()


def objects(stack):
    out = stack.virsh("qemu-monitor-command", "guest", '{"execute":"qom-list","arguments":{"path":"/objects"}}').out
    return [one["name"] for one in json.loads(out)["return"] if "secret" in one["name"]]


def test_a_guest_reads_its_locked_disk(kept, guest_xml):
    stack = kept
    stack.define(guest_xml(devices=locked(locked_image(stack))))
    stack.virsh("start", "guest")
    assert nothing_is_left(stack)
    console = stack.console("guest")
    console.wait_ready()
    status, out = console.run("dd if=/dev/vda bs=16 count=1 2>/dev/null")
    assert status == 0 and "A" * 16 in out
    stack.virsh("destroy", "guest")
    assert nothing_is_left(stack)


def test_by_usage_and_plugged(kept, guest_xml):
    stack = kept
    stack.define(guest_xml(plain=True, devices=locked(locked_image(stack), "usage='/images/locked'")))
    stack.virsh("start", "guest")
    change(stack, "attach-device", locked(locked_image(stack, "b.img"), target="sdb", bus="usb"), "--live")
    assert len(objects(stack)) == 2 and nothing_is_left(stack)
    stack.virsh("detach-disk", "guest", "sdb", "--live")
    wait_for(lambda: targets(stack) == ["vda"] and len(objects(stack)) == 1, 20, "the end of the disk and its secret")


def test_refused(kept, guest_xml):
    path = kept.path("never-opened.img")
    open(path, "w").close()
    for secret, words in (
            ("uuid='%s'" % NOBODY, "Secret not found: no secret with matching uuid '%s'" % NOBODY),
            ("uuid='%s'" % EMPTY, "Secret not found: secret '%s' does not have a value" % EMPTY),
            ("uuid='%s'" % CEPH, "invalid argument: secret with uuid %s is of type 'ceph' not expected 'volume' type" % CEPH),
            ("usage='/images/empty'", "Secret not found: secret '%s' does not have a value" % EMPTY),
            ("usage='pool'", "Secret not found: no secret with matching usage 'pool'")):
        kept.define(guest_xml(plain=True, devices=locked(path, secret)))
        assert words in kept.virsh("start", "guest", check=False).err
        assert "shut off" in kept.virsh("dominfo", "guest").out


def test_wrong_passphrase(kept, guest_xml):
    keep(kept, VOLUME, "volume", "<volume>/images/locked</volume>", "open barley")
    kept.define(guest_xml(plain=True, devices=locked(locked_image(kept))))
    assert "Invalid password, cannot unlock any keyslot" in kept.virsh("start", "guest", check=False).err
    assert nothing_is_left(kept)


def test_a_spoilt_store(kept, guest_xml):
    """What cannot be read is told by name; a search by usage passes it by."""
    with open(kept.path("/etc/libvirt/secrets/%s.xml" % EMPTY), "w") as f:
        f.write("<secret")
    kept.define(guest_xml(plain=True, devices=locked(locked_image(kept), "uuid='%s'" % EMPTY)))
    assert "(secret_definition):1:" in kept.virsh("start", "guest", check=False).err
    kept.define(guest_xml("other", plain=True, devices=locked(locked_image(kept), "usage='/images/locked'")))
    kept.virsh("start", "other")


def test_daemon_killed_while_it_is_handed_over(make_stack, guest_xml):
    """The file is the owner's alone; what a killed daemon left goes with the rest of the start."""
    stack = make_stack(env={"VIRTBUS_CRASH_AT": "start-prepared"})
    keep(stack, VOLUME, "volume", "<volume>/images/locked</volume>", PASSPHRASE)
    stack.define(guest_xml(plain=True, devices=locked(locked_image(stack))))
    stack.virsh("start", "guest", check=False)
    (path,) = glob.glob(stack.path("/var/lib/libvirt/qemu/domain-*/*secret*"))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert "shut off" in stack.virsh("dominfo", "guest").out
    wait_for(lambda: not os.path.exists(path), 10, "the end of the file")


@pytest.mark.skipif(not shutil.which("swtpm_setup"), reason="no swtpm")
def test_locked_tpm(stack, guest_xml):
    """Its state is encrypted, opens with the same secret alone, and goes into a saved image with it."""
    keep(stack, VOLUME, "vtpm", "<name>guest's TPM</name>", PASSPHRASE)
    tpm = "<tpm model='tpm-tis'><backend type='emulator' version='2.0'><encryption secret='%s'/></backend></tpm>"
    stack.define(guest_xml(plain=True, devices=tpm % VOLUME))
    stack.virsh("start", "guest", timeout=60)
    for turn in ("managedsave", "start", "destroy", "start", "destroy"):
        stack.virsh(turn, "guest", timeout=60)
    keep(stack, VOLUME, "vtpm", "<name>guest's TPM</name>", "open barley")
    assert stack.virsh("start", "guest", check=False, timeout=60).status != 0
    keep(stack, VOLUME, "vtpm", "<name>guest's TPM</name>", PASSPHRASE)
    stack.virsh("start", "guest", timeout=60)
    pid = int(stack.run("pgrep", "-f", "swtpm socket.*" + stack.root).out)
    with open("/proc/%d/cmdline" % pid) as f:
        assert "mode=aes-256-cbc" in f.read()
    keep(stack, CEPH, "ceph", "<name>pool</name>", "key")
    stack.define(guest_xml("other", plain=True, devices=tpm % CEPH))
    assert "is of type 'ceph' not expected 'vtpm' type" in stack.virsh("start", "other", check=False).err


class Vault(http.server.BaseHTTPRequestHandler):
    """Serves a megabyte of zeroes and notes who came with what."""

    def do_HEAD(self):      # noqa: N802, its base class wants it
        self.answer()

    def do_GET(self):       # noqa: N802
        self.answer(b"\0" * (1 << 20))

    def answer(self, body=b""):
        self.server.seen.append((self.headers.get("Authorization"), self.headers.get("Cookie")))
        self.send_response(200 if self.headers.get("Authorization") else 401)
        self.send_header("WWW-Authenticate", 'Basic realm="vault"')
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(1 << 20) if self.headers.get("Authorization") else "0")
        self.end_headers()
        self.wfile.write(body if self.headers.get("Authorization") else b"")

    def log_message(self, *_args):
        pass


@pytest.mark.skipif(not glob.glob("/usr/lib/*/qemu/block-curl.so"), reason="no qemu-block-extra: QEMU cannot read from HTTP")
def test_login_and_cookies(stack, guest_xml):
    keep(stack, VOLUME, "iscsi", "<target>web</target>", PASSPHRASE)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vault)
    server.seen = []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    stack.define(guest_xml(plain=True, machine="q35", devices=(
        "<disk type='network' device='cdrom'><driver name='qemu' type='raw'/><source protocol='http' name='/image'>"
        "<host name='127.0.0.1' port='%d'/><auth username='ali'><secret type='iscsi' uuid='%s'/></auth>"
        "<cookies><cookie name='a'>1</cookie><cookie name='b'>two</cookie></cookies></source>"
        "<target dev='sda' bus='sata'/><readonly/></disk>" % (server.server_port, VOLUME))))
    stack.virsh("start", "guest")
    server.shutdown()
    login = "Basic " + base64.b64encode(("ali:" + PASSPHRASE).encode()).decode()
    assert (login, "a=1; b=two") in server.seen
    assert nothing_is_left(stack)
