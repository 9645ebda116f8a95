# SPDX-License-Identifier: LGPL-2.1-or-later
"""Unmodified libvirt clients: virsh, python3-libvirt, and bytes that no client sends."""

import os
import random
import socket
import struct
import subprocess
import threading

import libvirt
import pytest

from harness import SLOW, wait_for

REMOTE, QEMU_PROGRAM, KEEPALIVE = 0x20008086, 0x20008087, 0x6b656570
PROC_FEATURE = 60      # REMOTE_PROC_CONNECT_SUPPORTS_FEATURE


def rpc(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10 * SLOW)
    s.connect(path)
    return s


def packet(procedure, payload=b"", program=REMOTE, serial=1, kind=0, version=1):
    body = struct.pack(">IIIIII", program, version, procedure, kind, serial, 0) + payload
    return struct.pack(">I", len(body) + 4) + body


def read_packet(s):
    head = b""
    while len(head) < 4:
        part = s.recv(4 - len(head))
        if not part:
            return None
        head += part
    left = struct.unpack(">I", head)[0] - 4
    data = b""
    while len(data) < left:
        part = s.recv(left - len(data))
        if not part:
            return None
        data += part
    return data


def assert_alive(stack):
    with rpc(stack.path("run/libvirt/libvirt-sock")) as s:
        s.sendall(packet(PROC_FEATURE, struct.pack(">I", 14)))
        assert read_packet(s) is not None


def test_virsh_basics(shared_stack):
    out = shared_stack.virsh("version").out
    assert "QEMU" in out
    assert "<host>" in shared_stack.virsh("capabilities").out
    assert "CPU(s):" in shared_stack.virsh("nodeinfo").out
    assert shared_stack.virsh("uri").out.strip()
    assert "<domainCapabilities>" in shared_stack.virsh("domcapabilities").out


@pytest.mark.parametrize("name", ["libvirt-sock", "virtqemud-sock", "virtnodedevd-sock",
                                  "virtnetworkd-sock", "virtinterfaced-sock", "virtsecretd-sock",
                                  "virtnwfilterd-sock", "virtstoraged-sock"])
def test_every_socket_serves(shared_stack, name):
    conn = shared_stack.open(name=name)
    assert conn.getType() == "QEMU"
    conn.close()


def test_unimplemented_is_told(shared_stack):
    conn = shared_stack.open()
    with pytest.raises(libvirt.libvirtError) as info:
        conn.changeBegin(0)
    assert info.value.get_error_code() == libvirt.VIR_ERR_NO_SUPPORT
    assert conn.getHostname()
    conn.close()


def test_readonly_may_look_only(stack, guest_xml):
    stack.define(guest_xml(plain=True))
    conn = stack.open(readonly=True)
    domain = conn.lookupByName("guest")
    assert domain.info()[0] == libvirt.VIR_DOMAIN_SHUTOFF
    for call in (domain.create, domain.undefine, lambda: conn.defineXML(guest_xml("other"))):
        with pytest.raises(libvirt.libvirtError) as info:
            call()
        assert info.value.get_error_code() in (libvirt.VIR_ERR_OPERATION_DENIED,
                                               libvirt.VIR_ERR_ACCESS_DENIED)
    conn.close()


def test_readonly_is_enforced_by_the_server(stack, guest_xml):
    """A client that does not check by itself: DOMAIN_DEFINE_XML (11) on the -ro socket."""
    with rpc(stack.path("run/libvirt/libvirt-sock-ro")) as s:
        s.sendall(packet(1, struct.pack(">II", 1, 12) + b"qemu:///system"[:12] +
                         struct.pack(">I", 1)))
        read_packet(s)
        xml = guest_xml(plain=True).encode()
        s.sendall(packet(11, struct.pack(">I", len(xml)) + xml + b"\0" * (-len(xml) % 4),
                         serial=2))
        reply = read_packet(s)
        assert struct.unpack(">I", reply[20:24])[0] == 1, "no error"
    assert not os.path.exists(stack.path("/etc/libvirt/qemu/guest.xml"))


def test_xml_round_trip(stack, guest_xml):
    stack.define(guest_xml(plain=True))
    first = stack.virsh("dumpxml", "guest").out
    path = stack.path("again.xml")
    with open(path, "w") as f:
        f.write(first)
    stack.virsh("define", path)
    assert stack.virsh("dumpxml", "guest").out == first
    stack.run("virt-xml-validate", path, "domain")


BAD_XML = {
    "not xml": "<domain",
    "wrong root": "<network/>",
    "no name": "<domain type='qemu'><memory>1</memory></domain>",
    "unknown enum": "<domain type='qemu'><name>x</name><memory>1024</memory>"
                    "<on_reboot>explode</on_reboot><os><type>hvm</type></os></domain>",
    "entity": "<!DOCTYPE d [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>"
              "<domain type='qemu'><name>&e;</name><os><type>hvm</type></os></domain>",
    "laughs": "<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'>" +
              "".join("<!ENTITY %s '%s'>" % (chr(98 + i), ("&%s;" % chr(97 + i)) * 10)
                      for i in range(12)) + "]><domain type='qemu'><name>&m;</name></domain>",
    "deep": "<domain type='qemu'><name>x</name><metadata>" + "<a>" * 5000 + "</a>" * 5000 +
            "</metadata></domain>",
    "empty": "",
}


@pytest.mark.parametrize("what", sorted(BAD_XML))
def test_bad_xml_is_refused(shared_stack, what):
    conn = shared_stack.open()
    with pytest.raises(libvirt.libvirtError) as info:
        conn.defineXML(BAD_XML[what])
    assert info.value.get_error_code() != libvirt.VIR_ERR_INTERNAL_ERROR, str(info.value)
    assert "root:" not in str(info.value)
    assert conn.listAllDomains(0) == []
    conn.close()


def test_duplicates_are_refused(stack, guest_xml):
    conn = stack.open()
    xml = guest_xml("one", plain=True)
    domain = conn.defineXML(xml)
    other_uuid = xml.replace(domain.UUIDString()[:8], "00000001")
    other_name = xml.replace("<name>one", "<name>two")
    for bad in (other_uuid, other_name):
        with pytest.raises(libvirt.libvirtError) as info:
            conn.defineXML(bad)
        assert info.value.get_error_code() == libvirt.VIR_ERR_OPERATION_FAILED
        assert "already" in str(info.value)
    assert [d.name() for d in conn.listAllDomains(0)] == ["one"]
    conn.close()


def frames(seed):
    """Byte sequences that are wrong in a way of their own."""
    r = random.Random(seed)
    good = packet(PROC_FEATURE, struct.pack(">I", 14))
    yield good[:r.randrange(1, len(good))]
    yield struct.pack(">I", 0xffffffff) + b"x" * 100
    yield struct.pack(">I", r.randrange(0, 28)) + b"\0" * 40
    yield packet(r.randrange(0, 2000), r.randbytes(r.randrange(0, 300)))
    yield packet(PROC_FEATURE, program=r.randrange(1 << 32))
    yield packet(PROC_FEATURE, version=r.randrange(1 << 32))
    yield packet(PROC_FEATURE, kind=r.randrange(1 << 32))
    yield r.randbytes(r.randrange(1, 5000))
    mangled = bytearray(good)
    mangled[r.randrange(len(good))] ^= 1 << r.randrange(8)
    yield bytes(mangled)


@pytest.mark.parametrize("seed", range(8))
def test_wrong_frames_harm_nobody(shared_stack, seed):
    path = shared_stack.path("run/libvirt/libvirt-sock")
    assert_alive(shared_stack)
    pid = shared_stack.pid("virtproxyd")
    for frame in frames(seed):
        with rpc(path) as s:
            try:
                s.sendall(frame)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
            except ConnectionError:
                pass
    assert_alive(shared_stack)
    assert shared_stack.pid("virtproxyd") == pid


def test_client_that_does_not_read(shared_stack):
    """Thousands of calls without reading an answer: others are served, memory is bounded."""
    path = shared_stack.path("run/libvirt/libvirt-sock")
    with rpc(path) as s:
        s.setblocking(False)
        burst = packet(PROC_FEATURE, struct.pack(">I", 14)) * 100
        sent = 0
        try:
            while sent < 64 << 20:
                sent += s.send(burst)
        except BlockingIOError:
            pass
        assert sent < 64 << 20, "the server reads without end"
        assert_alive(shared_stack)
        conn = shared_stack.open()
        assert conn.getHostname()
        conn.close()


def test_calls_of_one_connection_run_side_by_side(stack, guest_xml):
    """A slow call does not hold up the others of the same connection."""
    conn = stack.open()
    domains = [conn.defineXML(guest_xml("p%d" % i, plain=True, memory_mib=32)) for i in range(4)]
    failures = []

    def work(domain):
        try:
            domain.create()
            domain.info()
            domain.destroy()
        except libvirt.libvirtError as e:
            failures.append(e)
    threads = [threading.Thread(target=work, args=(d,)) for d in domains]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60 * SLOW)
    assert not failures and not any(t.is_alive() for t in threads)
    conn.close()


def test_legacy_events_across_restarts(stack, guest_xml):
    """virsh event --loop sees each transition once, in order, while virtqemud is killed."""
    stack.define(guest_xml(plain=True))
    process = subprocess.Popen(
        ["stdbuf", "-oL", "virsh", "event", "--loop", "--event", "lifecycle"], env=stack.env,
        stdout=subprocess.PIPE, text=True)
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
    reader.start()
    try:
        # the first event tells that the subscription is there
        def subscribed():
            stack.virsh("define", stack.path("/etc/libvirt/qemu/guest.xml"))
            return lines
        wait_for(subscribed, 20, "first event")
        before = len(lines)
        for _ in range(4):
            stack.virsh("start", "guest")
            stack.kill("virtqemud")
            stack.virsh("destroy", "guest")
        wait_for(lambda: sum("Stopped" in x for x in lines) == 4, 20, "four ends")
    finally:
        process.terminate()
        process.wait(10)
    words = [w for line in lines[before:] for w in ("Started", "Stopped") if w in line]
    assert words == ["Started", "Stopped"] * 4


def test_console_stream(stack, guest_xml):
    """virsh console's way: a stream through the proxy, both directions."""
    import guest as guest_tool
    stack.define(guest_xml())
    conn = stack.open()
    domain = conn.lookupByName("guest")
    domain.create()
    stream = conn.newStream(0)
    domain.openConsole(None, stream, 0)
    text = ""
    while guest_tool.READY not in text:
        data = stream.recv(1024)
        assert data
        text += data.decode(errors="replace")
    stream.send(b"echo $((6*7))\n")
    while "42" not in text.rpartition(guest_tool.READY)[2]:
        text += stream.recv(1024).decode(errors="replace")
    stream.abort()
    domain.destroy()
    conn.close()


def test_domstats(stack, guest_xml):
    stack.define(guest_xml(plain=True))
    stack.virsh("start", "guest")
    out = stack.virsh("domstats", "guest").out
    for key in ("state.state=1", "cpu.time=", "balloon.current=", "vcpu.current=1",
                "net.count=0", "block.count=0"):
        assert key in out, out


def test_keepalive(shared_stack):
    with rpc(shared_stack.path("run/libvirt/libvirt-sock")) as s:
        s.sendall(packet(1, program=KEEPALIVE, serial=0, kind=2))    # PING, as an event
        reply = read_packet(s)
        program, _, procedure = struct.unpack(">III", reply[:12])
        assert (program, procedure) == (KEEPALIVE, 2)                # PONG
