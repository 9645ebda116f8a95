# SPDX-License-Identifier: LGPL-2.1-or-later
"""What legacy clients may rely on: they read what they wrote, see native changes, stay connected
while the daemon behind the proxy dies, and hear every event once."""

import concurrent.futures
import os
import signal
import threading

import libvirt
import libvirt_qemu
import pytest
from gi.repository import GLib

from harness import DOMAIN, SLOW, run_event_loop, wait_for


@pytest.fixture(scope="module", autouse=True)
def event_loop():
    """libvirt's own event loop, in a thread, for every connection of this module."""
    with run_event_loop():
        yield


class Heard:
    """Lifecycle events of a connection, as (name, event); @only: events that count."""

    def __init__(self, conn, domain=None, only=None):
        self.events, self.only = [], only
        self.id = conn.domainEventRegisterAny(domain, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE,
                                              self._on_event, None)

    def _on_event(self, _conn, domain, event, _detail, _data):
        if self.only is None or event in self.only:
            self.events.append((domain.name(), event))

    def wait(self, n):
        wait_for(lambda: len(self.events) >= n, 20, "%d events, seen %r" % (n, self.events))
        return self.events


def test_a_client_reads_what_it_wrote(stack, guest_xml):
    conn = stack.open()
    xml = guest_xml(plain=True)
    for _ in range(50):
        domain = conn.defineXML(xml)
        assert conn.lookupByName("guest").UUID() == domain.UUID()
        assert len(conn.listAllDomains()) == 1
        domain.setAutostart(True)
        assert domain.autostart() == 1
        domain.setAutostart(False)
        assert domain.autostart() == 0
        domain.undefine()
        assert conn.listAllDomains() == []
        with pytest.raises(libvirt.libvirtError) as info:
            conn.lookupByName("guest")
        assert info.value.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN
    conn.close()


def test_clients_write_at_the_same_time(stack, guest_xml):
    def work(number):
        conn = stack.open()
        name = "g%d" % number
        xml = guest_xml(name, plain=True)
        for _ in range(15):
            conn.defineXML(xml)
            conn.lookupByName(name).undefine()
            assert name not in [d.name() for d in conn.listAllDomains()]
        conn.close()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert stack.open().numOfDefinedDomains() == 0


def test_old_and_new_lists_agree(stack, guest_xml):
    conn = stack.open()
    for name in ("a", "b", "c"):
        conn.defineXML(guest_xml(name, plain=True, memory_mib=32))
    conn.lookupByName("b").create()
    active = conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE)
    assert [d.name() for d in active] == ["b"]
    assert conn.listDomainsID() == [active[0].ID()] and conn.numOfDomains() == 1
    assert sorted(conn.listDefinedDomains()) == ["a", "c"] and conn.numOfDefinedDomains() == 2
    both = (libvirt.VIR_CONNECT_LIST_DOMAINS_PERSISTENT | libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING)
    assert [d.name() for d in conn.listAllDomains(both)] == ["b"]
    assert conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT) == []
    assert conn.lookupByID(active[0].ID()).name() == "b"
    conn.lookupByName("b").destroy()
    assert conn.listDomainsID() == []
    conn.close()


def test_native_changes_are_seen(stack, guest_xml):
    conn = stack.open()
    domain = conn.defineXML(guest_xml(plain=True, memory_mib=32))
    path = stack.domain("guest")
    stack.call(path, DOMAIN + ".Create", GLib.Variant("(u)", (0,)))
    wait_for(lambda: domain.isActive() == 1, 10, "running guest")
    assert domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING
    stack.call(path, DOMAIN + ".Destroy", GLib.Variant("(u)", (0,)))
    wait_for(lambda: domain.isActive() == 0, 10, "stopped guest")
    assert stack.get(path, DOMAIN, "State") == domain.state()[0] == libvirt.VIR_DOMAIN_SHUTOFF
    conn.close()


def test_events_come_before_the_reply(stack, guest_xml):
    conn = stack.open()
    # an emulator that is told to end says so first (SHUTDOWN), if it still has the time
    heard = Heard(conn, only=(libvirt.VIR_DOMAIN_EVENT_DEFINED, libvirt.VIR_DOMAIN_EVENT_STARTED,
                              libvirt.VIR_DOMAIN_EVENT_SUSPENDED, libvirt.VIR_DOMAIN_EVENT_RESUMED,
                              libvirt.VIR_DOMAIN_EVENT_STOPPED))
    domain = conn.defineXML(guest_xml(plain=True, memory_mib=32))
    only = Heard(conn, domain)
    conn.defineXML(guest_xml("other", plain=True))
    domain.create()
    domain.suspend()
    domain.resume()
    domain.destroy()
    started, stopped = libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_STOPPED
    own = [e for n, e in heard.wait(7) if n == "guest"]
    assert own[0] == libvirt.VIR_DOMAIN_EVENT_DEFINED and own[-1] == stopped
    assert own.count(started) == 1 and own.count(libvirt.VIR_DOMAIN_EVENT_SUSPENDED) == 1
    assert {n for n, _ in only.wait(4)} == {"guest"}
    conn.domainEventDeregisterAny(heard.id)
    before = len(heard.events)
    domain.undefine()
    only.wait(5)
    assert len(heard.events) == before
    conn.close()


def test_clients_survive_the_daemon(stack, guest_xml):
    """kill -9 of virtqemud under a client that listens: same connection, nothing twice."""
    conn = stack.open()
    domain = conn.defineXML(guest_xml(plain=True, memory_mib=32))
    heard = Heard(conn, domain, (libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_STOPPED))
    for number in range(3):
        domain.create()
        stack.kill("virtqemud")
        assert domain.isActive() == 1
        assert domain.XMLDesc() and conn.isAlive()
        domain.destroy()
        assert len(heard.wait(2 * (number + 1))) == 2 * (number + 1)
    assert [e for _, e in heard.events] == [libvirt.VIR_DOMAIN_EVENT_STARTED,
                                            libvirt.VIR_DOMAIN_EVENT_STOPPED] * 3
    conn.close()


def test_calls_while_the_daemon_dies(stack, guest_xml):
    """Reads go on through kills; no call hangs."""
    conn = stack.open()
    domain = conn.defineXML(guest_xml(plain=True))
    done = threading.Event()
    failures = []

    def read():
        while not done.is_set():
            try:
                assert "<name>guest</name>" in domain.XMLDesc()
            except libvirt.libvirtError as e:
                failures.append(str(e))
    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(4):
        stack.kill("virtqemud")
        assert domain.XMLDesc()
    done.set()
    for thread in threads:
        thread.join(20 * SLOW)
        assert not thread.is_alive(), "a call hangs"
    assert not failures
    conn.close()


def test_daemon_that_cannot_start(stack, guest_xml):
    """Calls fail within their deadline, in words; afterwards the same connection works again."""
    conn = stack.open()
    conn.defineXML(guest_xml(plain=True))
    daemon = stack.pid("virtqemud")
    assert daemon > 0, "virtqemud does not run"     # 0 would be our own process group
    os.kill(daemon, signal.SIGSTOP)                 # it accepts nothing and answers nothing
    try:
        began = threading.Event()
        result = []

        def read():
            began.set()
            try:
                other = stack.open()         # needs a connection of its own to the daemon
                result.append(other.getHostname())
            except libvirt.libvirtError as e:
                result.append(e)
        thread = threading.Thread(target=read)
        thread.start()
        assert began.wait(5)
        assert conn.lookupByName("guest").isActive() == 0    # the mirror needs no daemon
        thread.join(25 * SLOW)
        assert not thread.is_alive(), "a call hangs"
        assert isinstance(result[0], libvirt.libvirtError)
    finally:
        os.kill(daemon, signal.SIGCONT)
    assert conn.getHostname()
    conn.close()


def test_monitor_events(stack, guest_xml):
    conn = stack.open()
    domain = conn.defineXML(guest_xml(plain=True, memory_mib=32))
    heard = []
    ident = libvirt_qemu.qemuMonitorEventRegister(
        conn, domain, "^(STOP|RESUME)$", lambda *a: heard.append(a[2]), None,
        libvirt_qemu.VIR_CONNECT_DOMAIN_QEMU_MONITOR_EVENT_REGISTER_REGEX)
    domain.create()
    domain.suspend()
    domain.resume()
    wait_for(lambda: "STOP" in heard and "RESUME" in heard, 10, "monitor events")
    assert set(heard) == {"STOP", "RESUME"}
    libvirt_qemu.qemuMonitorEventDeregister(conn, ident)
    reply = libvirt_qemu.qemuMonitorCommand(domain, '{"execute":"query-status"}', 0)
    assert '"running":true' in reply.replace(" ", "")
    domain.destroy()
    conn.close()


def test_statistics_and_vcpus(stack, guest_xml):
    conn = stack.open()
    domain = conn.defineXML(guest_xml(plain=True, memory_mib=32))
    domain.create()
    vcpus, maps = domain.vcpus()
    assert len(vcpus) == len(maps) == 1 and vcpus[0][0] == 0
    total = domain.getCPUStats(True)
    assert total[0]["cpu_time"] > 0
    assert conn.getCPUStats(-1)["user"] > 0
    assert domain.memoryStats()["actual"] == 32 * 1024
    state, _ = domain.state()
    record = conn.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE)[0]
    assert record[0].name() == "guest" and record[1]["state.state"] == state
    domain.destroy()
    conn.close()
