# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machines that there are: what QEMU is given for each, and which kernel and image it boots."""

from collections import namedtuple

# image: a set of tests/machine/packages; kernel: of machine_image.KERNELS; append: the kernel's command line;
# xen: boot below Xen, with these words for it; has_samples: with Linux' sample mediated devices, as modules; code_mib: for
# translated code, of which a CPU that is plugged in needs a part: QEMU 7.2 ends when all is taken
Profile = namedtuple("Profile", "image kernel args append xen has_samples code_mib",
                     defaults=("base", "cloud", (), "", "", False, 512))


def words(text):
    return tuple(text.split())


# latency in ns, bandwidth in MB/s: initiator, target, read and write latency, read and write bandwidth
HMAT = ((0, 0, 10, 12, 20000, 18000), (1, 1, 10, 12, 20000, 18000), (0, 1, 20, 22, 10000, 9000),
        (1, 0, 20, 22, 10000, 9000), (0, 2, 100, 110, 3000, 2000), (1, 2, 50, 55, 5000, 4000))
CACHES = ("node-id=0,size=16M,level=1,associativity=direct,policy=write-back,line=64",
          "node-id=1,size=16M,level=1,associativity=complex,policy=write-through,line=128",
          "node-id=2,size=8M,level=1,associativity=none,policy=none,line=8")


def numa_args():
    """Two nodes with CPUs, one with memory alone; room for more memory and CPUs."""
    args = list(words("-machine q35,hmat=on -cpu Westmere -m 3G,slots=4,maxmem=8G "
                      "-smp 4,sockets=3,cores=2,threads=1,maxcpus=6 -device pcie-root-port,id=rp1,chassis=1,addr=3.0"))
    for node, size, initiator in ((0, "1536M", 0), (1, "1G", 1), (2, "512M", 1)):
        args += ["-object", "memory-backend-ram,id=m%d,size=%s" % (node, size),
                 "-numa", "node,nodeid=%d,memdev=m%d,initiator=%d" % (node, node, initiator)]
    args += words("-numa cpu,node-id=0,socket-id=0 -numa cpu,node-id=1,socket-id=1 -numa cpu,node-id=1,socket-id=2 "
                  "-numa dist,src=0,dst=1,val=20 -numa dist,src=0,dst=2,val=30 -numa dist,src=1,dst=2,val=24")
    for initiator, target, *values in HMAT:
        kinds = ("read-latency,latency=%d", "write-latency,latency=%d", "read-bandwidth,bandwidth=%dM",
                 "write-bandwidth,bandwidth=%dM")
        for kind, value in zip(kinds, values):
            args += ["-numa", "hmat-lb,initiator=%d,target=%d,hierarchy=memory,data-type=%s"
                     % (initiator, target, kind % value)]
    for cache in CACHES:
        args += ["-numa", "hmat-cache," + cache]
    return tuple(args)


PCI = words(
    "-machine q35 -cpu Westmere -m 2G -smp 2 -device intel-iommu,intremap=on,caching-mode=on "
    "-device pcie-root-port,id=rp1,chassis=1,slot=1,addr=3.0 -device pcie-root-port,id=rp2,chassis=2,slot=2,addr=4.0 "
    "-device pcie-root-port,id=rp3,chassis=3,slot=3,addr=5.0 "
    "-device nvme-subsys,id=sub0 -device nvme,serial=deadbeef,subsys=sub0,bus=rp1,sriov_max_vfs=4,sriov_vq_flexible=8,"
    "sriov_vi_flexible=4,max_ioqpairs=10,msix_qsize=7 "
    "-netdev user,id=n0 -device virtio-net-pci,netdev=n0,bus=rp2,iommu_platform=on "
    "-device qemu-xhci,id=xhci,addr=6.0")

XEN = words(
    "-machine q35 -cpu qemu64,+svm,+npt -m 4G -smp 4,sockets=2,cores=2 "
    "-object memory-backend-ram,id=m0,size=2G -object memory-backend-ram,id=m1,size=2G "
    "-numa node,nodeid=0,memdev=m0,cpus=0-1 -numa node,nodeid=1,memdev=m1,cpus=2-3 -numa dist,src=0,dst=1,val=21")

PROFILES = {
    "systemd": Profile(args=words("-machine q35 -cpu Westmere -m 2G -smp 2 -device pcie-root-port,id=rp1,chassis=1,addr=3.0")),
    "numa": Profile(args=numa_args(), code_mib=2047),
    "pci": Profile(kernel="full", args=PCI, append="intel_iommu=on", has_samples=True),
    "xen": Profile(image="xen", kernel="full", args=XEN,
                   append="systemd.mask=serial-getty@hvc0.service",
                   xen="com1=115200,8n1 console=com1 dom0_mem=1G,max:1G noreboot loglvl=all guest_loglvl=all "
                   "dom0_max_vcpus=1 dom0_nodes=0 spec-ctrl=no xpti=no pv-l1tf=no"),
}
