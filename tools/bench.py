#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The figures of docs/benchmarks.md: virtbus beside Debian's libvirtd, in the same run.

    bench.py [--rounds 5] [--domains 1000] [--only virtbus|libvirtd] [--rows ROW,...] [--json FILE]

Both serve private roots on the same file system, with /run on tmpfs as on a real machine, and
are asked by the same client in turns, round by round; the figure is the median of the rounds'
medians. libvirtd runs in a mount namespace of its own with confinement, cgroups and guest
namespaces off, which makes it faster, not slower. Needs root.
"""

import argparse
import contextlib
import ctypes
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import bench_nodedev

TOOLS = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(TOOLS)
BUILD = os.environ.get("VIRTBUS_BUILD", os.path.join(REPO, "build-release"))
QEMU = shutil.which("qemu-system-x86_64") or "/usr/bin/qemu-system-x86_64"
LIBVIRTD_FOLDERS = {"etc": "/etc/libvirt", "run": "/run/libvirt", "lib": "/var/lib/libvirt",
                    "log": "/var/log/libvirt", "cache": "/var/cache/libvirt"}
LIMIT_S = 60

TINY = """<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid>
  <memory unit='MiB'>32</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os><features><acpi/></features>
  <devices><emulator>{emulator}</emulator><controller type='usb' model='none'/>
    <serial type='null'><target port='0'/></serial><memballoon model='none'/></devices>
</domain>"""

TYPICAL = """<domain type='qemu'><name>{name}</name><uuid>{uuid}</uuid>
  <title>{name}</title><description>defined to be listed</description>
  <memory unit='MiB'>1024</memory><vcpu>2</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os>
  <features><acpi/><apic/></features>
  <clock offset='utc'><timer name='rtc' tickpolicy='catchup'/><timer name='hpet' present='no'/></clock>
  <devices><emulator>{emulator}</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='qcow2'/>
      <source file='/nonexistent/{name}.qcow2'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file' device='cdrom'><driver name='qemu' type='raw'/>
      <target dev='sda' bus='sata'/><readonly/></disk>
    <interface type='user'><mac address='{mac}'/><model type='virtio'/></interface>
    <serial type='pty'><target port='0'/></serial>
    <console type='pty'><target type='serial' port='0'/></console>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <input type='tablet' bus='usb'/>
    <graphics type='vnc' autoport='yes'><listen type='address' address='127.0.0.1'/></graphics>
    <video><model type='vga' vram='16384' heads='1'/></video>
    <memballoon model='virtio'/>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices></domain>"""


def definition(template, name):
    ident = uuid.uuid5(uuid.NAMESPACE_DNS, name)
    mac = "52:54:00:%02x:%02x:%02x" % tuple(ident.bytes[:3])
    return template.format(name=name, uuid=ident, mac=mac, emulator=QEMU)


def timed(function, *args):
    """Milliseconds that one call takes."""
    began = time.perf_counter_ns()
    function(*args)
    return (time.perf_counter_ns() - began) / 1e6


def wait_for(condition, what):
    end = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("bench: no %s within %d s" % (what, LIMIT_S))
        time.sleep(0.002)


def answers(path):
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(path)
        except OSError:
            return False
        return True


def pss_mib(pid):
    with open("/proc/%d/smaps_rollup" % pid) as f:
        return int(re.search(r"^Pss:\s+(\d+)", f.read(), re.MULTILINE).group(1)) / 1024


def end_process(process):
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Server:
    """A private root with a server in it."""

    def __init__(self, base):
        self.root = tempfile.mkdtemp(prefix=self.name + ".", dir=base)
        os.chmod(self.root, 0o755)
        self.run_dir = os.path.join(self.root, "run")
        os.makedirs(self.run_dir)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "bench", self.run_dir],
                       check=True)

    @property
    def uri(self):
        return "qemu+unix:///system?socket=" + self.socket

    def remove(self):
        subprocess.run(["umount", "-l", self.run_dir], check=False)
        shutil.rmtree(self.root, ignore_errors=True)

    def cold_start(self):
        """Milliseconds from no process to the end of "virsh version"."""
        self.stop_daemons()
        return timed(self.first_answer)

    def virsh_version(self):
        # without a timeout: with one, Python looks for the end of the process in steps of up to 50 ms
        subprocess.run(["virsh", "-q", "-c", self.uri, "version"], check=True,
                       stdout=subprocess.DEVNULL)


class Virtbus(Server):
    """Our daemons, started by their sockets."""

    name = "virtbus"

    def __init__(self, base):
        super().__init__(base)
        self.socket = os.path.join(self.run_dir, "libvirt/libvirt-sock")
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(TOOLS, "stack.py"), "--root", self.root, "--hold",
             "--build-dir", BUILD],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline():
            raise SystemExit("bench: the stack did not start")

    def pid(self, name):
        with contextlib.suppress(FileNotFoundError, ValueError):
            with open(os.path.join(self.root, "stack", name + ".pid")) as f:
                return int(f.read())
        return 0

    def stop_daemons(self):
        for name in ("virtproxyd", "virtqemud"):
            if self.pid(name):
                os.kill(self.pid(name), signal.SIGTERM)
                wait_for(lambda: not self.pid(name), "end of " + name)

    def first_answer(self):
        self.virsh_version()

    def memory(self):
        return {name: pss_mib(self.pid(name)) for name in ("virtqemud", "virtproxyd")}

    def close(self):
        self.process.stdin.close()
        self.process.wait(LIMIT_S)
        self.remove()


class Libvirtd(Server):
    """Debian's monolithic daemon, with our folders where it looks for its own."""

    name = "libvirtd"

    def __init__(self, base):
        super().__init__(base)
        self.process = None
        self.socket = os.path.join(self.run_dir, "libvirt-sock")
        for folder in LIBVIRTD_FOLDERS:
            os.makedirs(os.path.join(self.root, folder), exist_ok=True)
        self.write("etc/libvirtd.conf", 'unix_sock_group = "root"\nunix_sock_rw_perms = "0700"\n'
                   'auth_unix_ro = "none"\nauth_unix_rw = "none"\n')
        self.write("etc/qemu.conf", 'security_driver = "none"\nuser = "root"\ngroup = "root"\n'
                   'cgroup_controllers = []\nnamespaces = []\nstdio_handler = "file"\n')
        lines = ["mount --make-rprivate / || exit 1"]
        # it does not start without the user that Debian's libvirt-daemon-system would make
        for name, line in (("passwd", "libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin"),
                           ("group", "libvirt-qemu:x:64055:")):
            with open("/etc/" + name) as f:
                self.write(name, f.read() + line + "\n")
            lines.append("mount --bind %s/%s /etc/%s || exit 1" % (self.root, name, name))
        for folder, where in LIBVIRTD_FOLDERS.items():
            lines.append("mkdir -p %s && mount --bind %s/%s %s || exit 1"
                         % (where, self.root, folder, where))
        lines.append("exec libvirtd -p %s/pid > %s/log/libvirtd.out 2>&1"
                     % (self.root, self.root))
        self.write("serve.sh", "\n".join(lines) + "\n")
        self.start()

    def write(self, name, text):
        with open(os.path.join(self.root, name), "w") as f:
            f.write(text)

    def start(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.socket)
        self.process = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), "--reap", "unshare", "-m", "sh",
             os.path.join(self.root, "serve.sh")])
        wait_for(lambda: answers(self.socket), "libvirtd")

    def stop_daemons(self):
        end_process(self.process)

    def first_answer(self):
        self.start()
        self.virsh_version()

    def memory(self):
        with open(os.path.join(self.root, "pid")) as f:
            return {"libvirtd": pss_mib(int(f.read()))}

    def close(self):
        end_process(self.process)
        self.remove()


def reap(argv):
    """Runs argv as the parent of all orphans below it, which a container's init may not be."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)     # PR_SET_CHILD_SUBREAPER, linux/prctl.h
    child = subprocess.Popen(argv)
    signal.signal(signal.SIGTERM, lambda *_: child.send_signal(signal.SIGTERM))
    while True:
        pid, status = os.waitpid(-1, 0)
        if pid == child.pid:
            child.returncode = 0
            return os.waitstatus_to_exitcode(status)


# -- what is measured: each takes a server (or nothing) and returns {row: value}

def by_hand():
    """The same emulator spawned without a server, to "running"."""
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(folder + "/qmp")
        listener.listen(1)
        began = time.perf_counter_ns()
        process = subprocess.Popen(
            [QEMU, "-name", "guest=hand", "-S", "-machine", "pc,usb=off", "-accel", "tcg", "-m",
             "32", "-smp", "1", "-display", "none", "-no-user-config", "-nodefaults", "-chardev",
             "socket,id=mon,fd=%d,server=on,wait=off" % listener.fileno(), "-mon",
             "chardev=mon,mode=control", "-chardev", "null,id=c", "-device",
             "isa-serial,chardev=c"], pass_fds=[listener.fileno()])
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(folder + "/qmp")
            stream = monitor.makefile("rw")
            stream.readline()
            for command in ("qmp_capabilities", "cont"):
                stream.write(json.dumps({"execute": command}) + "\n")
                stream.flush()
                while "return" not in json.loads(stream.readline()):
                    pass
            took = (time.perf_counter_ns() - began) / 1e6
        process.kill()
        process.wait()
    return took


def measure_start(server, cfg):
    import libvirt
    conn = libvirt.open(server.uri)
    domain = conn.defineXML(definition(TINY, "bench-start"))
    domain.create()
    domain.destroy()
    starts, stops, hands = [], [], []
    for _ in range(cfg.starts):
        hands.append(by_hand())
        starts.append(timed(domain.create))
        stops.append(timed(domain.destroy))
    domain.undefine()
    conn.close()
    return {"start": statistics.median(starts) - statistics.median(hands),
            "destroy": statistics.median(stops)}


def measure_info(server, cfg):
    import libvirt
    conn = libvirt.open(server.uri)
    domain = conn.defineXML(definition(TYPICAL, "bench-info"))
    domain.info()
    took = [timed(domain.info) for _ in range(cfg.calls)]
    domain.undefine()
    conn.close()
    return {"info": statistics.median(took) * 1000}


def measure_define(server, cfg):
    import libvirt
    conn = libvirt.open(server.uri)
    xmls = [definition(TYPICAL, "bench-define-%d" % i) for i in range(cfg.defines)]
    domains = []
    took = timed(lambda: domains.extend(conn.defineXML(x) for x in xmls))
    for domain in domains:
        domain.undefine()
    conn.close()
    return {"define": cfg.defines / took * 1000}


def measure_many(server, cfg):
    """With all domains defined: listings, and a cold start."""
    import libvirt
    conn = libvirt.open(server.uri)
    for i in range(cfg.domains):
        conn.defineXML(definition(TYPICAL, "bench-many-%d" % i))
    domains = conn.listAllDomains(0)
    calls = {"list": (conn.listAllDomains, (0,), 10), "stats": (conn.getAllDomainStats, (0, 0), 5),
             "xml": (lambda: [d.XMLDesc(0) for d in domains], (), 3)}
    out = {row: statistics.median(timed(function, *args) for _ in range(n))
           for row, (function, args, n) in calls.items() if row in cfg.rows}
    conn.close()
    if "cold_many" in cfg.rows:
        out["cold_many"] = statistics.median(server.cold_start() for _ in range(3))
    conn = libvirt.open(server.uri)
    for domain in conn.listAllDomains(0):
        domain.undefine()
    conn.close()
    return out


def measure_cold(server, cfg):
    out = {"cold": statistics.median(server.cold_start() for _ in range(cfg.cold))}
    time.sleep(1)       # idle is what is left once the first client went
    for name, value in server.memory().items():
        out["pss " + name] = value
    return out


def measure_host(server, cfg):
    """Host capabilities of a made host with 1,024 CPUs in 16 nodes: virtbus alone can be shown one."""
    if not isinstance(server, Virtbus):
        return {}
    sys.path.insert(0, os.path.join(REPO, "tests"))
    import hosts
    with tempfile.TemporaryDirectory(prefix="bench.") as root:
        hosts.make_big(root)
        out = subprocess.run([os.path.join(BUILD, "libcommon/host/time-capabilities"), root],
                             check=True, text=True, capture_output=True).stdout
    first_us, again_us = (int(n) for n in out.split())
    return {"host": first_us / 1000, "host_again": again_us / 1000}


def measure_node_devices(server, cfg):
    return bench_nodedev.measure(server, BUILD)


# function, rows that it gives
MEASURES = (
    (measure_cold, {"cold", "pss"}),
    (measure_info, {"info"}),
    (measure_start, {"start", "destroy"}),
    (measure_define, {"define"}),
    (measure_many, {"list", "stats", "xml", "cold_many"}),
    (measure_host, {"host", "host_again"}),
    (measure_node_devices, {row[0] for row in bench_nodedev.ROWS}),
)

# (row, unit, text, target: a ratio to libvirtd, or a limit)
ROWS = (
    ("start", "ms", "start of a 32 MiB guest above spawning the same QEMU by hand", "≤ 30 ms"),
    ("destroy", "ms", "destroy", "≤ 30 ms"),
    ("info", "µs", "`info()` of an inactive domain, round trip", "≤ 1.0 ×"),
    ("define", "/s", "define, fsynced", "≥ 2 ×"),
    ("list", "ms", "{domains} domains: list", "≤ 1.0 ×"),
    ("stats", "ms", "{domains} domains: statistics", "≤ 1.0 ×"),
    ("xml", "ms", "{domains} domains: all XML", "≤ 1.0 ×"),
    ("host", "ms", "host capabilities, 1,024 CPUs in 16 nodes", "≤ 50 ms"),
    ("host_again", "ms", "the same, from memory", "≤ 5 ms"),
    ("pss", "MiB", "memory (PSS), idle", "≤ 8; 5 MiB"),
    ("cold", "ms", "cold start to `virsh version`", "≤ 150 ms"),
    ("cold_many", "ms", "the same with {domains} domains", "≤ 400 ms"),
) + bench_nodedev.ROWS


OURS = ("host", "host_again") + tuple(row[0] for row in bench_nodedev.ROWS[2:])    # rows that libvirtd cannot be asked for


def figure(results, row, unit):
    if results is None:
        return "–", None
    if row == "pss":
        parts = [(k[4:], v) for k, v in results.items() if k.startswith("pss ")]
        return "; ".join("%s %.1f" % p for p in parts) + " MiB", sum(v for _, v in parts)
    value = results.get(row)
    if value is None:
        return "–" if row in OURS else "failed", None
    digits = 0 if value >= 100 else 1 if value >= 10 else 2
    return "%.*f %s" % (digits, value, unit), value


def table(results, cfg):
    yield "| what (through virtproxyd) | libvirtd | virtbus | ratio | target |"
    yield "|---|---|---|---|---|"
    for row, unit, text, target in (r for r in ROWS if r[0] in cfg.rows):
        theirs, a = figure(results.get("libvirtd"), row, unit)
        ours, b = figure(results.get("virtbus"), row, unit)
        ratio = "%.2f ×" % (b / a) if a and b else "–"
        yield "| %s | %s | %s | %s | %s |" % (
            text.format(domains="{:,}".format(cfg.domains)), theirs, ours, ratio, target)


def machine():
    with open("/proc/cpuinfo") as f:
        model = re.search(r"model name\s*: (.*)", f.read())

    def version(*argv):
        with contextlib.suppress(OSError):
            return subprocess.run(argv, text=True, capture_output=True,
                                  check=False).stdout.split("\n")[0]
        return "-"
    commit = version("git", "-C", REPO, "describe", "--always", "--dirty")
    return ["%d × %s" % (os.cpu_count(), model.group(1) if model else platform.machine()),
            "Linux " + platform.release(), version(QEMU, "--version"),
            version("libvirtd", "--version"), "virtbus " + commit,
            "state on " + subprocess.check_output(
                ["stat", "-f", "-c", "%T", tempfile.gettempdir()], text=True).strip()]


def one_round(servers, cfg, samples):
    for measure, rows in MEASURES:
        for server in servers if rows & cfg.rows else ():
            try:
                values = measure(server, cfg)
            except Exception as e:      # a row that fails is told as such, the others count
                print("bench: %s: %s: %s" % (server.name, measure.__name__, e), file=sys.stderr)
                continue
            for row, value in values.items():
                samples[server.name].setdefault(row, []).append(value)


def watch(seconds):
    """No measurement may hang for ever."""
    timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.daemon = True
    timer.start()


def row_names(text):
    names = set(text.split(","))
    unknown = names - {row[0] for row in ROWS}
    if unknown:
        raise argparse.ArgumentTypeError("no row " + ", ".join(sorted(unknown)))
    return names


def arguments():
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--domains", type=int, default=1000)
    parser.add_argument("--starts", type=int, default=10, help="per round")
    parser.add_argument("--calls", type=int, default=2000, help="of info(), per round")
    parser.add_argument("--defines", type=int, default=100, help="per round")
    parser.add_argument("--cold", type=int, default=5, help="cold starts per round")
    parser.add_argument("--only", choices=("virtbus", "libvirtd"))
    names = [row[0] for row in ROWS]
    parser.add_argument("--rows", type=row_names, default=set(names), metavar="ROW,...",
                        help="only these of " + ", ".join(names))
    parser.add_argument("--json", metavar="FILE", help="every sample")
    parser.add_argument("--limit", type=int, default=3600, help="seconds for everything")
    return parser.parse_args()


def main():
    import libvirt
    libvirt.registerErrorHandler(lambda *_: None, None)
    cfg = arguments()
    watch(cfg.limit)
    kinds = [k for k in (Libvirtd, Virtbus) if cfg.only in (None, k.name)]
    samples = {k.name: {} for k in kinds}
    base = tempfile.mkdtemp(prefix="bench.")
    os.chmod(base, 0o755)
    servers = []
    try:
        for kind in kinds:
            servers.append(kind(base))
        for number in range(cfg.rounds):
            print("bench: round %d of %d" % (number + 1, cfg.rounds), file=sys.stderr)
            one_round(servers, cfg, samples)
    finally:
        for server in servers:
            server.close()
        shutil.rmtree(base, ignore_errors=True)
    results = {name: {row: statistics.median(v) for row, v in rows.items()}
               for name, rows in samples.items()}
    if cfg.json:
        with open(cfg.json, "w") as f:
            json.dump({"machine": machine(), "samples": samples}, f, indent=1)
    print("; ".join(machine()))
    print()
    print("\n".join(table(results, cfg)))
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--reap"]:
        sys.exit(reap(sys.argv[2:]))
    sys.exit(main())
