# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what, decided by a real polkitd, in libvirt's words, the same on all three contracts: the sockets, our own
interfaces on the bus, and org.libvirt."""

import pytest

from inside import qemu_call

RULE = """polkit.addRule(function(action, subject) {
    if (action.id == "org.libvirt.unix.manage" && subject.user == "alice") return polkit.Result.%s;
});
"""
NO_AGENT = ("authentication unavailable: no polkit agent available to authenticate action "
            "'org.libvirt.unix.manage'")
DENIED = "authentication failed: access denied by policy"
LIBVIRT = ["busctl", "call", "org.libvirt", "/org/libvirt/QEMU", "org.libvirt.Connect"]


@pytest.fixture
def rule(machine):
    """A function that lets an administrator's rule say something else about alice."""
    def say(answer):
        machine.run("cat > /etc/polkit-1/rules.d/10-alice.rules", data=RULE % answer)
        # polkitd reads its rules again by itself, a moment later
        machine.wait("pkcheck --action-id org.libvirt.unix.manage --process $(pgrep -o -u alice sleep); [ $? = %d ]"
                     % (0 if answer == "YES" else 1))
    sleeper = machine.spawn(["sleep", "1000"], user="alice")
    machine.wait("pgrep -u alice sleep > /dev/null")
    yield say
    machine.run("rm -f /etc/polkit-1/rules.d/10-alice.rules")
    machine.kill(sleeper)
    machine.collect(sleeper)


def answers(machine, user):
    """What a user hears on the rw socket, on the bus and from org.libvirt: "" when it is allowed."""
    socket = machine.run("virsh -q list --name", check=False, user=user, env={"LIBVIRT_DEFAULT_URI": "qemu:///system"})
    # with permission the call itself is refused, for what it says
    bus = qemu_call(machine, "DefineDomain", "su", "<domain/>", "0", check=False, user=user)
    legacy = machine.run(LIBVIRT + ["DomainDefineXML", "s", "<domain/>"], check=False, user=user)
    heard = [socket.err.strip().rpartition("error: ")[2]]
    for call in (bus, legacy):
        assert call.status != 0
        said = call.err.strip().replace("Call failed: ", "")
        heard.append("" if said.startswith("XML error") else said)
    return heard


def test_anybody_may_look(machine):
    uri = {"LIBVIRT_DEFAULT_URI": "qemu:///system"}
    assert machine.run("virsh -r list --name", user="alice", env=uri).out.strip() == ""
    assert qemu_call(machine, "ListDomains", "u", "0", user="alice") == [[]]
    assert machine.run(LIBVIRT + ["ListDomains", "u", "0"], user="alice").out.strip() == "ao 0"
    result = machine.run("virsh -r create /dev/null", check=False, user="alice", env=uri)
    assert result.status != 0 and "read only access prevents virDomainCreateXML" in result.err


def test_others_are_refused(machine):
    assert answers(machine, "alice") == [NO_AGENT] * 3


def test_private_socket_is_private(machine):
    result = machine.run(["busctl", "--address=unix:path=/run/virtbus/virtqemud.sock", "list"], check=False, user="alice")
    assert "Permission denied" in result.err


def test_a_rule_allows(machine, rule):
    rule("YES")
    assert answers(machine, "alice") == [""] * 3


def test_a_rule_denies(machine, rule):
    rule("NO")
    assert answers(machine, "alice") == [DENIED] * 3


def test_group(machine):
    """By virtbus' own rule: libvirt's package, which brings the same, is not there on most hosts."""
    kept = "/usr/share/polkit-1/rules.d/60-libvirt.rules"
    machine.run("mv %s %s.off; gpasswd -a bob libvirt; systemctl restart polkit" % (kept, kept))
    try:
        assert answers(machine, "bob") == [""] * 3
        assert answers(machine, "alice") == [NO_AGENT] * 3
    finally:
        machine.run("mv %s.off %s; gpasswd -d bob libvirt; systemctl restart polkit" % (kept, kept))
