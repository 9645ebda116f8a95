# SPDX-License-Identifier: LGPL-2.1-or-later
"""Stock clients against virtproxyd's transport alone: behind it stands canned-server, a make-believe hypervisor."""

import contextlib
import os
import pty
import random
import select
import shutil
import socket
import subprocess
import tempfile
import termios
import threading
import time

import libvirt
import pytest

from harness import SLOW, run_event_loop, wait_for
from rpcclient import ENUMS, PROCEDURES, STRUCTS, TYPEDEFS, UNIONS, WORDS, RpcClient, pack

SCREEN = bytes(i * 7 % 251 for i in range(1024 * 1024 + 17))
NO_SUPPORT = libvirt.VIR_ERR_NO_SUPPORT


@pytest.fixture
def event_loop():
    """For tests that need it, and those alone: others have streams that block."""
    with run_event_loop():
        yield


@pytest.fixture(scope="module", autouse=True)
def no_messages():
    libvirt.registerErrorHandler(lambda *_: None, None)


@pytest.fixture(scope="module")
def serve(build_dir):
    """A function that starts a server and returns its socket's path."""
    processes, folder = [], tempfile.mkdtemp(prefix="vbt.")
    os.chmod(folder, 0o755)

    def make(auth):
        path = os.path.join(folder, auth)
        processes.append(subprocess.Popen(
            [os.path.join(build_dir, "virtproxyd/rpc/canned-server"), path, auth],
            stdout=subprocess.PIPE, text=True))
        assert processes[-1].stdout.readline() == "ready\n"
        os.chmod(path, 0o666)
        return path
    yield make
    for process in processes:
        assert process.poll() is None, "the server died"
        process.terminate()
        process.wait(10)
        process.stdout.close()
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def server(serve):
    """The socket's path."""
    return serve("none")


@pytest.fixture
def uri(server):
    return "qemu+unix:///system?socket=" + server


@pytest.fixture
def guest(uri):
    connection = libvirt.open(uri)
    yield connection.lookupByName("guest")
    assert connection.isAlive() == 1
    connection.close()


def receive(stream, wanted):
    """Reads until the end, or until @wanted bytes are there."""
    data = b""
    while len(data) < wanted:
        piece = stream.recv(65536)
        if not piece:
            break
        data += piece
    return data


def test_conversation(guest):
    assert guest.name() == "guest" and guest.ID() == 1
    assert guest.UUID() == bytes(range(16))
    assert guest.info() == [1, 65536, 32768, 2, 5]


def test_errors(guest):
    with pytest.raises(libvirt.libvirtError) as caught:
        guest.connect().lookupByName("nobody")
    error = caught.value
    assert error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN
    assert error.get_error_domain() == libvirt.VIR_FROM_QEMU
    assert error.get_error_message() == "Domain not found: no domain with matching name 'nobody'"
    assert error.get_str1() == "Domain not found: %s"
    assert error.get_str2() == "no domain with matching name 'nobody'"
    with pytest.raises(libvirt.libvirtError) as caught:
        guest.connect().listAllNetworks()
    assert caught.value.get_error_code() == NO_SUPPORT


def test_calls_overtake(server):
    """A slow call does not hold up others on the same connection.

    Asked without libvirt's library: with an event loop its 9.0 sometimes keeps a second thread's call to itself.
    """
    guest = {"name": "guest", "uuid": bytes(16), "id": 1}
    with RpcClient(server) as rpc:
        rpc.open()
        slow = rpc.send("DOMAIN_GET_XML_DESC", guest, 0)
        for _ in range(50):
            assert rpc.call("DOMAIN_GET_INFO", guest)["state"] == 1
        assert not rpc.kept
        assert rpc.reply(slow).value() == {"xml": "<domain/>"}


def test_console(guest):
    stream = guest.connect().newStream()
    guest.openConsole(None, stream)
    stream.send(b"hello\n")
    assert receive(stream, 6) == b"hello\n"
    stream.finish()
    assert guest.info()[0] == 1


def exchange(stream, text):
    """Writes @text to what echoes it, and reads meanwhile; @stream does not block. Two threads that block on one stream run
    into the client library's race."""
    sent, data, end = 0, b"", time.monotonic() + 60 * SLOW
    while len(data) < len(text) and time.monotonic() < end:
        written = stream.send(text[sent:sent + 65536]) if sent < len(text) else -2
        sent += max(written, 0)
        piece = stream.recv(65536)
        if piece == b"":
            break
        if piece != -2:
            data += piece
        elif written == -2:
            time.sleep(0.001)
    return data


def test_console_of_much(event_loop, guest):
    """More than any buffer holds, in both directions at once."""
    stream = guest.connect().newStream(libvirt.VIR_STREAM_NONBLOCK)
    guest.openConsole(None, stream)
    text = os.urandom(3000000).replace(b"\4", b"x")
    data = exchange(stream, text)
    assert len(data) == len(text) and data == text
    stream.finish()
    assert guest.info()[0] == 1


def test_console_ends(guest):
    """The guest goes away: the client reads the end and may finish."""
    stream = guest.connect().newStream()
    guest.openConsole(None, stream)
    stream.send(b"\4")
    assert stream.recv(100) == b""
    stream.finish()


def test_console_abort(guest):
    for _ in range(5):
        stream = guest.connect().newStream()
        guest.openConsole(None, stream)
        stream.send(b"x")
        stream.abort()
    assert guest.info()[0] == 1


def test_console_events(event_loop, guest):
    """A client with an event loop hears of data and of the end."""
    heard, done = [], threading.Event()
    stream = guest.connect().newStream(libvirt.VIR_STREAM_NONBLOCK)
    guest.openConsole(None, stream)

    def on_event(stream_, events, _opaque):
        if events & libvirt.VIR_STREAM_EVENT_READABLE:
            data = stream_.recv(100)
            if data and data != -2:
                heard.append(data)
            if data == b"":
                stream_.eventRemoveCallback()
                done.set()
    stream.eventAddCallback(libvirt.VIR_STREAM_EVENT_READABLE, on_event, None)
    stream.send(b"ping")
    wait_for(lambda: b"".join(heard) == b"ping", what="echo")
    stream.send(b"\4")
    assert done.wait(10 * SLOW)
    stream.finish()


def test_screenshot(guest):
    stream = guest.connect().newStream()
    assert guest.screenshot(stream, 0) == "image/x-test"
    box = []
    stream.recvAll(lambda _s, data, _o: box.append(data), None)
    stream.finish()
    assert b"".join(box) == SCREEN


def test_virsh_screenshot(uri, tmp_path):
    out = tmp_path / "screen"
    subprocess.run(["virsh", "-q", "-c", uri, "screenshot", "guest", str(out)], check=True,
                   timeout=20 * SLOW, stdout=subprocess.DEVNULL)
    assert out.read_bytes() == SCREEN


def test_virsh_console(uri):
    """On a terminal of its own; ^] leaves."""
    master, slave = pty.openpty()
    process = subprocess.Popen(["virsh", "-c", uri, "console", "guest", "--force"], stdin=slave,
                               stdout=slave, stderr=slave, start_new_session=True)
    os.close(slave)
    seen = b""

    def wait_text(text):
        nonlocal seen
        end = time.monotonic() + 20 * SLOW
        while text not in seen and time.monotonic() < end:
            seen += os.read(master, 1000)
        assert text in seen
        seen = seen.partition(text)[2]
    wait_text(b"Escape character is ^]")
    # what is typed before virsh has made the terminal raw is dropped by it
    wait_for(lambda: not termios.tcgetattr(master)[3] & termios.ICANON, what="raw terminal")
    os.write(master, b"echo this\r")
    wait_text(b"echo this")
    os.write(master, b"\x1d")
    with contextlib.suppress(OSError):    # virsh waits until its last words are read
        while select.select([master], [], [], 20 * SLOW)[0] and os.read(master, 1000):
            pass
    assert process.wait(20 * SLOW) == 0
    os.close(master)


def test_graphics_fd(guest):
    fd = guest.openGraphicsFD(0, 0)
    with socket.socket(fileno=fd) as graphics:
        assert graphics.recv(10) == b"hello"
    assert guest.info()[0] == 1


def test_create_with_files(guest):
    """Descriptors go the other way, too."""
    pipes = [os.pipe() for _ in range(3)]
    assert guest.createWithFiles([w for _, w in pipes], 0) == 0
    for index, (r, w) in enumerate(pipes):
        os.close(w)
        assert os.read(r, 100) == b"%d of 3" % (index + 1)
        assert os.read(r, 100) == b""
        os.close(r)


def test_events_before_reply(event_loop, guest):
    heard = []
    callback = guest.connect().domainEventRegisterAny(
        None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
        lambda _c, domain, event, detail, _o: heard.append((domain.name(), event, detail)), None)
    for count in range(1, 21):
        guest.suspend()
        wait_for(lambda n=count: len(heard) == n, what="event")
    assert set(heard) == {("guest", libvirt.VIR_DOMAIN_EVENT_SUSPENDED, 0)}
    guest.connect().domainEventDeregisterAny(callback)


def test_keepalive(event_loop, uri):
    """The client's pings are answered while nothing else happens."""
    connection = libvirt.open(uri)
    closed = []
    connection.registerCloseCallback(lambda _c, reason, _o: closed.append(reason), None)
    assert connection.setKeepAlive(1, 1) == 0
    threading.Event().wait(2.5)    # two pings are due
    assert not closed and connection.isAlive() == 1
    connection.unregisterCloseCallback()
    connection.close()


def test_order_on_the_wire(server):
    """An event precedes the reply of the call that caused it."""
    with RpcClient(server) as rpc:
        rpc.open()
        rpc.send("DOMAIN_SUSPEND", {"name": "guest", "uuid": bytes(16), "id": 1}, serial=40)
        assert rpc.receive().name == "DOMAIN_EVENT_CALLBACK_LIFECYCLE"
        assert rpc.receive().serial == 40


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
def test_polkit(serve):
    """Another user is asked to authenticate, root is not."""
    path = serve("polkit")
    argv = ["virsh", "-q", "-c", "qemu+unix:///system?socket=" + path, "domuuid", "guest"]
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    for prefix in ([], nobody):
        out = subprocess.run(prefix + argv, check=True, timeout=20 * SLOW, text=True,
                             env=dict(os.environ, HOME="/nonexistent"), stdout=subprocess.PIPE)
        assert out.stdout.strip() == "00010203-0405-0607-0809-0a0b0c0d0e0f"
    with RpcClient(path) as rpc:
        assert rpc.call("AUTH_LIST") == {"types": [0]}
    script = ("import sys; sys.path[:0] = %r; from rpcclient import RpcClient; rpc = RpcClient(%r);"
              "print(rpc.fails('CONNECT_GET_TYPE').message, rpc.call('AUTH_LIST'),"
              " rpc.call('AUTH_POLKIT'), rpc.call('CONNECT_GET_TYPE'))"
              % (["tests", "tools"], path))
    out = subprocess.run(nobody + ["/usr/bin/python3", "-B", "-c", script], check=True, text=True,
                         timeout=20 * SLOW, stdout=subprocess.PIPE,
                         cwd=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    assert out.stdout == ("authentication required {'types': [2]} {'complete': 1} "
                          "{'type': 'QEMU'}\n")


def random_value(name, noise):
    """Any value of a named type of the protocol."""
    if name in WORDS or name in ENUMS:
        return noise.choice((0, 1, 77))
    if name in UNIONS:
        case = noise.choice(UNIONS[name]["cases"])
        return case["name"], random_value(case["type"], noise)
    if name in STRUCTS:
        return [random_member(m, noise) for m in STRUCTS[name]]
    return random_member(TYPEDEFS[name], noise)


def random_member(m, noise):
    name, count = m["type"], m.get("length", noise.randrange(min(m.get("max", 0), 3) + 1))
    if name in ("string", "opaque"):
        data = bytes(noise.randrange(32, 127) for _ in range(count))
        return data.decode() if name == "string" else data
    if m.get("optional"):
        return random_value(name, noise) if noise.randrange(2) else None
    if "length" in m or "max" in m:
        return [random_value(name, noise) for _ in range(count)]
    return random_value(name, noise)


def test_every_procedure(server):
    """Two implementations agree: what this one packs, the server reads to the last byte, and not one word less.

    The server's hypervisor knows few procedures: that it says so means that the arguments were understood.
    """
    noise = random.Random(2)
    answered = ("CONNECT_", "DOMAIN_LOOKUP_BY_NAME", "DOMAIN_GET_INFO", "DOMAIN_GET_XML_DESC",
                "DOMAIN_SUSPEND", "DOMAIN_OPEN", "DOMAIN_SCREENSHOT", "DOMAIN_CREATE_WITH", "AUTH_")
    tried = 0
    with RpcClient(server, timeout=30) as rpc:
        rpc.open()
        for name, row in PROCEDURES.items():
            if "event" in row or not row["args"] or name.startswith(answered):
                continue
            for _ in range(3):
                payload = pack(row["args"], random_value(row["args"], noise))
                error = rpc.reply(rpc.send(name, payload=payload)).error()
                assert error.code == NO_SUPPORT, (name, payload, error.message)
                error = rpc.reply(rpc.send(name, payload=payload[:-4])).error()
                assert error.message == "Unable to decode message payload", (name, payload)
                tried += 1
    assert tried > 700
