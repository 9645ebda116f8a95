# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs beside an emulator: swtpm and virtiofsd, from the guest's start to its end."""

import contextlib
import fcntl
import glob
import gzip
import json
import os
import shutil
import signal
import subprocess
import uuid
import xml.etree.ElementTree as ET

import libvirt
import pytest

import guest as guest_tool
from harness import wait_for

VIRTIOFSD = "/usr/lib/qemu/virtiofsd"
SHARED = "<memoryBacking><source type='memfd'/><access mode='shared'/></memoryBacking>"
PAUSED = libvirt.VIR_DOMAIN_START_PAUSED

needs_swtpm = pytest.mark.skipif(not shutil.which("swtpm_setup"), reason="no swtpm")
needs_virtiofsd = pytest.mark.skipif(not os.path.exists(VIRTIOFSD) or os.geteuid() != 0,
                                     reason="no virtiofsd, or not root")


def tpm(attributes="version='2.0'", inside="", model="tpm-crb"):
    return "<tpm model='%s'><backend type='emulator' %s>%s</backend></tpm>" % (
        model, attributes, inside)


def share(source, inside="", driver="", tag="shared"):
    return ("<filesystem type='mount'><driver type='virtiofs'%s/>%s<source dir='%s'/>"
            "<target dir='%s'/></filesystem>" % (driver, inside, source, tag))


def holder(pidfile):
    """The process whose program holds the lock of a pid file, 0 without one."""
    try:
        with open(pidfile, "r+") as f:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return 0
            return int(f.read() or 0)      # it is about to say
    except FileNotFoundError:
        return 0


def content(path):
    with open(path, "rb") as f:
        return f.read()


def command_line(pid):
    with open("/proc/%d/cmdline" % pid) as f:
        return f.read().split("\0")[:-1]


def leftovers(stack):
    """Processes and files of helpers below this root."""
    found = glob.glob(stack.path("/run/libvirt/qemu/swtpm/*"))
    found += glob.glob(stack.path("/run/libvirt/qemu/*-fs.pid"))
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            with open(path) as f:
                words = f.read().split("\0")
            with open(os.path.dirname(path) + "/stat") as f:
                is_zombie = f.read().rpartition(")")[2].split()[0] == "Z"
            if not is_zombie and os.path.basename(words[0]) in ("swtpm", "swtpm_setup") \
                    and any(stack.root in w for w in words):
                found.append(words)
    return found


class Tpm:
    """Where a guest's TPM lives."""

    def __init__(self, stack, domain):
        self.guest = "%d-%s" % (domain.ID(), domain.name())
        self.run = stack.path("/run/libvirt/qemu/swtpm/" + self.guest)
        self.folder = stack.path("/var/lib/libvirt/swtpm/" + domain.UUIDString())
        self.state = self.folder + "/tpm2/tpm2-00.permall"
        self.log = stack.path("/var/log/swtpm/libvirt/qemu/%s-swtpm.log" % domain.name())
        self.socket, self.pidfile = self.run + "-swtpm.sock", self.run + "-swtpm.pid"

    @property
    def pid(self):
        return holder(self.pidfile)


@pytest.fixture
def connection(stack):
    opened = stack.open()
    yield opened
    opened.close()


@pytest.fixture
def plain(guest_xml):
    """A function: a guest that need not boot, with devices."""
    def make(name, devices, extra=""):
        return guest_xml(name, devices, plain=True, memory_mib=32, machine="q35", extra=extra)
    return make


def refused(code, text, call, *args):
    with pytest.raises(libvirt.libvirtError) as caught:
        call(*args)
    assert (caught.value.get_error_code(), caught.value.get_error_message()) == (code, text)


def no_helper(stack):
    wait_for(lambda: not leftovers(stack), 10, "end of the helpers")


# ---- swtpm

@needs_swtpm
def test_a_guest_has_a_tpm(stack, connection, guest_xml):
    """SeaBIOS and Linux see it, QEMU says so; swtpm ends with the guest, its state stays."""
    domain = connection.defineXML(guest_xml("tpm", tpm(model="tpm-tis"), machine="q35"))
    for _ in range(2):
        domain.createWithFlags(PAUSED)
        where = Tpm(stack, domain)
        new = content(where.state)
        domain.destroy()
        assert content(where.state) == new      # nobody has talked to it
    domain.create()
    console = stack.console("tpm")
    console.wait_ready()
    assert console.run("test -e /sys/firmware/acpi/tables/TPM2")[0] == 0
    assert console.run("ls -d /sys/bus/acpi/devices/MSFT0101*")[0] == 0
    console.close()
    answer = json.loads(stack.virsh("qemu-monitor-command", "tpm", '{"execute":"query-tpm"}').out)
    assert [(t["id"], t["model"], t["options"]["type"]) for t in answer["return"]] == \
        [("tpm-tpm0", "tpm-tis", "emulator")]
    assert content(where.state) != new          # the firmware has started it up
    where = Tpm(stack, domain)
    pid = where.pid
    words = command_line(pid)
    assert words[1] == "socket" and words[-2:] == ["--terminate", "--tpm2"]
    assert "dir=%s/tpm2,mode=0600" % where.folder in words
    assert os.path.exists(where.log)
    assert os.stat(where.folder + "/tpm2").st_mode & 0o777 == 0o700
    domain.destroy()
    assert not os.path.exists("/proc/%d" % pid)
    assert leftovers(stack) == []
    assert content(where.state) != new
    domain.undefine()
    assert not os.path.exists(where.folder)


@needs_swtpm
def test_state_of_a_tpm_is_kept_or_not(stack, connection, plain):
    keep, remove = libvirt.VIR_DOMAIN_UNDEFINE_KEEP_TPM, libvirt.VIR_DOMAIN_UNDEFINE_TPM
    for attributes, flags, stays in (("", 0, False), ("persistent_state='yes'", 0, True),
                                     ("", keep, True), ("persistent_state='yes'", remove, False)):
        domain = connection.defineXML(plain("kept", tpm("version='2.0' " + attributes)))
        domain.createWithFlags(PAUSED)
        folder = Tpm(stack, domain).folder
        domain.destroy()
        assert os.path.exists(folder)
        refused(libvirt.VIR_ERR_OPERATION_INVALID,
                "Requested operation is not valid: cannot both keep and delete TPM",
                domain.undefineFlags, keep | remove)
        domain.undefineFlags(flags)
        assert os.path.exists(folder) == stays, attributes
        shutil.rmtree(folder, ignore_errors=True)
    # undefined while it runs: its end does what was said
    for flags, stays in ((0, False), (keep, True)):
        domain = connection.defineXML(plain("late", tpm()))
        domain.createWithFlags(PAUSED)
        folder = Tpm(stack, domain).folder
        domain.undefineFlags(flags)
        assert os.path.exists(folder)
        stack.kill("virtqemud")
        stack.virsh("destroy", "late")
        assert os.path.exists(folder) == stays
        shutil.rmtree(folder, ignore_errors=True)
    # nobody will start a guest again that is not stored
    for attributes, stays in (("", False), ("persistent_state='yes'", True)):
        domain = connection.createXML(plain("passing", tpm("version='2.0' " + attributes)), PAUSED)
        folder = Tpm(stack, domain).folder
        domain.destroy()
        assert os.path.exists(folder) == stays, attributes


@needs_swtpm
def test_banks_and_versions(stack, connection, plain):
    banks = "<active_pcr_banks><sha256/><sha384/></active_pcr_banks>"
    domain = connection.createXML(plain("banks", tpm(inside=banks)), PAUSED)
    with open(Tpm(stack, domain).log) as f:
        log = f.read()
    assert "Successfully activated PCR banks sha256,sha384" in log
    domain.destroy()
    domain = connection.createXML(plain("old", tpm("version='1.2'", model="tpm-tis")), PAUSED)
    where = Tpm(stack, domain)
    assert os.path.exists(where.folder + "/tpm1.2/tpm-00.permall")
    assert "--tpm2" not in command_line(where.pid)
    domain.destroy()


@needs_swtpm
def test_swtpm_is_found_again(stack, connection, plain):
    """A virtqemud that was killed neither loses it nor starts another."""
    domain = connection.defineXML(plain("again", tpm()))
    domain.createWithFlags(PAUSED)
    where = Tpm(stack, domain)
    pid = where.pid
    assert pid
    stack.kill("virtqemud")
    assert stack.virsh("domstate", "again").out.strip() == "paused"
    assert where.pid == pid
    domain.destroy()
    no_helper(stack)
    # the guest ends while nobody watches: what is left goes when the daemon comes back
    domain.createWithFlags(PAUSED)
    pid = Tpm(stack, domain).pid
    os.kill(pid, signal.SIGSTOP)         # it cannot end by itself
    emulator = stack.emulator_pid("again")
    stack.kill("virtqemud")
    os.kill(emulator, signal.SIGKILL)
    wait_for(lambda: stack.virsh("domstate", "again").out.strip() == "shut off", 20, "its end")
    no_helper(stack)


@needs_swtpm
@pytest.mark.parametrize("step", ["start-prepared", "start-helpers", "start-spawned"])
def test_killed_while_it_starts(make_stack, plain, step):
    """What was begun is gone: processes, sockets, a TPM that was made for nothing."""
    stack = make_stack(env={"VIRTBUS_CRASH_AT": step})
    stack.define(plain("half", tpm()))
    stack.virsh("start", "half", check=False)
    wait_for(lambda: stack.virsh("domstate", "half", check=False).out.strip() == "shut off", 20,
             "recovery")
    no_helper(stack)
    assert not glob.glob(stack.path("/run/libvirt/qemu/half*"))


def fake_program(tmp_path, name, script):
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text("#!/bin/sh\n" + script)
    path.chmod(0o755)
    return str(folder)


@needs_swtpm
def test_failures_leave_nothing(make_stack, plain, tmp_path):
    path = fake_program(tmp_path, "swtpm_setup", "exit 3\n")
    stack = make_stack(env={"PATH": "%s:%s" % (path, os.environ["PATH"])})
    connection = stack.open()
    domain = connection.defineXML(plain("bad", tpm()))
    log = stack.path("/var/log/swtpm/libvirt/qemu/bad-swtpm.log")
    refused(libvirt.VIR_ERR_INTERNAL_ERROR,
            "internal error: Could not run '%s/swtpm_setup'. exitstatus: 3; Check error log '%s' "
            "for details." % (path, log), domain.create)
    assert not os.path.exists(stack.path("/var/lib/libvirt/swtpm/" + domain.UUIDString()))
    # one that hangs is ended with the start
    fake_program(tmp_path, "swtpm_setup", "sleep 1000\n")
    start = subprocess.Popen(["virsh", "-q", "start", "bad"], env=stack.env,
                             stderr=subprocess.PIPE, text=True)
    setup = wait_for(lambda: next((holder(p) for p in glob.glob(
        stack.path("/run/libvirt/qemu/swtpm/*-swtpm-setup.pid")) if holder(p)), 0), 20, "setup")
    assert domain.state()[0] == libvirt.VIR_DOMAIN_PAUSED
    domain.destroy()
    assert start.wait(20) != 0 and "was destroyed while it started" in start.stderr.read()
    start.stderr.close()
    assert not os.path.exists("/proc/%d" % setup)
    no_helper(stack)
    # swtpm itself dies at once: its own words
    fake_program(tmp_path, "swtpm_setup", "exec /usr/bin/swtpm_setup \"$@\"\n")
    fake_program(tmp_path, "swtpm", "case \"$*\" in *--terminate*) echo no luck >&2; exit 1;; esac\n"
                                    "exec /usr/bin/swtpm \"$@\"\n")
    with pytest.raises(libvirt.libvirtError) as caught:
        domain.create()
    assert "swtpm died unexpectedly: no luck" in str(caught.value) or \
        "process exited while connecting to monitor" in str(caught.value)
    assert domain.state()[0] == libvirt.VIR_DOMAIN_SHUTOFF
    no_helper(stack)
    connection.close()


def test_tpm_refusals(connection, plain):
    secret = str(uuid.uuid4())
    refused(libvirt.VIR_ERR_NO_SECRET,
            "Secret not found: no secret with matching uuid '%s'" % secret, connection.createXML,
            plain("secret", tpm(inside="<encryption secret='%s'/>" % secret)))
    refused(libvirt.VIR_ERR_SYSTEM_ERROR,
            "Could not open TPM device /dev/tpm9: No such file or directory", connection.createXML,
            plain("pass", "<tpm model='tpm-tis'><backend type='passthrough'>"
                          "<device path='/dev/tpm9'/></backend></tpm>"))
    text = connection.domainXMLToNative("qemu-argv", plain(
        "pass", "<tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/tpm9'/>"
                "</backend></tpm>"), 0)
    assert "-tpmdev passthrough,id=tpm-tpm0,path=/dev/tpm9,cancel-path=/dev/null" in text


@needs_swtpm
def test_saved_with_its_tpm(stack, connection, plain):
    domain = connection.defineXML(plain("saved", tpm()))
    domain.create()
    domain.managedSave()
    assert leftovers(stack) == []
    domain.create()
    assert domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING and Tpm(stack, domain).pid
    domain.destroy()


# ---- virtiofsd

def fs_pidfile(stack, domain, alias="fs0"):
    return stack.path("/run/libvirt/qemu/%d-%s-%s-fs.pid" % (domain.ID(), domain.name(), alias))


def with_virtiofs(guest_kernel, folder):
    """The small guest's initrd and a second one behind it; (path, names of modules in their order)."""
    kernel, initrd = guest_kernel
    archive, names = guest_tool.Archive(), []
    archive.folder("more")
    for path in guest_tool.module_order(kernel, ("virtiofs",)):
        names.append(os.path.basename(path))
        archive.file("more/" + names[-1], content(path), 0o644)
    path = folder / "initrd.gz"
    path.write_bytes(content(initrd) + gzip.compress(archive.finish()))
    return str(path), names


@needs_virtiofsd
def test_a_guest_mounts_a_folder(stack, connection, guest_xml, guest_kernel, tmp_path):
    (tmp_path / "hello").write_text("from the host\n")
    initrd, modules = with_virtiofs(guest_kernel, tmp_path)
    xml = guest_xml("share", share(tmp_path), machine="q35", extra=SHARED)
    domain = connection.defineXML(xml.replace(guest_kernel[1], initrd))
    domain.create()
    console = stack.console("share")
    console.wait_ready()
    for module in modules:
        console.run("insmod /more/" + module)     # some are there already
    status, out = console.run("mkdir -p /mnt && mount -t virtiofs shared /mnt && cat /mnt/hello")
    assert status == 0 and "from the host" in out
    assert console.run("echo from the guest > /mnt/answer && sync")[0] == 0
    assert (tmp_path / "answer").read_text() == "from the guest\n"
    console.close()
    live = ET.fromstring(domain.XMLDesc()).find("devices/filesystem")
    assert live.find("binary").get("path") == VIRTIOFSD
    stored = ET.fromstring(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    assert stored.find("devices/filesystem/binary") is None
    pid = holder(fs_pidfile(stack, domain))
    words = command_line(pid)
    assert words[0] == VIRTIOFSD and words[2:] == ["-o", "source=%s" % tmp_path]
    log = stack.path("/var/log/libvirt/qemu/share-fs0-virtiofsd.log")
    assert "vhost-user" in open(log).read()
    # found again, ended with the guest
    stack.kill("virtqemud")
    assert stack.virsh("domstate", "share").out.strip() == "running"
    assert holder(fs_pidfile(stack, domain)) == pid
    pidfile = fs_pidfile(stack, domain)
    domain.destroy()
    wait_for(lambda: not os.path.exists("/proc/%d" % pid), 10, "end of virtiofsd")
    assert holder(pidfile) == 0 and leftovers(stack) == []


@needs_swtpm
@needs_virtiofsd
@pytest.mark.parametrize("is_stored", [True, False], ids=["stored", "transient"])
def test_found_again_without_a_status_file(stack, connection, plain, tmp_path, is_stored):
    """The file cannot be read any more: what serves a guest that lives is left to it, and ends with it."""
    text = plain("spoiled", share(tmp_path) + tpm(), SHARED)
    domain = connection.defineXML(text) if is_stored else None
    if domain:
        domain.createWithFlags(PAUSED)
    else:
        domain = connection.createXML(text, PAUSED)
    emulator, pidfile, where = stack.emulator_pid("spoiled"), fs_pidfile(stack, domain), Tpm(stack, domain)
    helpers = (holder(pidfile), where.pid)
    assert all(helpers)
    stack.kill("virtqemud")
    with open(stack.path("/run/libvirt/qemu/spoiled.xml"), "wb") as f:
        f.write(b"\0garbage{<" * 100)
    assert ("spoiled" in stack.virsh("list", "--all", "--name").out.split()) == is_stored
    assert (holder(pidfile), where.pid) == helpers and stack.emulator_pid("spoiled") == emulator
    if is_stored:
        wait_for(lambda: stack.virsh("domstate", "spoiled").out.strip() == "paused", 20, "the true state")
        stack.virsh("destroy", "spoiled")
    else:
        os.kill(emulator, signal.SIGKILL)       # nobody watches it
        wait_for(lambda: not holder(stack.path("/run/libvirt/qemu/spoiled.pid")), 10, "end of the emulator")
        stack.kill("virtqemud")
        stack.virsh("list")
    wait_for(lambda: not os.path.exists(pidfile) and not any(os.path.exists("/proc/%d" % pid) for pid in helpers), 10,
             "end of the helpers")
    if is_stored:
        assert leftovers(stack) == []


@needs_virtiofsd
def test_options_of_a_share(stack, connection, plain, tmp_path):
    source = tmp_path / "a,b"
    source.mkdir()
    inside = ("<binary path='%s' xattr='on'><cache mode='always'/><sandbox mode='chroot'/>"
              "<lock posix='on' flock='off'/><thread_pool size='16'/></binary>" % VIRTIOFSD)
    domain = connection.createXML(plain("options", share(source, inside, " queue='512'"), SHARED),
                                  PAUSED)
    assert command_line(holder(fs_pidfile(stack, domain)))[2:] == [
        "-o", "source=%s,cache=always,sandbox=chroot,xattr,no_flock,posix_lock"
        % str(source).replace(",", "\\,"), "--thread-pool-size=16"]
    domain.destroy()
    no_helper(stack)


@needs_virtiofsd
def test_share_refusals(stack, connection, plain, tmp_path):
    unsupported = libvirt.VIR_ERR_CONFIG_UNSUPPORTED
    refused(unsupported, "unsupported configuration: 'virtiofs' requires shared memory",
            connection.defineXML, plain("x", share(tmp_path)))
    refused(libvirt.VIR_ERR_INTERNAL_ERROR,
            "internal error: the virtiofs export directory '/none/such' does not exist",
            connection.createXML, plain("x", share("/none/such"), SHARED))
    refused(libvirt.VIR_ERR_SYSTEM_ERROR,
            "Cannot execute binary '/none/virtiofsd': No such file or directory",
            connection.createXML,
            plain("x", share(tmp_path, "<binary path='/none/virtiofsd'/>"), SHARED))
    with pytest.raises(libvirt.libvirtError) as caught:
        connection.createXML(plain("x", share(tmp_path, "<binary path='/bin/false'/>"), SHARED))
    assert "virtiofsd died unexpectedly" in str(caught.value) or \
        "Failed to connect to" in str(caught.value)
    os.makedirs(stack.path("/etc/qemu/vhost-user"))
    for name in os.listdir("/usr/share/qemu/vhost-user"):
        with open(stack.path("/etc/qemu/vhost-user/" + name), "w"):
            pass
    with pytest.raises(libvirt.libvirtError) as caught:
        connection.createXML(plain("x", share(tmp_path), SHARED))
    assert caught.value.get_error_code() == libvirt.VIR_ERR_OPERATION_UNSUPPORTED
    assert "Unable to find a satisfying virtiofsd" in str(caught.value)
    assert connection.listAllDomains() == [] and leftovers(stack) == []


@needs_virtiofsd
def test_a_share_that_somebody_else_serves(stack, connection, plain, tmp_path):
    path = str(tmp_path / "own.sock")
    own = subprocess.Popen([VIRTIOFSD, "--socket-path=" + path, "-o", "source=%s" % tmp_path],
                           stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: os.path.exists(path), 10, "socket")
        domain = connection.createXML(plain(
            "own", "<filesystem type='mount'><driver type='virtiofs'/><source socket='%s'/>"
                   "<target dir='tag'/></filesystem>" % path, SHARED), PAUSED)
        assert domain.isActive() and leftovers(stack) == []
        domain.destroy()
    finally:
        own.kill()
        own.wait()


def test_domain_capabilities(connection):
    tree = ET.fromstring(connection.getDomainCapabilities(None, None, "q35", "qemu"))

    def section(name):
        part = tree.find("devices/" + name)
        return part.get("supported"), {e.get("name"): [v.text for v in e] for e in part}
    supported, enums = section("filesystem")
    assert supported == "yes" and "virtiofs" in enums["driverType"]
    supported, enums = section("tpm")
    assert supported == "yes" and enums["model"] == ["tpm-tis", "tpm-crb"]
    assert enums["backendModel"][0] == "passthrough"
    assert ("emulator" in enums["backendModel"]) == bool(shutil.which("swtpm"))
