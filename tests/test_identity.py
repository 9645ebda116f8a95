# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what, on every face: legacy sockets, the bus, the private socket; with polkit's answers mocked."""

import os
import pwd
import socket
import subprocess

import pytest

from harness import DOMAIN, HYPERVISOR, QEMU, ROOT_PATH, SLOW, wait_for
from mock_polkit import CHALLENGE, DISMISSED, MANAGE, MONITOR, NO, YES, Polkit
from rpcclient import RpcClient

NOBODY = 65534                       # a user that the bus can look up
NOBODYS = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
XML_SECURE, XML_MIGRATABLE = 1, 8    # virDomainXMLFlags
SECRET = "<graphics type='vnc' autoport='yes' passwd='sesame'/>"

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become somebody else")


@pytest.fixture(scope="module")
def guarded(build_dir):
    """A stack that asks polkit, with one guest that has a secret."""
    from harness import Stack
    stack = Stack(build_dir, options=("--polkit",))
    yield stack
    stack.close()
    stack.check_logs()


@pytest.fixture(scope="module")
def guest(guarded):
    xml = ("<domain type='qemu'><name>guest</name><memory unit='MiB'>16</memory>"
           "<os><type>hvm</type></os><devices>%s</devices></domain>" % SECRET)
    guarded.define(xml)
    return guarded.domain("guest")


@pytest.fixture
def polkit(guarded):
    mock = Polkit(guarded.address)
    yield mock
    mock.close()


def as_nobody(stack, *argv):
    """(status, what it said) of a client that an ordinary user runs."""
    p = subprocess.run(argv, env=dict(stack.env, HOME="/nonexistent"), capture_output=True,
                       text=True, timeout=20 * SLOW, check=False, **NOBODYS)
    return p.returncode, (p.stdout + p.stderr).strip()


def virsh(stack, *argv, readonly=False):
    uri = stack.uri + ("-ro" if readonly else "")
    return as_nobody(stack, "virsh", "-q", "-c", uri, *argv)


def busctl(stack, *argv):
    return as_nobody(stack, "busctl", "--timeout=10", "--address=" + stack.address, *argv)


NO_AGENT = ("authentication unavailable: no polkit agent available to authenticate action '%s'"
            % MANAGE)
REFUSALS = {
    "denied": (NO, "authentication failed: access denied by policy"),
    "without agent": (CHALLENGE, NO_AGENT),
    "dismissed": (DISMISSED, "authentication cancelled: user cancelled authentication process"),
}


@pytest.mark.parametrize("case", sorted(REFUSALS))
def test_refused_then_allowed(guarded, guest, polkit, case):
    answer, words = REFUSALS[case]
    polkit.change(manage=answer, monitor=YES)
    status, said = virsh(guarded, "list", "--all", "--name")
    assert status == 1 and said.splitlines()[-1] == "error: " + words
    status, said = busctl(guarded, "call", QEMU, guest, DOMAIN, "Rename", "su", "other", "0")
    assert status == 1 and said == "Call failed: " + words
    status, said = busctl(guarded, "set-property", QEMU, guest, DOMAIN, "Autostart", "b", "true")
    assert status == 1 and said.endswith(words)
    assert guarded.get(guest, DOMAIN, "Autostart") is False
    kind, subject, action = polkit.asked[0]
    assert (kind, subject["uid"], action) == ("unix-process", NOBODY, MANAGE)
    assert subject["start-time"] > 0
    assert polkit.asked[-1][0] == "system-bus-name"

    polkit.change(manage=YES, monitor=NO)      # who may change things may look at them
    status, said = virsh(guarded, "dumpxml", "--security-info", "guest")
    assert status == 0 and "passwd='sesame'" in said
    status, said = busctl(guarded, "set-property", QEMU, guest, DOMAIN, "Autostart", "b", "true")
    assert (status, said) == (0, "")
    assert guarded.get(guest, DOMAIN, "Autostart") is True
    guarded.virsh("autostart", "--disable", "guest")


def test_nobody_to_ask(guarded, guest):
    status, said = virsh(guarded, "list")
    assert status == 1
    assert said.endswith("authentication unavailable: cannot ask polkit about action '%s'" % MANAGE)
    status, said = virsh(guarded, "list", readonly=True)
    assert said.endswith("cannot ask polkit about action '%s'" % MONITOR)
    assert guarded.virsh("list", "--all", "--name").out.split() == ["guest"]     # root is not asked


def test_a_user_may_look_on_the_readonly_socket(guarded, guest, polkit):
    polkit.change(manage=NO, monitor=YES)
    assert virsh(guarded, "list", "--all", "--name", readonly=True) == (0, "guest")
    status, said = virsh(guarded, "start", "guest", readonly=True)
    assert status == 1
    assert "operation forbidden: read only access prevents virDomainCreate" in said


class Nobody(RpcClient):
    """A client of the wire protocol that belongs to an ordinary user."""

    def __init__(self, path):
        os.seteuid(NOBODY)           # the kernel notes the effective user at connect()
        try:
            super().__init__(path)
        finally:
            os.seteuid(0)


def test_unauthenticated_client_gets_nothing(guarded, guest, polkit):
    polkit.change(manage=NO, monitor=NO)
    for name in ("libvirt-sock", "libvirt-sock-ro", "virtqemud-sock", "virtqemud-sock-ro"):
        with Nobody(guarded.path("run/libvirt/" + name)) as rpc:
            assert rpc.call("AUTH_LIST")["types"] == [2]        # polkit
            assert rpc.fails("AUTH_POLKIT").code == 45
            assert rpc.fails("CONNECT_GET_HOSTNAME").message == "authentication required"
            assert rpc.fails("CONNECT_OPEN", "qemu:///system", 0).code == 39


def test_readonly_socket_refuses_what_the_library_would(guarded, guest, polkit):
    """libvirt's library refuses by itself; here is a client that does not, and root besides."""
    polkit.change(manage=YES, monitor=YES)
    path = guarded.path("run/libvirt/libvirt-sock-ro")
    with Nobody(path) as user, RpcClient(path) as root:
        user.call("AUTH_POLKIT")
        for rpc in (user, root):
            rpc.call("CONNECT_OPEN", "qemu:///system", 0)       # without asking for read-only
            dom = rpc.call("DOMAIN_LOOKUP_BY_NAME", "guest")["dom"]
            refuse = "operation forbidden: read only access prevents "
            for call, args in (("DOMAIN_CREATE", [dom]), ("DOMAIN_UNDEFINE_FLAGS", [dom, 0]),
                               ("DOMAIN_DEFINE_XML", ["<domain/>"]), ("DOMAIN_DESTROY", [dom]),
                               ("DOMAIN_SET_AUTOSTART", [dom, 1]),
                               ("DOMAIN_SCREENSHOT", [dom, 0, 0]),
                               ("DOMAIN_OPEN_CONSOLE", [dom, None, 0]),
                               ("QEMU:DOMAIN_MONITOR_COMMAND", [dom, "query-status", 0])):
                assert rpc.fails(call, *args).message.startswith(refuse), call
            assert "sesame" not in rpc.call("DOMAIN_GET_XML_DESC", dom, 0)["xml"]
            for flags in (XML_SECURE, XML_MIGRATABLE, XML_SECURE | XML_MIGRATABLE):
                assert rpc.fails("DOMAIN_GET_XML_DESC", dom, flags).message == \
                    "operation forbidden: virDomainGetXMLDesc with secure flag"
    assert guarded.get(guest, DOMAIN, "Autostart") is False


def test_no_secret_without_asking_for_it(guarded, guest, polkit):
    polkit.change(manage=NO, monitor=YES)
    status, said = busctl(guarded, "call", QEMU, guest, DOMAIN, "GetXml", "u", "0")
    assert status == 0 and "guest" in said and "sesame" not in said
    for flags in (XML_SECURE, XML_MIGRATABLE, XML_MIGRATABLE | XML_SECURE):
        status, said = busctl(guarded, "call", QEMU, guest, DOMAIN, "GetXml", "u", str(flags))
        assert (status, said) == (1, "Call failed: " + REFUSALS["denied"][1])
    status, said = busctl(guarded, "call", QEMU, ROOT_PATH, HYPERVISOR, "DomainXmlToNative", "ssu",
                          "qemu-argv", "<domain/>", "0")
    assert status == 1


def test_identity_cannot_be_claimed(guarded, guest, polkit):
    polkit.change(manage=NO, monitor=YES)
    status, said = busctl(guarded, "call", QEMU, ROOT_PATH, "org.virtbus.Peer1", "Identify", "a{sv}",
                          "1", "uid", "u", "0")
    assert (status, said) == (1, "Call failed: access denied: the bus says who calls")
    # the private socket: the file's mode, and behind it the daemon itself
    path = guarded.path("run/virtbus/virtqemud.sock")
    status, said = as_nobody(guarded, "busctl", "--address=unix:path=" + path, "call", QEMU,
                             ROOT_PATH, HYPERVISOR, "ListDomains", "u", "0")
    assert status == 1 and "Permission denied" in said
    mode = os.stat(path).st_mode
    os.chmod(path, 0o666)
    try:
        os.seteuid(NOBODY)
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(path)
            os.seteuid(0)
            try:
                s.sendall(b"\0AUTH EXTERNAL 30\r\n")
                assert s.recv(100) == b""
            except (BrokenPipeError, ConnectionResetError):
                pass
    finally:
        os.seteuid(0)
        os.chmod(path, mode)


def test_new_rules_hold_for_new_connections(guarded, guest, polkit):
    """As with libvirt: who was let in stays in; polkit says "changed" also when a password's time is over."""
    polkit.change(manage=YES, monitor=YES)
    path = guarded.path("run/libvirt/libvirt-sock")
    with Nobody(path) as first, Nobody(path) as second:
        first.call("AUTH_POLKIT")
        first.call("CONNECT_OPEN", "qemu:///system", 0)
        dom = first.call("DOMAIN_LOOKUP_BY_NAME", "guest")["dom"]
        polkit.change(manage=NO, monitor=NO)
        # the daemon has seen the change once it asks again
        wait_for(lambda: busctl(guarded, "call", QEMU, ROOT_PATH, HYPERVISOR, "ListDomains", "u",
                                "0")[0] == 1)
        first.call("DOMAIN_SET_AUTOSTART", dom, 0)
        assert second.fails("AUTH_POLKIT").code == 45


def test_every_changing_method_asks_for_manage(guarded, guest, polkit):
    """Every method and property that is not a mere look, by introspection."""
    import xml.etree.ElementTree as ET
    polkit.change(manage=NO, monitor=YES)
    text = guarded.call(guest, "org.freedesktop.DBus.Introspectable.Introspect")[0]
    names = [m.get("name") for i in ET.fromstring(text) if i.get("name") == DOMAIN
             for m in i.findall("method")]
    assert "Create" in names and "GetXml" in names
    for name in names:
        if not name.startswith(("Get", "List", "Count", "Lookup")):
            method = next(m for i in ET.fromstring(text) for m in i.findall("method")
                          if m.get("name") == name)
            kinds = "".join(a.get("type") for a in method.findall("arg")
                            if a.get("direction") == "in")
            status, said = busctl(guarded, "call", QEMU, guest, DOMAIN, name,
                                  *([kinds] + zeros(kinds) if kinds else []))
            assert (status, said) == (1, "Call failed: " + REFUSALS["denied"][1]), name
    assert guarded.get(guest, DOMAIN, "Active") is False


def zeros(kinds):
    """busctl's words for the least value of each type."""
    out, at = [], 0
    while at < len(kinds):
        if kinds[at] == "a":
            out.append("0")
            at += 1
            if kinds[at] == "{":
                at = kinds.index("}", at)
            elif kinds[at] == "(":
                at = kinds.index(")", at)
        elif kinds[at] == "v":
            out += ["u", "0"]
        elif kinds[at] == "o":
            out.append("/")
        else:
            out.append("false" if kinds[at] == "b" else "" if kinds[at] == "s" else "0")
        at += 1
    return out


# -- virtproxyd as its unit runs it

def owner(pid):
    with open("/proc/%d/status" % pid, encoding="utf-8") as f:
        fields = dict(line.split(":\t", 1) for line in f if ":\t" in line)
    return {int(u) for u in fields["Uid"].split()}, int(fields["CapBnd"], 16)


def test_unprivileged_proxy(make_stack, guest_xml):
    """The whole chain with a proxy that may nothing, without polkit; both come back after an idle exit."""
    stack = make_stack(options=("--proxy-user", "daemon", "--idle-timeout", "1"))
    stack.define(guest_xml(plain=True, memory_mib=16))
    stack.virsh("start", "--paused", "guest")
    assert owner(stack.pid("virtproxyd")) == ({pwd.getpwnam("daemon").pw_uid}, 0)
    assert owner(stack.pid("virtqemud"))[0] == {0}
    emulator = stack.emulator_pid("guest")
    status, said = virsh(stack, "list")
    assert status == 1 and said.endswith("authentication failed: access denied by policy")
    status, said = virsh(stack, "list", readonly=True)
    assert status == 1
    connection = stack.open()
    domain = connection.lookupByName("guest")
    assert "guest" in domain.XMLDesc(0)
    domain.resume()
    del domain                  # it keeps the connection open
    connection.close()
    wait_for(lambda: not stack.pid("virtproxyd"), 30, "idle exit of virtproxyd")
    assert stack.virsh("domstate", "guest").out.strip() == "running"       # it is there again
    assert stack.emulator_pid("guest") == emulator
    stack.virsh("destroy", "guest")


def test_idle_exit(make_stack, guest_xml):
    stack = make_stack(options=("--idle-timeout", "1"))
    stack.define(guest_xml(plain=True, memory_mib=16))
    connection = stack.open()
    connection.lookupByName("guest").create()
    pids = {name: stack.pid(name) for name in ("virtqemud", "virtproxyd")}
    assert all(pids.values())
    watcher = stack.record()
    with pytest.raises(TimeoutError):       # a client that says nothing keeps both
        wait_for(lambda: not all(stack.pid(n) for n in pids), 2.5 / SLOW)
    assert {name: stack.pid(name) for name in pids} == pids
    connection.close()
    wait_for(lambda: not stack.pid("virtproxyd"), 10, "idle exit of virtproxyd")
    assert stack.emulator_pid("guest")
    assert stack.pid("virtqemud") == pids["virtqemud"], "it would not notice what its guest does"
    stack.virsh("destroy", "guest")
    wait_for(lambda: not stack.pid("virtproxyd"), 10, "idle exit of virtproxyd")
    wait_for(lambda: not stack.pid("virtqemud"), 10, "idle exit of virtqemud")
    watcher.close()
    assert stack.virsh("list", "--all", "--name").out.split() == ["guest"]


def open_to_all(path):
    """Lets everybody reach @path: pytest's own folders are private."""
    for folder in (path, *path.parents):
        if not folder.stat().st_mode & 0o001:
            folder.chmod(0o755)


def test_session(build_dir, tmp_path, guest_xml):
    """An ordinary user's own daemons, found by virsh as qemu:///session."""
    open_to_all(tmp_path)
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, NOBODY, NOBODY)
    env = dict(os.environ, HOME=str(home), XDG_RUNTIME_DIR=str(home), XDG_DATA_HOME=str(home / "data"),
               XDG_CONFIG_HOME=str(home / "config"), XDG_CACHE_HOME=str(home / "cache"))
    daemons = [subprocess.Popen([os.path.join(build_dir, n, n), "--session", "--bus", "none", *more],
                                env=env, stderr=subprocess.DEVNULL, **NOBODYS)
               for n, more in (("virtqemud", ["--accel", "tcg"]), ("virtproxyd", []))]
    path = home / "libvirt" / "virtqemud-sock"

    def user(*argv):
        return subprocess.run(["virsh", "-q", "-c", "qemu:///session?socket=%s" % path, *argv],
                              env=env, capture_output=True, text=True, timeout=20 * SLOW,
                              check=False, **NOBODYS)
    try:
        wait_for(path.exists, 10, "socket")
        xml = home / "guest.xml"
        xml.write_text(guest_xml(plain=True, memory_mib=16))
        for argv in (["define", str(xml)], ["start", "--paused", "guest"], ["destroy", "guest"],
                     ["undefine", "guest"]):
            result = user(*argv)
            assert result.returncode == 0, (argv, result.stderr)
        assert user("list", "--all", "--name").stdout.strip() == ""
    finally:
        for daemon in daemons:
            daemon.terminate()
        assert [daemon.wait(20) for daemon in daemons] == [0, 0]
