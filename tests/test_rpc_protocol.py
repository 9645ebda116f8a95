# SPDX-License-Identifier: LGPL-2.1-or-later
"""virtproxyd's socket, seen by clients that are broken, hostile or merely unusual.

With VIRTBUS_RPC_SOCKET naming another server's socket the same tests run against that one: a libvirtd must
pass them, too, except those marked as ours.
"""

import os
import random
import socket
import struct
import threading

import pytest

from harness import wait_for
from rpcclient import (CALL, CONTINUE, KEEPALIVE, MESSAGE, OK, PING, PONG, PROCEDURES, QEMU, REMOTE,
                       REPLY, STREAM, RpcClient, frame, pack)

VIR_ERR_RPC, VIR_ERR_NO_DOMAIN, VIR_ERR_OPERATION_DENIED = 39, 42, 29
VIR_FROM_RPC = 7
FEATURE_PROGRAM_KEEPALIVE = 10
REFERENCE = os.environ.get("VIRTBUS_RPC_SOCKET")
ours = pytest.mark.skipif(bool(REFERENCE), reason="the reference is known to differ")


@pytest.fixture(scope="module")
def path(request):
    """The socket under test."""
    if REFERENCE:
        return REFERENCE
    return request.getfixturevalue("shared_stack").path("run/libvirt/libvirt-sock")


@pytest.fixture
def connect(path):
    """A function that returns a new client; all are closed after the test."""
    clients = []

    def make(readonly=False, **options):
        clients.append(RpcClient(path + ("-ro" if readonly else ""), **options))
        return clients[-1]
    yield make
    for client in clients:
        client.close()


@pytest.fixture
def bystander(connect):
    """A client that must notice nothing."""
    client = connect().open()
    hostname = client.call("CONNECT_GET_HOSTNAME")["hostname"]
    yield client
    assert client.call("CONNECT_GET_HOSTNAME")["hostname"] == hostname


def test_conversation(connect):
    rpc = connect()
    assert rpc.call("AUTH_LIST") == {"types": [0]}
    assert rpc.call("CONNECT_SUPPORTS_FEATURE", FEATURE_PROGRAM_KEEPALIVE) == {"supported": 1}
    assert rpc.call("CONNECT_OPEN", "qemu:///system", 0) is None
    assert rpc.call("CONNECT_GET_TYPE")["type"] == "QEMU"
    assert rpc.call("CONNECT_GET_HOSTNAME")["hostname"] == socket.gethostname()
    rpc.call("CONNECT_CLOSE")
    assert rpc.is_closed()


def test_unusual_boolean(connect):
    """go-libvirt says that a name is there with the word 0x01000000."""
    rpc = connect()
    rpc.call("AUTH_LIST")
    name = b"qemu:///system"
    payload = b"\1\0\0\0" + struct.pack(">I", len(name)) + name + b"\0\0" + struct.pack(">I", 0)
    rpc.reply(rpc.send("CONNECT_OPEN", payload=payload)).value()
    assert rpc.call("CONNECT_GET_TYPE")["type"] == "QEMU"


@pytest.mark.parametrize("program, version, number, status, text", [
    (1234, 1, 1, OK, "Cannot find program 1234 version 1"),
    (REMOTE, 7, 1, OK, "Cannot find program %d version 7" % REMOTE),
    (KEEPALIVE, 1, 1, OK, "Cannot find program %d version 1" % KEEPALIVE),
    (REMOTE, 1, 9999, OK, "unknown procedure: 9999"),
    (REMOTE, 1, 0, OK, "unknown procedure: 0"),
    (REMOTE, 1, -1, OK, "unknown procedure: -1"),
    (REMOTE, 1, PROCEDURES["DOMAIN_EVENT_LIFECYCLE"]["number"], OK, "unknown procedure: 107"),
    (QEMU, 1, 99, OK, "unknown procedure: 99"),
    (REMOTE, 1, 3, CONTINUE, "Unexpected message status 2"),
])
def test_refused_header(connect, program, version, number, status, text):
    """The connection lives on."""
    rpc = connect().open()
    rpc.send_raw(frame(program, number, CALL, 77, status, version=version))
    message = rpc.reply(77)
    assert (message.program, message.number, message.version) == (program, number, version)
    error = message.error()
    assert (error.code, error.domain, error.message, error.level) == (VIR_ERR_RPC, VIR_FROM_RPC, text, 2)
    assert rpc.call("CONNECT_GET_TYPE")["type"] == "QEMU"


@pytest.mark.parametrize("data", [
    struct.pack(">I", 0),
    struct.pack(">I", 3),
    struct.pack(">I", 4),
    struct.pack(">I", 27) + b"\0" * 23,
    struct.pack(">I", 0xffffffff),
    struct.pack(">I", 33554432 + 5),
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
], ids=["0", "3", "4", "27", "4G", "32M+5", "http"])
def test_closed_by(connect, bystander, data):
    rpc = connect(timeout=3)
    rpc.send_raw(data)
    assert rpc.is_closed()


def test_ignored(connect):
    """Packets of streams that ended, and what is no call, are no reason to complain."""
    rpc = connect().open()
    rpc.send_stream("DOMAIN_OPEN_CONSOLE", 99, payload=b"late")
    rpc.send_raw(frame(1234, 5, MESSAGE))
    for kind in (REPLY, MESSAGE, 99):
        rpc.send_raw(frame(REMOTE, 1, kind))
    assert rpc.call("CONNECT_GET_TYPE")["type"] == "QEMU"


@pytest.mark.parametrize("payload", [
    b"", b"\0\0\0", b"\0\0\0\5ab", b"\xff\xff\xff\xff" + b"a" * 64, b"\0\x40\0\1" + b"a" * 64,
], ids=["empty", "cut", "cut-string", "4G", "4M+1"])
def test_arguments_cannot_be_read(connect, payload):
    rpc = connect().open()
    error = rpc.reply(rpc.send("DOMAIN_LOOKUP_BY_NAME", payload=payload)).error()
    assert (error.code, error.message) == (VIR_ERR_RPC, "Unable to decode message payload")
    assert rpc.fails("DOMAIN_LOOKUP_BY_NAME", "nobody").code == VIR_ERR_NO_DOMAIN


@ours
def test_text_that_is_none(connect):
    """What is not UTF-8 cannot be anybody's name."""
    rpc = connect().open()
    error = rpc.reply(rpc.send("DOMAIN_LOOKUP_BY_NAME", payload=b"\0\0\0\4a\xff\xfeb")).error()
    assert (error.code, error.message) == (VIR_ERR_RPC, "Unable to decode message payload")


def test_bytes_one_by_one(connect):
    rpc = connect().open()
    rpc.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
    for byte in frame(REMOTE, PROCEDURES["CONNECT_GET_TYPE"]["number"], CALL, 500):
        rpc.send_raw(bytes([byte]))
    assert rpc.reply(500).value()["type"] == "QEMU"


def test_many_calls_in_one_piece(connect):
    rpc = connect().open()
    number = PROCEDURES["CONNECT_GET_TYPE"]["number"]
    rpc.send_raw(b"".join(frame(REMOTE, number, CALL, serial) for serial in range(1000, 1200)))
    for serial in range(1000, 1200):
        assert rpc.reply(serial).value()["type"] == "QEMU"


def test_reordered(connect):
    """Serial numbers are the client's own: any order, also the same twice."""
    rpc = connect().open()
    for serial in (9, 3, 0xffffffff, 0, 3):
        rpc.send("CONNECT_GET_TYPE", serial=serial)
    for serial in (3, 3, 0, 0xffffffff, 9):
        assert rpc.reply(serial).value()["type"] == "QEMU"


def test_cut_off(connect, bystander):
    """Clients that vanish in the middle of a message."""
    data = frame(REMOTE, PROCEDURES["DOMAIN_LOOKUP_BY_NAME"]["number"], CALL, 1,
                 payload=pack("remote_nonnull_string", "nobody"))
    for cut in range(len(data)):
        client = connect()
        client.send_raw(data[:cut])
        client.close()


def test_vanishes_with_calls_under_way(connect, bystander):
    for _ in range(20):
        client = connect().open()
        for _ in range(8):
            client.send("CONNECT_GET_CAPABILITIES")
        client.close()


def test_large_message(connect):
    """Three megabytes of a string are a name like any other; more than four are not a string."""
    rpc = connect(timeout=30).open()
    error = rpc.fails("DOMAIN_LOOKUP_BY_NAME", "x" * (3 << 20))
    assert error.code == VIR_ERR_NO_DOMAIN
    error = rpc.fails("DOMAIN_LOOKUP_BY_NAME", "x" * (5 << 20))
    assert (error.code, error.message) == (VIR_ERR_RPC, "Unable to decode message payload")


@pytest.mark.parametrize("seed", range(8))
def test_random_bytes(connect, bystander, seed):
    """Plausible headers with anything after them: an answer or the end, never silence for others."""
    noise = random.Random(seed)
    for _ in range(30):
        client = connect()
        for _ in range(noise.randrange(1, 6)):
            name = noise.choice([n for n in PROCEDURES if n not in ("CONNECT_CLOSE", "AUTH_POLKIT")])
            row = PROCEDURES[name]
            payload = bytes(noise.choice((0, 0, 0, 1, noise.randrange(256)))
                            for _ in range(noise.randrange(0, 120)))
            kind = noise.choice((CALL, CALL, CALL, STREAM, 6, noise.randrange(8)))
            try:
                client.send_raw(frame(row["program"], row["number"], kind, noise.randrange(5),
                                      noise.choice((0, 0, 0, 1, 2, 3)), payload))
            except (BrokenPipeError, ConnectionResetError):
                break
        client.close()


@ours
def test_damaged_calls(connect, bystander):
    """Valid calls with a few bytes changed: each gets an answer."""
    noise = random.Random(1)
    domain = {"name": "x", "uuid": bytes(16), "id": -1}
    samples = [("DOMAIN_GET_INFO", (domain,)), ("DOMAIN_GET_XML_DESC", (domain, 0)),
               ("CONNECT_GET_ALL_DOMAIN_STATS", ([domain], 0, 0)),
               ("CONNECT_LIST_ALL_DOMAINS", (1, 0)), ("NODE_GET_INFO", ())]
    rpc = connect(timeout=20).open()
    for serial in range(1000, 1300):
        name, args = noise.choice(samples)
        payload = bytearray(pack(PROCEDURES[name]["args"], args)) if args else bytearray()
        for _ in range(noise.randrange(3)):
            if payload:
                payload[noise.randrange(len(payload))] = noise.randrange(256)
        rpc.send(name, serial=serial, payload=bytes(payload))
        assert rpc.reply(serial)


def test_ping(connect):
    rpc = connect()
    rpc.send_raw(frame(KEEPALIVE, PING, MESSAGE))
    message = rpc.receive()
    assert (message.program, message.number, message.kind, message.status) == (
        KEEPALIVE, PONG, MESSAGE, OK)


def test_readonly_socket(connect):
    rpc = connect(readonly=True).open()
    assert rpc.call("CONNECT_GET_TYPE")["type"] == "QEMU"
    error = rpc.fails("DOMAIN_DEFINE_XML", "<domain/>")
    assert error.code == VIR_ERR_OPERATION_DENIED
    assert error.message == "operation forbidden: read only access prevents virDomainDefineXML"


def test_parallel_threads(connect):
    """Many connections at a time, each with several calls under way."""
    problems = []

    def work(client):
        for _ in range(20):
            serials = [client.send("CONNECT_GET_TYPE") for _ in range(5)]
            for serial in reversed(serials):
                if client.reply(serial).value()["type"] != "QEMU":
                    problems.append(serial)
    clients = [connect(timeout=30).open() for _ in range(16)]
    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert not problems


@ours
def test_client_that_does_not_read(connect, bystander):
    """It is not read itself after a while, and its memory is bounded; others go on."""
    client = connect().open()
    client.socket.settimeout(0.5)
    data = frame(REMOTE, PROCEDURES["CONNECT_GET_CAPABILITIES"]["number"], CALL, 5) * 1000
    sent = 0
    with pytest.raises(socket.timeout):
        while sent < 200 << 20:
            sent += client.socket.send(data)
    assert sent < 64 << 20
    assert bystander.call("CONNECT_GET_TYPE")["type"] == "QEMU"


@ours
def test_many_clients_come_and_go(connect, bystander):
    clients = [connect() for _ in range(300)]
    for client in clients:
        client.send("AUTH_LIST", serial=1)
    for client in clients:
        assert client.reply(1).value() == {"types": [0]}
        client.close()
    wait_for(lambda: bystander.call("CONNECT_GET_TYPE"))
