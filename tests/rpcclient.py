# SPDX-License-Identifier: LGPL-2.1-or-later
"""A client of libvirt's wire protocol in plain Python, which can also misbehave.

Everything it knows of procedures and types it reads from virtproxyd/libvirt-rpc.json; it shares no code
with the daemon. Structs are dictionaries, absent optional values None, opaque data bytes, typed parameters'
values (TYPE, value) pairs.

    rpc = RpcClient(path)
    rpc.open()
    rpc.call("DOMAIN_LOOKUP_BY_NAME", "guest")["dom"]["id"]
"""

import array
import json
import os
import socket
import struct
import time

from harness import SLOW

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "..", "virtproxyd", "libvirt-rpc.json"), encoding="utf-8") as _table:
    TABLE = json.load(_table)

CALL, REPLY, MESSAGE, STREAM, CALL_WITH_FDS, REPLY_WITH_FDS, STREAM_HOLE = range(7)
OK, ERROR, CONTINUE = range(3)
REMOTE, QEMU = TABLE["remote"]["program"], TABLE["qemu"]["program"]
KEEPALIVE = TABLE["keepalive"]["program"]
PING, PONG = 1, 2
HEADER = struct.Struct(">IIiIII")
WORDS = {"char": ">i", "uchar": ">I", "short": ">i", "ushort": ">I", "int": ">i", "uint": ">I",
         "hyper": ">q", "uhyper": ">Q", "double": ">d"}


def merged(key):
    """One name space of all programs' types."""
    out = {}
    for section in ("remote", "qemu", "message"):
        out.update(TABLE[section].get(key, {}))
    return out


TYPEDEFS, STRUCTS, UNIONS, ENUMS = (merged(k) for k in ("typedefs", "structs", "unions", "enums"))
PROCEDURES = {}
for _section, _prefix in (("remote", ""), ("qemu", "QEMU:")):
    for _row in TABLE[_section]["procedures"]:
        PROCEDURES[_prefix + _row["name"]] = dict(_row, program=TABLE[_section]["program"])
BY_NUMBER = {(row["program"], row["number"]): name for name, row in PROCEDURES.items()}


class RpcError(Exception):
    """An error reply."""

    def __init__(self, value):
        super().__init__(value["message"])
        self.code, self.domain, self.message = value["code"], value["domain"], value["message"]
        self.level = value["level"]


class Reader:
    """XDR to Python."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def raw(self, length):
        end = self.at + length
        if end + -length % 4 > len(self.data):
            raise ValueError("truncated")
        out, self.at = self.data[self.at:end], end + -length % 4
        return out

    def word(self, form=">I"):
        return struct.unpack(form, self.raw(struct.calcsize(form)))[0]

    def named(self, name):
        if name in WORDS:
            value = self.word(WORDS[name])
            return value & 0xff if name in ("char", "uchar") else value
        if name in ENUMS:
            return self.word()
        if name in UNIONS:
            which = self.word()
            case = next(c for c in UNIONS[name]["cases"] if c["case"] == which)
            return case["name"], self.named(case["type"])
        if name in STRUCTS:
            return {m["name"]: self.member(m) for m in STRUCTS[name]}
        return self.member(TYPEDEFS[name])

    def member(self, m):
        name, limit = m["type"], m.get("max")
        if name in ("string", "opaque"):
            out = self.raw(m["length"] if "length" in m else self.word())
            return out.decode() if name == "string" else out
        if m.get("optional"):
            return self.named(name) if self.word() else None
        if "length" in m or limit is not None:
            count = m["length"] if "length" in m else self.word()
            return [self.named(name) for _ in range(count)]
        return self.named(name)


def pack_bytes(data, fixed=False):
    return (b"" if fixed else struct.pack(">I", len(data))) + data + b"\0" * (-len(data) % 4)


def pack(name, value):
    """Python to XDR. A struct is a dictionary, or a sequence in the members' order."""
    if name in WORDS:
        return struct.pack(WORDS[name], value)
    if name in ENUMS:
        return struct.pack(">I", value)
    if name in UNIONS:
        case = next(c for c in UNIONS[name]["cases"] if c["name"] == value[0])
        return struct.pack(">I", case["case"]) + pack(case["type"], value[1])
    if name in STRUCTS:
        values = [value[m["name"]] for m in STRUCTS[name]] if isinstance(value, dict) else value
        assert len(values) == len(STRUCTS[name]), name
        return b"".join(pack_member(m, v) for m, v in zip(STRUCTS[name], values))
    return pack_member(TYPEDEFS[name], value)


def pack_member(m, value):
    name = m["type"]
    if name in ("string", "opaque"):
        return pack_bytes(value.encode() if isinstance(value, str) else value, "length" in m)
    if m.get("optional"):
        return struct.pack(">I", 0) if value is None else struct.pack(">I", 1) + pack(name, value)
    if "length" in m or "max" in m:
        count = b"" if "length" in m else struct.pack(">I", len(value))
        return count + b"".join(pack(name, v) for v in value)
    return pack(name, value)


def frame(program, number, kind=CALL, serial=0, status=OK, payload=b"", version=1):
    """One message's bytes."""
    body = HEADER.pack(program, version, number, kind, serial, status) + payload
    return struct.pack(">I", len(body) + 4) + body


class Message:
    """A message from the server."""

    def __init__(self, data, fds=()):
        (self.program, self.version, self.number, self.kind, self.serial,
         self.status) = HEADER.unpack_from(data)
        self.payload, self.fds = data[HEADER.size:], list(fds)

    @property
    def name(self):
        return BY_NUMBER.get((self.program, self.number))

    def error(self):
        return RpcError(Reader(self.payload).named("virNetMessageError"))

    def value(self):
        """The reply's or event's struct; raises what an error reply says."""
        if self.status == ERROR:
            raise self.error()
        row = PROCEDURES[self.name]
        kind = row["event"] if "event" in row else row["ret"]
        reader = Reader(self.payload)
        value = reader.named(kind) if kind else None
        if reader.at != len(self.payload):
            raise ValueError("%d bytes left over" % (len(self.payload) - reader.at))
        return value


class RpcClient:
    """One connection. What arrives out of turn is kept for who waits for it."""

    def __init__(self, path, timeout=10):
        self.timeout = timeout * SLOW
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)    # without a time limit: with one, a full backlog would be an error
        self.socket.settimeout(self.timeout)
        self.serial = 0
        self.buffer = b""
        self.kept = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # -- bytes

    def send_raw(self, data):
        self.socket.sendall(data)

    def send(self, name, *args, serial=None, kind=CALL, status=OK, payload=None, fds=()):
        """Starts a call without waiting for its answer; returns its serial number."""
        row = PROCEDURES[name]
        if payload is None:
            payload = pack(row["args"], args) if row.get("args") else b""
        if fds:
            kind, payload = CALL_WITH_FDS, struct.pack(">I", len(fds)) + payload
        if serial is None:
            self.serial += 1
            serial = self.serial
        self.send_raw(frame(row["program"], row["number"], kind, serial, status, payload))
        for fd in fds:
            socket.send_fds(self.socket, [b"\0"], [fd])
        return serial

    def _fill(self, length):
        while len(self.buffer) < length:
            data = self.socket.recv(1 << 20)
            if not data:
                raise ConnectionResetError("closed by the server")
            self.buffer += data

    def _receive_fds(self, count):
        fds = array.array("i")
        while len(fds) < count:
            _data, ancillary, _flags, _address = self.socket.recvmsg(1, socket.CMSG_SPACE(4))
            for _level, _type, data in ancillary:
                fds.frombytes(data)
        return fds

    def receive(self):
        """The next message from the socket. Descriptors are read only when nothing is buffered behind them."""
        self._fill(4)
        length = struct.unpack_from(">I", self.buffer)[0]
        self._fill(length)
        data, self.buffer = self.buffer[4:length], self.buffer[length:]
        message = Message(data)
        if message.kind == REPLY_WITH_FDS:
            count = struct.unpack_from(">I", message.payload)[0]
            message.payload = message.payload[4:]
            message.fds = self._receive_fds(count)
        return message

    # -- messages

    def wait(self, wanted):
        """The first message for which wanted(message) is true; pings are answered."""
        for index, message in enumerate(self.kept):
            if wanted(message):
                return self.kept.pop(index)
        end = time.monotonic() + self.timeout
        while time.monotonic() < end:
            message = self.receive()
            if (message.program, message.number, message.kind) == (KEEPALIVE, PING, MESSAGE):
                self.send_raw(frame(KEEPALIVE, PONG, MESSAGE))
            elif wanted(message):
                return message
            else:
                self.kept.append(message)
        raise TimeoutError("no such message")

    def reply(self, serial):
        return self.wait(lambda m: m.kind in (REPLY, REPLY_WITH_FDS) and m.serial == serial)

    def event(self, name):
        row = PROCEDURES[name]
        return self.wait(lambda m: m.kind == MESSAGE and m.program == row["program"]
                         and m.number == row["number"]).value()

    def call(self, name, *args, fds=()):
        """Calls and waits; returns the reply's struct or raises RpcError."""
        return self.reply(self.send(name, *args, fds=fds)).value()

    def fails(self, name, *args):
        """The error that the call must end with."""
        try:
            value = self.call(name, *args)
        except RpcError as error:
            return error
        raise AssertionError("%s succeeded: %r" % (name, value))

    def open(self, uri="qemu:///system", flags=0):
        self.call("AUTH_LIST")
        self.call("CONNECT_OPEN", uri, flags)
        return self

    def is_closed(self):
        """Waits until the server has hung up; what it still said is dropped."""
        try:
            while self.socket.recv(1 << 16):
                pass
        except ConnectionResetError:
            pass
        except socket.timeout:
            return False
        return True

    # -- streams

    def send_stream(self, name, serial, status=CONTINUE, payload=b"", kind=STREAM):
        row = PROCEDURES[name]
        self.send_raw(frame(row["program"], row["number"], kind, serial, status, payload))

    def stream(self, serial):
        """The next packet of a stream."""
        return self.wait(lambda m: m.kind == STREAM and m.serial == serial)
