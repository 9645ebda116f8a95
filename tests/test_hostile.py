# SPDX-License-Identifier: LGPL-2.1-or-later
"""Random and extreme input for every D-Bus method and every procedure: no crash, no hang, no leak, no "internal error"."""

import contextlib
import os
import random
import socket
import time
import xml.etree.ElementTree as ET

import pytest
from gi.repository import Gio, GLib

from harness import DOMAIN, HYPERVISOR, QEMU, ROOT_PATH, wait_for
from rpcclient import ENUMS, PROCEDURES, STRUCTS, TYPEDEFS, UNIONS, WORDS, RpcClient, RpcError, pack

SEED = 2026
TEXTS = ["", ".", "..", "a/b", "/", "a\nb", "%s%n%d", "x" * 255, "y" * 300, "z" * 5000, "ünï", "\u2028",
         "vda", "guest", "<domain/>", "<a>" * 300, "*", "0", "-1", "[]", "{}", "query-status"]
NUMBERS = {"y": (0, 1, 255), "b": (False, True), "n": (-32768, -1, 0, 1, 32767), "q": (0, 1, 65535),
           "i": (-2**31, -1, 0, 1, 2, 63, 2**31 - 1), "u": (0, 1, 2, 3, 7, 64, 2**31, 2**32 - 1),
           "x": (-2**63, -1, 0, 1, 2**63 - 1), "t": (0, 1, 4096, 2**63, 2**64 - 1),
           "d": (0.0, -1.0, 1e308, float("nan"), float("inf"))}
PEER_TOO = ("Identify", "Subscribe")


def random_value(kind, rng):
    """A GLib.Variant of a type."""
    if kind in NUMBERS:
        return GLib.Variant(kind, rng.choice(NUMBERS[kind]))
    if kind == "s":
        return GLib.Variant("s", rng.choice(TEXTS))
    if kind == "o":
        return GLib.Variant("o", rng.choice(("/", ROOT_PATH, ROOT_PATH + "/domain/none", "/a/b")))
    if kind == "v":
        return GLib.Variant("v", random_value(rng.choice("sutixb"), rng))
    if kind == "h":
        return GLib.Variant("h", rng.choice((0, 1, -1)))
    if kind[0] == "a":
        values = [random_value(kind[1:], rng) for _ in range(rng.choice((0, 1, 2, 17)))]
        return GLib.Variant.new_array(GLib.VariantType.new(kind[1:]), values)
    parts = [random_value(k, rng) for k in GLib.Variant.split_signature("(%s)" % kind[1:-1])]
    if kind[0] == "{":
        return GLib.Variant.new_dict_entry(*parts)
    return GLib.Variant.new_tuple(*parts)


def facts(pid):
    """(resident KiB, open descriptors) of a process."""
    with open("/proc/%d/statm" % pid, encoding="utf-8") as f:
        resident = int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024
    return resident, len(os.listdir("/proc/%d/fd" % pid))


@pytest.fixture
def victims(stack, guest_xml):
    """A running guest, one that does not run, and an unharmed stack at the end."""
    for name in ("guest", "idle"):
        stack.define(guest_xml(name, plain=True, memory_mib=16))
    stack.virsh("start", "--paused", "guest")
    stack.virsh("capabilities", timeout=60)     # where guests hang under KVM, finding that out takes its time
    pids = stack.pid("virtqemud"), stack.pid("virtproxyd")
    yield stack
    assert (stack.pid("virtqemud"), stack.pid("virtproxyd")) == pids, stack.log("stack")
    stack.virsh("list", "--all", timeout=5)


def methods(stack, path):
    text = stack.call(path, "org.freedesktop.DBus.Introspectable.Introspect")[0]
    for interface in ET.fromstring(text).findall("interface"):
        for method in interface.findall("method"):
            kinds = [a.get("type") for a in method.findall("arg") if a.get("direction") == "in"]
            yield interface.get("name") + "." + method.get("name"), kinds


# Their point is to end or to change what the next calls need; they have tests of their own.
TAME = {"Destroy", "Undefine", "Shutdown", "Rename"}


def test_dbus_methods(victims):
    rng = random.Random(SEED)
    bus = victims.bus()
    internal, slow = [], []
    paths = [ROOT_PATH] + [victims.domain(n) for n in ("guest", "idle")]
    for path in paths:
        for method, kinds in methods(victims, path):
            if method.rpartition(".")[2] in TAME:
                continue
            for _ in range(12 if kinds else 1):
                args = GLib.Variant.new_tuple(*[random_value(k, rng) for k in kinds])
                began = time.monotonic()
                try:
                    victims.call(path, method, args, connection=bus)
                except GLib.Error as error:
                    if "internal error" in error.message or "Timeout was reached" in error.message:
                        internal.append((method, args.print_(False)[:200], error.message))
                if time.monotonic() - began > 3:
                    slow.append((method, args.print_(False)[:200]))
    assert internal == []
    assert slow == []


def test_dbus_wrong_types(victims):
    """Arguments of other types than the method takes."""
    rng = random.Random(SEED)
    bus = victims.bus()
    path = victims.domain("idle")
    for method, kinds in methods(victims, path):
        other = rng.choice([k for k in ("s", "u", "t", "as", "a{sv}", "(ii)") if [k] != kinds])
        args = GLib.Variant.new_tuple(random_value(other, rng))
        with pytest.raises(GLib.Error) as caught:
            victims.call(path, method, args, connection=bus)
        assert Gio.DBusError.get_remote_error(caught.value) == "org.freedesktop.DBus.Error.InvalidArgs"


# -- the wire protocol

def random_xdr(name, rng, depth=0):
    """A value of a protocol type, for rpcclient.pack()."""
    if name in WORDS:
        span = {"i": NUMBERS["i"], "I": NUMBERS["u"], "q": NUMBERS["x"], "Q": NUMBERS["t"],
                "d": NUMBERS["d"]}[WORDS[name][1]]
        return rng.choice((0, 1, 10)) if name in ("char", "uchar", "short", "ushort") else rng.choice(span)
    if name in ENUMS:
        return rng.choice((0, 1, 2, 7))
    if name in UNIONS:
        case = rng.choice(UNIONS[name]["cases"])
        return case["name"], random_xdr(case["type"], rng, depth + 1)
    if name in STRUCTS:
        return {m["name"]: random_member(m, rng, depth + 1) for m in STRUCTS[name]}
    return random_member(TYPEDEFS[name], rng, depth + 1)


def random_member(m, rng, depth):
    name = m["type"]
    limit = m.get("max")
    limit = limit if isinstance(limit, int) else 16
    if name == "string":
        return rng.choice(TEXTS).encode()[:limit].decode(errors="ignore")
    if name == "opaque":
        return bytes(m["length"]) if "length" in m else bytes(rng.choice((0, 1, min(limit, 256))))
    if m.get("optional"):
        return None if rng.random() < 0.3 else random_xdr(name, rng, depth)
    if "length" in m:
        return [random_xdr(name, rng, depth) for _ in range(m["length"])]
    if "max" in m:
        return [random_xdr(name, rng, depth) for _ in range(rng.choice((0, 1, min(limit, 3))))]
    return random_xdr(name, rng, depth)


# Not for random arguments: they end the connection or what the other calls work on, or wait by design.
LEFT_OUT = {"CONNECT_CLOSE", "CONNECT_OPEN", "AUTH_SASL_INIT", "AUTH_SASL_START", "AUTH_SASL_STEP",
            "AUTH_POLKIT", "AUTH_LIST", "DOMAIN_DESTROY", "DOMAIN_DESTROY_FLAGS", "DOMAIN_UNDEFINE",
            "DOMAIN_UNDEFINE_FLAGS", "DOMAIN_RENAME", "DOMAIN_SHUTDOWN", "DOMAIN_SHUTDOWN_FLAGS"}
# libvirt's own words and code for these mistakes
ITS_WORDS = ("unsupported event ID", "already registered", "not registered", "REMOTE_VCPUINFO_MAX",
             "REMOTE_CPUMAPS_MAX")


def aim(args, row, guests, rng):
    """Puts a real guest where the arguments name one, most of the time."""
    for member in STRUCTS.get(row["args"], ()) if row.get("args") else ():
        is_one = "max" not in member and not member.get("optional")
        if member["type"] == "remote_nonnull_domain" and is_one and rng.random() < 0.9:
            args[member["name"]] = rng.choice(guests)
    return args


def sweep(stack, rng, rounds):
    rpc = RpcClient(stack.path("run/libvirt/libvirt-sock")).open()
    guests = [rpc.call("DOMAIN_LOOKUP_BY_NAME", n)["dom"] for n in ("guest", "idle")]
    internal = []
    for _ in range(rounds):
        for name, row in sorted(PROCEDURES.items()):
            if name in LEFT_OUT or "EVENT" in name and not row.get("ret") and not row.get("args"):
                continue
            if row.get("event") or name.split(":")[-1].startswith("DOMAIN_EVENT_"):
                continue
            args = aim(random_xdr(row["args"], rng), row, guests, rng) if row.get("args") else None
            payload = pack(row["args"], args) if row.get("args") else b""
            serial = rpc.send(name, payload=payload)
            reply = rpc.reply(serial)
            if reply.status == 1 and "internal error" in reply.error().message and \
                    not any(w in reply.error().message for w in ITS_WORDS):
                internal.append((name, repr(args)[:300], reply.error().message))
            if reply.status == 2 or row.get("stream"):
                rpc.close()
                rpc = RpcClient(stack.path("run/libvirt/libvirt-sock")).open()
    rpc.close()
    return internal


def test_every_procedure(victims):
    assert sweep(victims, random.Random(SEED), 3) == []


NAMES = ["", ".", "..", "a/b", "a\nb", "%s%n", "-x", "x" * 250, "y" * 256, "ünïcode", " ", "\t", "a b",
         "<&>'\"", "\u202e", "*"]


def test_names(stack):
    """A name either works in full, or is refused without a trace."""
    import libvirt
    from xml.sax.saxutils import escape
    connection = stack.open()
    for name in NAMES:
        text = ("<domain type='qemu'><name>%s</name><memory unit='MiB'>16</memory>"
                "<os><type>hvm</type></os></domain>" % escape(name).replace("\n", "&#10;"))
        try:
            domain = connection.defineXML(text)
        except libvirt.libvirtError as error:
            assert error.get_error_code() != libvirt.VIR_ERR_INTERNAL_ERROR, (name, str(error))
            continue
        assert domain.name() == name
        try:
            domain.createWithFlags(libvirt.VIR_DOMAIN_START_PAUSED)
            domain.destroy()
        except libvirt.libvirtError as error:
            assert error.get_error_code() != libvirt.VIR_ERR_INTERNAL_ERROR, (name, str(error))
        assert connection.lookupByName(name).UUIDString() == domain.UUIDString()
        domain.undefine()
    assert connection.listAllDomains() == []
    assert [n for n in os.listdir(stack.path("etc/libvirt/qemu")) if n.endswith(".xml")] == []
    connection.close()


def test_nothing_leaks(stack, guest_xml):
    """Memory and descriptors stay where they are over defines, starts of clients, and clients cut off."""
    rpc = RpcClient(stack.path("run/libvirt/libvirt-sock")).open()
    text = guest_xml("leak", plain=True, memory_mib=16)

    def churn(count):
        for _ in range(count):
            rpc.call("DOMAIN_DEFINE_XML", text)
            dom = rpc.call("DOMAIN_LOOKUP_BY_NAME", "leak")["dom"]
            rpc.call("DOMAIN_GET_XML_DESC", dom, 0)
            rpc.call("DOMAIN_UNDEFINE_FLAGS", dom, 0)
            with RpcClient(stack.path("run/libvirt/libvirt-sock")) as other:
                other.send("AUTH_LIST")
                other.send("CONNECT_OPEN", "qemu:///system", 0)
                other.send("DOMAIN_GET_XML_DESC", dom, 0)
    churn(150)
    names = ("virtqemud", "virtproxyd")
    before = {n: facts(stack.pid(n)) for n in names}
    churn(300)
    for name in names:
        wait_for(lambda n=name: facts(stack.pid(n))[1] <= before[n][1] + 2, 10, "descriptors of " + name)
        # AddressSanitizer keeps freed memory for a while, on purpose: its programs grow without leaking
        if "ASAN_OPTIONS" not in os.environ:
            assert facts(stack.pid(name))[0] <= before[name][0] + 1500, name
    rpc.close()


def test_cut_off_in_every_call(victims):
    """A client that goes in the middle of a call, whatever it was."""
    rng = random.Random(SEED)
    path = victims.path("run/libvirt/libvirt-sock")
    dom = None
    with RpcClient(path) as rpc:
        dom = rpc.open().call("DOMAIN_LOOKUP_BY_NAME", "guest")["dom"]
    for name, row in sorted(PROCEDURES.items()):
        if name in LEFT_OUT or row.get("event"):
            continue
        with RpcClient(path) as rpc:
            rpc.open()
            args = aim(random_xdr(row["args"], rng), row, [dom], rng) if row.get("args") else None
            rpc.send(name, payload=pack(row["args"], args) if row.get("args") else b"")
    wait_for(lambda: facts(victims.pid("virtproxyd"))[1] < 80, 10, "end of the clients")


def test_many_connections(victims):
    """More connections than a server takes: those inside are served, the rest wait or are refused, none for ever."""
    path = victims.path("run/libvirt/libvirt-sock")
    first = RpcClient(path).open()
    crowd = []
    with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
        for _ in range(2000):
            s = socket.socket(socket.AF_UNIX)
            s.setblocking(False)
            crowd.append(s)
            s.connect(path)
    assert len(crowd) > 100
    first.call("CONNECT_GET_HOSTNAME")
    for s in crowd:
        s.close()
    wait_for(lambda: facts(victims.pid("virtproxyd"))[1] < 80, 20, "end of the crowd")
    with RpcClient(path) as rpc:
        rpc.open().call("CONNECT_GET_HOSTNAME")
    first.close()
