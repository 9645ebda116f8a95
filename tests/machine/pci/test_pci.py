# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine has the devices that its profile promises: tests of node devices rely on them."""

import pytest

NVME = "/sys/bus/pci/devices/0000:01:00.0"
PARENT, INSTANCE = "/sys/class/mdev_bus/mtty", "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"


@pytest.fixture
def functions(machine):
    """Two virtual functions of the NVMe controller."""
    machine.run("echo 0 > %s/sriov_drivers_autoprobe; echo 2 > %s/sriov_numvfs" % (NVME, NVME))
    yield "0000:01:00.1", "0000:01:00.2"
    machine.run("echo 0 > %s/sriov_numvfs" % NVME)


def link(machine, path):
    return machine.run(["readlink", path]).out.strip().split("/")[-1]


def test_virtual_functions(machine, functions):
    assert machine.run("cat %s/sriov_totalvfs" % NVME).out.strip() == "4"
    for index, address in enumerate(functions):
        assert link(machine, "%s/virtfn%d" % (NVME, index)) == address
        assert link(machine, "/sys/bus/pci/devices/%s/physfn" % address) == "0000:01:00.0"


def test_iommu_groups(machine, functions):
    groups = [link(machine, "/sys/bus/pci/devices/%s/iommu_group" % a) for a in functions]
    assert len(set(groups)) == 2
    shared = {link(machine, "/sys/bus/pci/devices/0000:00:1f.%d/iommu_group" % f) for f in (0, 2, 3)}
    assert len(shared) == 1


def test_vfio(machine, functions):
    device = "/sys/bus/pci/devices/" + functions[0]
    group = link(machine, device + "/iommu_group")
    machine.run("modprobe vfio-pci; echo vfio-pci > %s/driver_override; echo %s > /sys/bus/pci/drivers_probe"
                % (device, functions[0]))
    assert link(machine, device + "/driver") == "vfio-pci"
    machine.wait("[ -c /dev/vfio/%s ]" % group)


def test_mediated_devices(machine):
    machine.run("modprobe mdev && insmod /usr/lib/virtbus-machine/mtty.ko")
    kind = PARENT + "/mdev_supported_types/mtty-1"
    free = int(machine.run("cat %s/available_instances" % kind).out)
    machine.run("echo %s > %s/create" % (INSTANCE, kind))
    assert link(machine, "/sys/bus/mdev/devices/%s/mdev_type" % INSTANCE) == "mtty-1"
    assert int(machine.run("cat %s/available_instances" % kind).out) == free - 1
    assert INSTANCE in machine.run("mdevctl list").out
    machine.run("echo 1 > /sys/bus/mdev/devices/%s/remove; rmmod mtty" % INSTANCE)


def test_scsi(machine):
    machine.run("modprobe scsi_debug dev_size_mb=64 num_tgts=1 max_luns=2; udevadm settle")
    assert machine.run("lsscsi -g").out.count("scsi_debug") == 2
    machine.run("rmmod scsi_debug")


def test_fibre_channel(machine):
    """FCoE between the ends of a veth pair, and a virtual port on it."""
    machine.run("ip link add fa type veth peer name fb; ip link set fa up; ip link set fb up; modprobe fcoe;"
                "for i in fa fb; do echo $i > /sys/bus/fcoe/ctlr_create; done;"
                "for c in /sys/bus/fcoe/devices/ctlr_*; do echo vn2vn > $c/mode; echo 1 > $c/enabled; done")
    machine.wait("[ $(cat /sys/class/fc_host/*/port_state | grep -c Online) = 2 ]")
    host = machine.run("ls /sys/class/fc_host | head -1").out.strip()
    names = "20000000c9831b4b:10000000c9831b4b"
    machine.run("echo %s > /sys/class/fc_host/%s/vport_create" % (names, host))
    assert machine.run("cat /sys/class/fc_host/%s/npiv_vports_inuse" % host).out.strip() == "1"
    machine.run("echo %s > /sys/class/fc_host/%s/vport_delete" % (names, host))


def test_hot_plug(machine):
    machine.qmp("device_add", driver="virtio-net-pci", id="hnic", bus="rp3")
    machine.wait("[ -d /sys/bus/pci/devices/0000:03:00.0/virtio* ]")
    machine.qmp("device_del", id="hnic")
    machine.wait("[ ! -d /sys/bus/pci/devices/0000:03:00.0 ]")
