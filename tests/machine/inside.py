# SPDX-License-Identifier: LGPL-2.1-or-later
"""What several tests do inside the machine."""

import json

SERVICES = ("virtproxyd", "virtqemud", "virtnodedevd")

# emulated within an emulated machine: as little as possible.
GUEST = """<domain type="qemu"><name>%s</name><memory unit="MiB">16</memory><vcpu>1</vcpu>
<os><type arch="x86_64" machine="pc">hvm</type></os><features><acpi/></features>
<devices><controller type="usb" model="none"/><serial type="pty"/><console type="pty"/><memballoon model="none"/>
</devices></domain>
"""


def define(machine, name, change=lambda xml: xml):
    machine.run("cat > /tmp/%s.xml && virsh -q define /tmp/%s.xml" % (name, name), data=change(GUEST % name))


def remove(machine, *names):
    for name in names:
        machine.run("virsh destroy %s; virsh undefine %s --managed-save" % (name, name), check=False)


def main_pid(machine, unit, *options, **more):
    """Of a service; 0 while it does not run."""
    return int(machine.run(["systemctl", *options, "show", "-P", "MainPID", unit], **more).out)


def emulator(machine, name):
    return int(machine.run("cat /run/libvirt/qemu/%s.pid" % name).out)


def stop_daemons(machine):
    machine.run(["systemctl", "stop", *("%s.service" % s for s in SERVICES)])


def running(machine):
    return [s for s in SERVICES if main_pid(machine, s + ".service")]


def qemu_call(machine, method, *arguments, check=True, user=None):
    """A call on virtqemud's root object with busctl; its result as JSON says it."""
    result = machine.run(["busctl", "--json=short", "call", "org.virtbus.Qemu", "/org/virtbus/qemu",
                          "org.virtbus.Hypervisor1", method, *arguments], check=check, user=user)
    return json.loads(result.out)["data"] if result.status == 0 and result.out else result
