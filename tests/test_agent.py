# SPDX-License-Identifier: LGPL-2.1-or-later
"""The guest agent through stock clients. The agent is a shell script inside a real guest, at the real end of its
virtio-serial port: it answers what a test told it to."""

import json
import uuid
import xml.etree.ElementTree as ET

import libvirt
import libvirt_qemu
import pytest

import guest as guest_tool
from harness import Stack, wait_for

CHANNEL = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
NET = "<interface type='user'><mac address='52:54:00:11:22:33'/><model type='virtio'/></interface>"
DISK = ("<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='%s'/>"
        "<target dev='vda' bus='virtio'/></disk>")

# reads commands, logs them, answers with the file of their name; without one, like an agent that does not know it
AGENT = r"""
for p in /sys/class/virtio-ports/*; do [ "$(cat $p/name)" = org.qemu.guest_agent.0 ] && dev=/dev/${p##*/}; done
exec 3<>$dev
echo open > /tmp/open
while :; do
while read -r line <&3; do
name=${line#*\"execute\":\"}
name=${name%%\"*}
case "$name" in
guest-sync-delimited) [ -e /tmp/mute ] && continue; id=${line##*\"id\":}; id=${id%%\}*}; echo '{"return": 5}' >&3; printf '\377{"return": %s}\n' "$id" >&3; continue;;
esac
echo "$line" >> /tmp/log
case "$name" in
guest-shutdown) case "$line" in *reboot*) reboot -f;; *) poweroff -f;; esac;;
guest-suspend-ram) echo mem > /sys/power/state; continue;;
esac
[ -e /tmp/slow ] && continue
if [ -e /tmp/reply.$name ]; then cat /tmp/reply.$name >&3
else echo "{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"The command $name has not been found\"}}" >&3
fi
done
usleep 20000
done
"""


def quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


class Agent:
    """The script in the guest."""

    def __init__(self, stack, name):
        self.stack, self.name = stack, name
        self.console = stack.console(name)
        self.console.wait_ready()
        for line in AGENT.strip().splitlines():
            assert self.console.run("echo %s >> /tmp/agent" % quote(line))[0] == 0
        self.console.run("sh /tmp/agent < /dev/null > /dev/null 2>&1 &")
        wait_for(lambda: self.state() == "connected", 20, "agent")

    def state(self):
        tree = ET.fromstring(self.stack.virsh("dumpxml", self.name).out)
        return tree.find("devices/channel/target").get("state")

    def answer(self, command, value):
        text = json.dumps({"return": value})
        assert self.console.run("echo %s > /tmp/reply.%s" % (quote(text), command))[0] == 0

    def last_command(self):
        status, out = self.console.run("tail -n 1 /tmp/log")
        assert status == 0
        return json.loads(out.strip().splitlines()[-1])

    def shell(self, line):
        assert self.console.run(line)[0] == 0


def make_xml(kernel, initrd, name, devices=""):
    return """<domain type='qemu'><name>%s</name><uuid>%s</uuid><memory unit='MiB'>128</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type><kernel>%s</kernel><initrd>%s</initrd><cmdline>%s</cmdline></os>
<features><acpi/></features><devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
<serial type='pty'><target port='0'/></serial>%s</devices></domain>""" % (
        name, uuid.uuid5(uuid.NAMESPACE_DNS, name), kernel, initrd, guest_tool.CMDLINE, devices)


@pytest.fixture(scope="module")
def agent(build_dir, guest_kernel, tmp_path_factory):
    """One guest for all that only ask."""
    disk = tmp_path_factory.mktemp("agent") / "disk.raw"
    disk.write_bytes(b"\0" * 1048576)
    stack = Stack(build_dir)
    stack.define(make_xml(*guest_kernel, "guest", CHANNEL + NET + DISK % disk))
    stack.virsh("start", "guest")
    yield Agent(stack, "guest")
    stack.close()
    stack.check_logs()


def test_time(agent):
    agent.answer("guest-get-time", 1600000000123456789)
    assert agent.stack.virsh("domtime", "guest").out.strip() == "Time: 1600000000"
    agent.answer("guest-set-time", {})
    agent.stack.virsh("domtime", "guest", "--time", "1500000000")
    assert agent.last_command() == {"execute": "guest-set-time", "arguments": {"time": 1500000000000000000}}
    agent.stack.virsh("domtime", "guest", "--sync")
    assert agent.last_command() == {"execute": "guest-set-time"}


def test_hostname_and_addresses(agent):
    agent.answer("guest-get-host-name", {"host-name": "small"})
    assert agent.stack.virsh("domhostname", "guest", "--source", "agent").out.strip() == "small"
    agent.answer("guest-network-get-interfaces", [
        {"name": "lo", "ip-addresses": [{"ip-address": "127.0.0.1", "ip-address-type": "ipv4", "prefix": 8}]},
        {"name": "eth0", "hardware-address": "52:54:00:11:22:33", "ip-addresses": [
            {"ip-address": "10.0.2.15", "ip-address-type": "ipv4", "prefix": 24},
            {"ip-address": "fe80::1", "ip-address-type": "ipv6", "prefix": 64}, {"ip-address-type": "ipv9"}, 7]}])
    out = agent.stack.virsh("domifaddr", "guest", "--source", "agent", "--full").out
    assert [line.split() for line in out.strip().splitlines() if "eth0" in line] == [
        ["eth0", "52:54:00:11:22:33", "ipv4", "10.0.2.15/24"], ["eth0", "52:54:00:11:22:33", "ipv6", "fe80::1/64"]]
    with agent.stack.open(readonly=True) as c:
        with pytest.raises(libvirt.libvirtError):
            c.lookupByName("guest").interfaceAddresses(libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT)


def test_filesystems(agent):
    pci = ET.fromstring(agent.stack.virsh("dumpxml", "guest").out).find("devices/disk/address")
    place = {"bus-type": "virtio", "bus": 0, "target": 0, "unit": 0, "serial": "s1", "dev": "/dev/vda1",
             "pci-controller": {k: int(pci.get(k), 16) for k in ("domain", "bus", "slot", "function")}}
    agent.answer("guest-get-fsinfo", [
        {"name": "vda1", "mountpoint": "/", "type": "ext4", "total-bytes": 1000, "used-bytes": 10, "disk": [place]},
        {"name": "tmp", "mountpoint": "/tmp", "type": "tmpfs", "disk": []}])
    out = agent.stack.virsh("domfsinfo", "guest").out
    assert [line.split() for line in out.strip().splitlines()] == [
        ["/", "vda1", "ext4", "vda"], ["/tmp", "tmp", "tmpfs"]]
    agent.answer("guest-fsfreeze-freeze", 2)
    agent.answer("guest-fsfreeze-freeze-list", 1)
    agent.answer("guest-fsfreeze-thaw", 2)
    agent.answer("guest-fstrim", {"paths": []})
    with agent.stack.open() as c:
        domain = c.lookupByName("guest")
        assert domain.fsFreeze() == 2 and domain.fsThaw() == 2
        assert domain.fsFreeze(["/tmp"]) == 1
    assert agent.last_command()["arguments"] == {"mountpoints": ["/tmp"]}
    agent.stack.virsh("domfsthaw", "guest")
    assert "specifying mountpoints" in agent.stack.virsh("domfsthaw", "guest", "--mountpoint", "/", check=False).err
    agent.stack.virsh("domfstrim", "guest", "--minimum", "512")
    assert agent.last_command()["arguments"] == {"minimum": 512}
    assert "not supported" in agent.stack.virsh("domfstrim", "guest", "--mountpoint", "/", check=False).err


def test_users(agent):
    agent.answer("guest-set-user-password", {})
    agent.stack.virsh("set-user-password", "guest", "root", "secret")
    assert agent.last_command()["arguments"] == {"username": "root", "password": "c2VjcmV0", "crypted": False}
    agent.answer("guest-ssh-get-authorized-keys", {"keys": ["ssh-ed25519 AAAA one"]})
    assert agent.stack.virsh("get-user-sshkeys", "guest", "root").out.strip() == "ssh-ed25519 AAAA one"
    agent.answer("guest-ssh-add-authorized-keys", {})
    with agent.stack.open() as c:
        c.lookupByName("guest").authorizedSSHKeysSet("root", ["ssh-rsa B"], libvirt.VIR_DOMAIN_AUTHORIZED_SSH_KEYS_SET_APPEND)
    assert agent.last_command()["arguments"] == {"username": "root", "keys": ["ssh-rsa B"], "reset": False}


def test_vcpus(agent):
    agent.answer("guest-get-vcpus", [{"logical-id": 0, "online": True, "can-offline": False},
                                     {"logical-id": 1, "online": False, "can-offline": True}])
    out = agent.stack.virsh("guestvcpus", "guest").out
    assert [line.split() for line in out.strip().splitlines()] == [
        ["vcpus", ":", "0-1"], ["online", ":", "0"], ["offlinable", ":", "1"]]
    agent.answer("guest-set-vcpus", 1)
    agent.stack.virsh("guestvcpus", "guest", "1", "--enable")
    assert agent.last_command()["arguments"] == {"vcpus": [{"logical-id": 1, "online": True}]}


def test_number_of_vcpus(agent):
    cpus = [{"logical-id": 0, "online": True, "can-offline": False},
            {"logical-id": 1, "online": True, "can-offline": True},
            {"logical-id": 2, "online": False, "can-offline": True}]
    agent.answer("guest-get-vcpus", cpus)
    virsh = agent.stack.virsh
    assert virsh("vcpucount", "guest", "--guest", "--active").out.split() == ["2"]
    connection = agent.stack.open()
    domain = connection.lookupByName("guest")
    assert domain.vcpusFlags(libvirt.VIR_DOMAIN_VCPU_GUEST | libvirt.VIR_DOMAIN_VCPU_MAXIMUM) == 3
    # the guest was defined with one vCPU: more than that cannot be used
    refused = virsh("setvcpus", "guest", "2", "--guest", check=False)
    assert refused.status and "count of enabled vcpus in the domain: 2 > 1" in refused.err
    agent.answer("guest-set-vcpus", 1)
    virsh("setvcpus", "guest", "1", "--guest")
    assert agent.last_command()["arguments"] == {"vcpus": [{"logical-id": 1, "online": False}]}
    agent.answer("guest-get-vcpus", [dict(cpu, **{"online": True, "can-offline": False}) for cpu in cpus])
    refused = virsh("setvcpus", "guest", "1", "--guest", check=False)
    assert refused.status and "Cannot offline enough CPUs" in refused.err
    guest, unknown = libvirt.VIR_DOMAIN_VCPU_GUEST, 0x100
    for function, call in (("Get", lambda: domain.vcpusFlags(guest | unknown)), ("Set", lambda: domain.setVcpusFlags(1, guest | unknown))):
        with pytest.raises(libvirt.libvirtError, match=r"unsupported flags \(0x100\) in function qemuDomain%sVcpusFlags" % function) as caught:
            call()
        assert caught.value.get_error_code() == libvirt.VIR_ERR_INVALID_ARG
    connection.close()
    readonly = agent.stack.open(readonly=True)
    with pytest.raises(libvirt.libvirtError) as caught:
        readonly.lookupByName("guest").vcpusFlags(libvirt.VIR_DOMAIN_VCPU_GUEST)
    assert caught.value.get_error_code() == libvirt.VIR_ERR_OPERATION_DENIED
    readonly.close()


def test_info(agent):
    agent.shell("rm -f /tmp/reply.*")
    agent.answer("guest-get-users", [{"user": "root", "login-time": 12.5}])
    agent.answer("guest-get-osinfo", {"id": "debian", "pretty-name": "Debian 12", "strange": 7})
    agent.answer("guest-get-timezone", {"zone": "UTC", "offset": -60})
    # what it does not know is left out, unless it was asked for by name
    out = agent.stack.virsh("guestinfo", "guest").out
    assert [line.split() for line in out.strip().splitlines()] == [
        ["user.count", ":", "1"], ["user.0.name", ":", "root"], ["user.0.login-time", ":", "12500"],
        ["os.id", ":", "debian"], ["os.pretty-name", ":", "Debian", "12"],
        ["timezone.name", ":", "UTC"], ["timezone.offset", ":", "-60"]]
    assert "guest-get-fsinfo" in agent.stack.virsh("guestinfo", "guest", "--filesystem", check=False).err
    agent.answer("guest-get-disks", [{"name": "/dev/vda", "partition": False, "dependencies": []},
                                     {"name": "/dev/vda1", "partition": True, "dependencies": ["/dev/vda"]}])
    with agent.stack.open() as c:
        info = c.lookupByName("guest").guestInfo(libvirt.VIR_DOMAIN_GUEST_INFO_DISKS)
    assert info == {"disk.count": 2, "disk.0.name": "/dev/vda", "disk.0.partition": False, "disk.1.name": "/dev/vda1",
                    "disk.1.partition": True, "disk.1.dependency.count": 1, "disk.1.dependency.0.name": "/dev/vda"}


def test_raw_command_and_errors(agent):
    agent.answer("guest-ping", {})
    out = agent.stack.virsh("qemu-agent-command", "guest", '{"execute":"guest-ping"}').out
    assert json.loads(out) == {"return": {}}
    err = agent.stack.virsh("qemu-agent-command", "guest", '{"execute":"guest-nope"}', check=False).err
    assert "unable to execute QEMU agent command 'guest-nope': The command guest-nope has not been found" in err
    with agent.stack.open() as c:
        domain = c.lookupByName("guest")
        with pytest.raises(libvirt.libvirtError):
            libvirt_qemu.qemuAgentCommand(domain, "no json", -1, 0)
        with pytest.raises(libvirt.libvirtError, match="less than the minimum"):
            libvirt_qemu.qemuAgentCommand(domain, "{}", -3, 0)
        assert "custom guest agent control commands issued" in " ".join(domain.messages())
        agent.shell("touch /tmp/slow")
        with pytest.raises(libvirt.libvirtError) as e:
            libvirt_qemu.qemuAgentCommand(domain, '{"execute":"guest-ping"}', 1, 0)
        assert e.value.get_error_code() == 112   # VIR_ERR_AGENT_COMMAND_TIMEOUT
        agent.shell("rm /tmp/slow")
        # an answer that came too late is nobody's
        assert json.loads(libvirt_qemu.qemuAgentCommand(domain, '{"execute":"guest-ping"}', 5, 0)) == {"return": {}}
        assert domain.agentSetResponseTimeout(2, 0) == 0
        with pytest.raises(libvirt.libvirtError):
            domain.agentSetResponseTimeout(-3, 0)


def test_mute_agent(agent):
    """Nobody answers the greeting: an error within the time limit; who only reads does not wait."""
    agent.shell("touch /tmp/mute")
    result = agent.stack.virsh("domtime", "guest", check=False)
    assert "Guest agent is not responding: Guest agent not available for now" in result.err
    assert agent.stack.virsh("domstate", "guest").out.strip() == "running"
    agent.shell("rm /tmp/mute")
    agent.answer("guest-get-time", 1)
    agent.stack.virsh("domtime", "guest")


def test_no_agent(stack, guest_xml):
    stack.define(guest_xml("none", plain=True))
    assert "domain is not running" in stack.virsh("domtime", "none", check=False).err
    stack.virsh("start", "none")
    for command in (("domtime", "none"), ("shutdown", "none", "--mode", "agent"), ("domfsfreeze", "none"),
                    ("domifaddr", "none", "--source", "agent")):
        assert "QEMU guest agent is not configured" in stack.virsh(*command, check=False).err
    stack.virsh("destroy", "none")
    stack.define(guest_xml("alone", devices=CHANNEL, plain=True))
    stack.virsh("start", "alone")
    assert "QEMU guest agent is not connected" in stack.virsh("domtime", "alone", check=False).err
    stack.virsh("destroy", "alone")


def test_power(stack, guest_kernel):
    """Reboot, sleep, waking up and shutting down by the agent."""
    stack.define(make_xml(*guest_kernel, "guest", CHANNEL))
    events = stack.record(member="Event")
    stack.virsh("start", "guest")
    agent = Agent(stack, "guest")
    stack.virsh("reboot", "guest", "--mode", "agent")
    events.wait_for(lambda p, i, m, a: a[1] == "reboot", 20)
    agent.console.close()
    agent = Agent(stack, "guest")
    stack.virsh("dompmsuspend", "guest", "mem")
    assert stack.virsh("domstate", "guest").out.strip() == "pmsuspended"
    events.wait_for(lambda p, i, m, a: a[1] == "pmsuspend", 10)
    assert "domain is pmsuspended" in stack.virsh("suspend", "guest", check=False).err
    stack.virsh("dompmwakeup", "guest")
    events.wait_for(lambda p, i, m, a: a[1] == "pmwakeup", 10)
    assert stack.virsh("domstate", "guest").out.strip() == "running"
    assert "not in state 'pmsuspended'" in stack.virsh("dompmwakeup", "guest", check=False).err
    # its serial port comes back a moment after it, and may spoil what was typed before
    wait_for(lambda: agent.console.run("true")[0] == 0, 10, "a console that is awake")
    stack.virsh("shutdown", "guest", "--mode", "agent")
    wait_for(lambda: stack.virsh("domstate", "guest").out.strip() == "shut off", 20, "end of the guest")
    assert stack.virsh("domstate", "guest", "--reason").out.strip() == "shut off (shutdown)"
    agent.console.close()


def test_shutdown_prefers_the_agent(stack, guest_kernel):
    """Without a mode the agent is asked; when it does not answer, the button is pressed."""
    stack.define(make_xml(*guest_kernel, "guest", CHANNEL))
    stack.virsh("start", "guest")
    agent = Agent(stack, "guest")
    agent.shell("touch /tmp/mute")
    stack.virsh("shutdown", "guest")
    # its last words may go with the terminal
    wait_for(lambda: "shut off (shutdown)" in stack.virsh("domstate", "guest", "--reason").out, 40,
             "the guest's own end")
