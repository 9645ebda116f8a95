# SPDX-License-Identifier: LGPL-2.1-or-later
"""What several tests do inside the machine."""

import functools
import json
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SERVICES = ("virtproxyd", "virtqemud", "virtnodedevd")

# emulated within an emulated machine: as little as possible.
GUEST = """<domain type="qemu"><name>%s</name><memory unit="MiB">16</memory><vcpu>1</vcpu>
<os><type arch="x86_64" machine="pc">hvm</type></os><features><acpi/></features>
<devices><controller type="usb" model="none"/><serial type="pty"/><console type="pty"/><memballoon model="none"/>
</devices></domain>
"""

OBEDIENT = "/var/lib/libvirt/images/obedient"
TALK = """
import sys, libvirt
name, word, expected = sys.argv[1:]
connection = libvirt.open()
stream = connection.newStream(0)
connection.lookupByName(name).openConsole(None, stream, 0)
stream.send(word.encode())
answer = b""
while expected.encode() not in answer:
    answer += stream.recv(100)
print(answer)
stream.abort()
"""


@functools.lru_cache(maxsize=None)
def obedient_sector():
    """The boot sector of kit/obedient.S."""
    with tempfile.TemporaryDirectory() as work:
        program = os.path.join(work, "o")
        subprocess.run(["as", "--32", "-o", program + ".o", os.path.join(HERE, "kit", "obedient.S")], check=True)
        subprocess.run(["ld", "-m", "elf_i386", "-Ttext", "0x7c00", "--oformat", "binary", "-o", program, program + ".o"],
                       check=True)
        with open(program, "rb") as f:
            return f.read()


def obedient(machine, xml):
    """A guest's definition with a disk that makes it talk and obey: kit/obedient.S."""
    machine.run(["sh", "-c", "mkdir -p ${0%/*}; printf \"$1\" > $0; truncate -s 1M $0", OBEDIENT,
                 "".join("\\%03o" % byte for byte in obedient_sector())])
    disk = '<disk type="file"><driver name="qemu" type="raw"/><source file="%s"/><target dev="hda" bus="ide"/></disk>'
    return xml.replace("</devices>", disk % OBEDIENT + "</devices>")


def talk(machine, name, word, expected):
    """Types @word on a guest's console, as virsh console does, and reads until @expected has come."""
    machine.run(["timeout", "60", "python3", "-c", TALK, name, word, expected])


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
