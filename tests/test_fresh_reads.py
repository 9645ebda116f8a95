# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is kept ready for readers is never old: whoever changes a guest, and whoever asks, sees the change at once."""

import libvirt
import pytest

from harness import wait_for

METADATA = libvirt.VIR_DOMAIN_METADATA_ELEMENT
TITLE = libvirt.VIR_DOMAIN_METADATA_TITLE
CONFIG = libvirt.VIR_DOMAIN_AFFECT_CONFIG
URI = "http://example.org/note"
DISK = "<disk type='file'><source file='%s'/><target dev='%s' bus='virtio'/></disk>"


class Readers:
    """Two clients, of which the first changes things; both have read all that there is before every change."""

    def __init__(self, stack, xml):
        self.connections = [stack.open(), stack.open()]
        self.domain = self.connections[0].defineXML(xml)
        self.uuid = self.domain.UUIDString()
        self.look()

    def close(self):
        for conn in self.connections:
            conn.close()

    def look(self):
        """(XML, statistics) of the guest for each client, once read before and once again."""
        views = []
        for conn in self.connections * 2:
            domain = conn.lookupByUUIDString(self.uuid)
            records = {d.UUIDString(): values for d, values in conn.getAllDomainStats(0, 0)}
            views.append((domain.XMLDesc(0), records[self.uuid]))
        return views

    def see(self, text=None, **stats):
        for xml, values in self.look():
            assert text is None or text in xml
            for name, value in stats.items():
                assert values.get(name.replace("__", ".")) == value, name

    def see_not(self, text):
        for xml, _ in self.look():
            assert text not in xml


@pytest.fixture
def readers(stack, guest_xml, tmp_path):
    image = tmp_path / "disk.img"
    image.write_bytes(b"")
    readers = Readers(stack, guest_xml(plain=True, memory_mib=32,
                                       devices=DISK % (image, "vda")
                                       + "<graphics type='vnc' passwd='secret'/>"))
    readers.image = image
    yield readers
    readers.close()


def test_redefine(readers, guest_xml):
    readers.see("<memory unit='KiB'>32768</memory>", balloon__maximum=32768, block__count=1)
    readers.connections[0].defineXML(guest_xml(plain=True, memory_mib=48))
    readers.see("<memory unit='KiB'>49152</memory>", balloon__maximum=49152, block__count=0)


def test_sizes(readers):
    readers.domain.setMaxMemory(65536)
    readers.see("<memory unit='KiB'>65536</memory>", balloon__maximum=65536)
    readers.domain.setMemoryFlags(49152, CONFIG)
    readers.see("<currentMemory unit='KiB'>49152</currentMemory>", balloon__current=49152)
    readers.domain.setVcpusFlags(3, CONFIG | libvirt.VIR_DOMAIN_VCPU_MAXIMUM)
    readers.see(vcpu__maximum=3)
    readers.domain.setVcpusFlags(2, CONFIG)
    readers.see("current='2'>3</vcpu>", vcpu__current=2, vcpu__maximum=3)


def test_metadata(readers):
    readers.domain.setMetadata(TITLE, "a title", None, None, CONFIG)
    readers.see("<title>a title</title>")
    readers.domain.setMetadata(METADATA, "<note>one</note>", "n", URI, CONFIG)
    readers.see(">one</n:note>")
    readers.domain.setMetadata(METADATA, None, "n", URI, CONFIG)
    readers.see_not(">one</n:note>")


def test_rename(readers):
    readers.domain.rename("other")
    readers.see("<name>other</name>")
    names = {d.name() for d, _ in readers.connections[1].getAllDomainStats(0, 0)}
    assert names == {"other"}


def test_autostart(readers):
    for value in (1, 0):
        readers.domain.setAutostart(value)
        for conn in readers.connections:
            domain = conn.lookupByUUIDString(readers.uuid)
            assert domain.autostart() == value
            assert len(conn.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_AUTOSTART)) == value
        readers.see(state__state=libvirt.VIR_DOMAIN_SHUTOFF)


def test_devices(readers, tmp_path):
    second = DISK % (tmp_path / "second.img", "vdb")
    readers.domain.attachDeviceFlags(second, CONFIG)
    readers.see("<target dev='vdb' bus='virtio'/>", block__count=2, block__1__name="vdb")
    readers.domain.detachDeviceFlags(second, CONFIG)
    readers.see_not("<target dev='vdb' bus='virtio'/>")
    readers.see(block__count=1)


def test_images(readers):
    """An image changes without anybody telling the daemon. A recent look at it holds for a quarter of a second, and nobody
    waits for it for longer than 20 ms."""
    for size in (4096, 8192, None):
        if size is None:
            readers.image.unlink()
        else:
            readers.image.write_bytes(b"x" * size)
        wait_for(lambda wanted=size: all(values.get("block.0.physical") == wanted
                                         for _, values in readers.look()))


def test_start_and_stop(readers):
    readers.see(state__state=libvirt.VIR_DOMAIN_SHUTOFF)
    readers.domain.create()
    readers.see("<domain type='qemu' id='", state__state=libvirt.VIR_DOMAIN_RUNNING)
    readers.domain.suspend()
    readers.see(state__state=libvirt.VIR_DOMAIN_PAUSED)
    # the stored definition of a running guest
    readers.domain.setMetadata(TITLE, "for later", None, None, CONFIG)
    readers.see_not("<title>for later</title>")
    for conn in readers.connections:
        stored = conn.lookupByUUIDString(readers.uuid).XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE)
        assert "<title>for later</title>" in stored and " id='" not in stored.split("\n", 1)[0]
    readers.domain.destroy()
    readers.see("<title>for later</title>", state__state=libvirt.VIR_DOMAIN_SHUTOFF,
                state__reason=libvirt.VIR_DOMAIN_SHUTOFF_DESTROYED)
    readers.see_not("<domain type='qemu' id='")


def test_undefine(readers, guest_xml):
    readers.domain.undefine()
    for conn in readers.connections:
        assert conn.getAllDomainStats(0, 0) == []
        with pytest.raises(libvirt.libvirtError):
            conn.lookupByUUIDString(readers.uuid)
    # the same UUID again, with another definition
    readers.connections[1].defineXML(guest_xml(plain=True, memory_mib=64))
    readers.see("<memory unit='KiB'>65536</memory>", balloon__maximum=65536)


def test_flags(readers):
    """One answer is never given for another's flags."""
    flags = (0, libvirt.VIR_DOMAIN_XML_SECURE, libvirt.VIR_DOMAIN_XML_INACTIVE,
             libvirt.VIR_DOMAIN_XML_MIGRATABLE, 0)
    for conn in readers.connections:
        domain = conn.lookupByUUIDString(readers.uuid)
        for value in flags:
            secret = value in (libvirt.VIR_DOMAIN_XML_SECURE, libvirt.VIR_DOMAIN_XML_MIGRATABLE)
            assert ("secret" in domain.XMLDesc(value)) == secret
        with pytest.raises(libvirt.libvirtError):
            domain.XMLDesc(1 << 20)
        (_, some), = conn.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE, 0)
        (_, every), = conn.getAllDomainStats(0, 0)
        assert set(some) == {"state.state", "state.reason"} < set(every)


def test_read_only(readers, stack):
    reader = libvirt.openReadOnly(stack.uri.replace("libvirt-sock", "libvirt-sock-ro"))
    domain = reader.lookupByUUIDString(readers.uuid)
    assert "secret" not in domain.XMLDesc(0)
    with pytest.raises(libvirt.libvirtError) as refused:
        domain.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)
    assert refused.value.get_error_code() == libvirt.VIR_ERR_OPERATION_DENIED
    readers.domain.setMaxMemory(65536)
    assert "<memory unit='KiB'>65536</memory>" in domain.XMLDesc(0)
    reader.close()
