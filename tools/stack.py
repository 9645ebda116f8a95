#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private bus and every daemon below one root folder, as systemd would keep them.

    stack.py [--root DIR] [--sysfs DIR] [--procfs DIR] [--resctrl DIR] [-- COMMAND...]

Binds the daemons' sockets, hands them over (LISTEN_FDS), starts a daemon when one of its
sockets becomes readable or the bus activates its name, and again on the next use after it
went away for whatever reason. Runs COMMAND (a shell without one) with VIRTBUS_ROOT,
DBUS_SYSTEM_BUS_ADDRESS and LIBVIRT_DEFAULT_URI set, then stops everything, guests
included, and exits with COMMAND's status. Daemons write to ROOT/log.
"""

import argparse
import collections
import contextlib
import ctypes
import fcntl
import json
import os
import pwd
import selectors
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PR_SET_CHILD_SUBREAPER = 36      # linux/prctl.h
FD_BASE = 100                    # held sockets live above the numbers that a daemon gets
STOP_S = 10                      # what a daemon gets to stop by itself
START_LIMIT, START_WINDOW_S = 5, 10   # failed starts, as systemd counts them

# Socket: path below the root, FileDescriptorName, mode. The units in units/ say the same;
# tests/test_units.py compares the two.
Socket = collections.namedtuple("Socket", "path name mode")
Program = collections.namedtuple("Program", "name binary bus_name sockets")

PROXY_NAMES = ("libvirt", "virtqemud", "virtnodedevd", "virtnetworkd", "virtinterfaced",
               "virtnwfilterd", "virtsecretd", "virtstoraged")
PROGRAMS = (
    Program("virtqemud", "virtqemud/virtqemud", "org.virtbus.Qemu",
            (Socket("run/virtbus/virtqemud.sock", "peer", 0o600),)),
    Program("virtnodedevd", "virtnodedevd/virtnodedevd", "org.virtbus.NodeDev",
            (Socket("run/virtbus/virtnodedevd.sock", "peer", 0o600),)),
    Program("virtproxyd", "virtproxyd/virtproxyd", "org.libvirt",
            tuple(Socket("run/libvirt/%s-sock" % n, "rw", 0o666) for n in PROXY_NAMES) +
            tuple(Socket("run/libvirt/%s-sock-ro" % n, "ro", 0o666) for n in PROXY_NAMES)),
)

BUS_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={bus}</listen>
  <auth>EXTERNAL</auth>
  <servicedir>{services}</servicedir>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
  </policy>
</busconfig>
"""


class Daemon:
    """One daemon: its sockets, and its process while it has one."""

    def __init__(self, program, stack):
        self.program, self.stack = program, stack
        self.name = program.name
        self.path = os.path.join(stack.cfg.build_dir, program.binary)
        self.pid = 0
        self.fds = []            # (fd, FileDescriptorName)
        self.helpers = []        # the bus's activation processes, while it waits for us
        self.failures = collections.deque(maxlen=START_LIMIT)

    def bind(self):
        for sock in self.program.sockets:
            path = os.path.join(self.stack.root, sock.path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.bind(path)
            os.chmod(path, sock.mode)
            if sock.name == "peer" and self.stack.cfg.proxy_user:
                os.chown(path, -1, pwd.getpwnam(self.stack.cfg.proxy_user).pw_gid)
                os.chmod(path, 0o660)
            s.listen(128)
            fd = fcntl.fcntl(s.fileno(), fcntl.F_DUPFD_CLOEXEC, FD_BASE)
            s.close()
            self.fds.append((fd, sock.name))

    def watch(self, on):
        """Readiness matters only while no process serves the sockets itself."""
        for fd, _ in self.fds:
            if on:
                self.stack.selector.register(fd, selectors.EVENT_READ, self.on_readable)
            else:
                self.stack.selector.unregister(fd)

    def on_readable(self, fd):
        if self.is_failing():
            self.refuse(fd)
        else:
            self.start("socket")

    def is_failing(self):
        full = len(self.failures) == START_LIMIT
        return full and time.monotonic() - self.failures[0] < START_WINDOW_S

    @staticmethod
    def refuse(fd):
        """The unit is in its start limit: who waits for it is told, not kept waiting."""
        s = socket.socket(fileno=os.dup(fd))
        s.setblocking(False)
        with contextlib.suppress(OSError):
            s.accept()[0].close()
        s.close()

    def command(self):
        cfg = self.stack.cfg
        argv = [self.path, "--root", self.stack.root, "--bus", self.stack.address]
        for option in ("sysfs", "procfs", "resctrl", "idle_timeout"):
            value = getattr(cfg, option)
            if value is not None:
                argv += ["--" + option.replace("_", "-"), value]
        if cfg.proxy_user:
            argv += ["--proxy-user", cfg.proxy_user]
            if self.name == "virtproxyd":     # as its unit says: another user, nothing allowed
                argv = ["setpriv", "--reuid", cfg.proxy_user, "--regid",
                        str(pwd.getpwnam(cfg.proxy_user).pw_gid), "--clear-groups",
                        "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"] + argv
        if not cfg.polkit:
            argv.append("--no-polkit")
        if cfg.foreground:
            argv.append("--verbose")
        return argv

    def start(self, why):
        if self.pid:
            return
        self.watch(False)
        env = dict(self.stack.daemon_env, LISTEN_FDS=str(len(self.fds)),
                   LISTEN_FDNAMES=":".join(n for _, n in self.fds))
        log = os.path.join(self.stack.root, "log", self.name + ".log")
        log_fd = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                   (os.POSIX_SPAWN_DUP2, log_fd, 1), (os.POSIX_SPAWN_DUP2, log_fd, 2)]
        actions += [(os.POSIX_SPAWN_DUP2, fd, 3 + i) for i, (fd, _) in enumerate(self.fds)]
        # the shell is there for LISTEN_PID alone: only the process itself knows its number
        argv = ["/bin/sh", "-c", 'LISTEN_PID=$$; export LISTEN_PID; exec "$@"', "sh"]
        self.pid = os.posix_spawn("/bin/sh", argv + self.command(), env, file_actions=actions,
                                  setsid=True, setsigdef=range(1, signal.SIGSYS))
        os.close(log_fd)
        with open(self.stack.own_path(self.name + ".pid"), "w") as f:
            f.write("%d\n" % self.pid)
        self.stack.log("%s: started by %s, pid %d", self.name, why, self.pid)

    def on_exit(self, status):
        self.stack.log("%s: pid %d ended: %s", self.name, self.pid, describe(status))
        self.pid = 0
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.stack.own_path(self.name + ".pid"))
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            self.failures.append(time.monotonic())
            self.fail_activation()
            if len(self.failures) == START_LIMIT:
                self.stack.log("%s: failed %d times, see its log", self.name, START_LIMIT)
        if not self.stack.stopping:
            self.watch(True)

    def fail_activation(self):
        """Ends what the bus started to reach us: it answers its callers then."""
        for pid in self.helpers:
            with contextlib.suppress(OSError):
                with open("/proc/%d/cmdline" % pid, "rb") as f:
                    if f.read().startswith((b"sleep\0", b"/bin/sh\0")):
                        os.kill(pid, signal.SIGTERM)
        self.helpers.clear()


def describe(status):
    if os.WIFSIGNALED(status):
        return "signal %d" % os.WTERMSIG(status)
    return "status %d" % os.WEXITSTATUS(status)


class Stack:
    """The supervisor. One thread, one selector."""

    def __init__(self, cfg):
        self.cfg = cfg
        self.is_temporary = cfg.root is None
        self.root = os.path.realpath(cfg.root or tempfile.mkdtemp(prefix="virtbus."))
        self.own = os.path.join(self.root, "stack")
        self.selector = selectors.DefaultSelector()
        self.daemons = []
        self.bus_pid = self.command_pid = 0
        self.command_status = None
        self.stopping = False
        self.signals = []

    def own_path(self, name):
        return os.path.join(self.own, name)

    def log(self, fmt, *args):
        line = "%.3f %s\n" % (time.time(), fmt % args)
        with open(os.path.join(self.root, "log", "stack.log"), "a") as f:
            f.write(line)
        if self.cfg.foreground:
            sys.stderr.write("stack: " + line)

    # -- starting

    def prepare(self):
        os.makedirs(os.path.join(self.root, "log"), exist_ok=True)
        os.makedirs(self.own_path("services"), exist_ok=True)
        os.chmod(self.root, 0o755)
        self.lock = open(self.own_path("lock"), "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit("stack: another stack runs below %s" % self.root)
        self.prepare_run()
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        self.prepare_signals()
        self.prepare_activation()

    def prepare_run(self):
        """A stack begins like a boot, with an empty /run; not while guests of a killed one live."""
        folder = os.path.join(self.root, "run")
        if not os.path.isdir(folder) or find_guests(self.root):
            return
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)

    def prepare_signals(self):
        read_fd, write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_fd, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP,
                       signal.SIGQUIT):
            signal.signal(number, lambda *_: None)
        self.selector.register(read_fd, selectors.EVENT_READ, self.on_signal)

    def prepare_activation(self):
        fifo = self.own_path("activate")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(fifo)
        os.mkfifo(fifo, 0o600)
        fd = os.open(fifo, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.selector.register(fd, selectors.EVENT_READ, self.on_activate)
        for program in PROGRAMS:
            if not program.bus_name:
                continue
            with open(self.own_path("services/%s.service" % program.bus_name), "w") as f:
                f.write("[D-BUS Service]\nName=%s\n" % program.bus_name)
                # it stays so that a failing daemon can be told to the bus by killing it
                f.write("Exec=/bin/sh -c 'echo %s $$ > %s; exec sleep 30'\n"
                        % (program.name, fifo))

    def start_bus(self):
        bus, config = self.own_path("bus"), self.own_path("bus.conf")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(bus)
        with open(config, "w") as f:
            f.write(BUS_CONFIG.format(bus=bus, services=self.own_path("services")))
        read_fd, write_fd = os.pipe2(os.O_CLOEXEC)
        log = os.open(os.path.join(self.root, "log", "bus.log"),
                      os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        program = shutil.which("dbus-daemon")
        if not program:
            raise SystemExit("stack: no dbus-daemon; ./dev stack installs it")
        self.bus_pid = os.posix_spawn(
            program, [program, "--config-file=" + config, "--nofork", "--nopidfile",
                      "--print-address=3"],
            {k: v for k, v in os.environ.items() if not k.startswith("DBUS_")},
            file_actions=[(os.POSIX_SPAWN_DUP2, write_fd, 3), (os.POSIX_SPAWN_DUP2, log, 1),
                          (os.POSIX_SPAWN_DUP2, log, 2)], setsid=True)
        os.close(write_fd)
        os.close(log)
        with os.fdopen(read_fd) as f:
            if not f.readline():
                raise SystemExit("stack: dbus-daemon did not start; see %s/log/bus.log"
                                 % self.root)
        self.address = "unix:path=" + bus

    def start_daemons(self):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("LISTEN_", "LIBVIRT_", "NOTIFY_"))}
        env.update(DBUS_SYSTEM_BUS_ADDRESS=self.address)
        if self.cfg.foreground:
            env["G_MESSAGES_DEBUG"] = "all"
        self.daemon_env = env
        for program in PROGRAMS:
            daemon = Daemon(program, self)
            if not os.access(daemon.path, os.X_OK):
                self.log("%s: not built, left out", program.name)
                continue
            daemon.bind()
            daemon.watch(True)
            self.daemons.append(daemon)
        if self.cfg.eager:
            for daemon in self.daemons:
                daemon.start("--eager")
        elif self.has_autostart():
            self.daemons[0].start("autostart")

    def has_autostart(self):
        folder = os.path.join(self.root, "etc/libvirt/qemu/autostart")
        return bool(self.daemons) and os.path.isdir(folder) and bool(os.listdir(folder))

    def environment(self):
        return {
            "VIRTBUS_ROOT": self.root,
            "DBUS_SYSTEM_BUS_ADDRESS": self.address,
            "LIBVIRT_DEFAULT_URI":
                "qemu+unix:///system?socket=%s/run/libvirt/libvirt-sock" % self.root,
        }

    def start_command(self):
        argv = self.cfg.command or [os.environ.get("SHELL", "/bin/sh")]
        env = dict(os.environ, **self.environment())
        built = os.path.abspath(os.path.join(self.cfg.build_dir, "virtbusctl"))
        env["PATH"] = os.pathsep.join([built, env.get("PATH", os.defpath)])
        try:
            process = subprocess.Popen(argv, env=env, restore_signals=True)
        except OSError as e:
            print("stack: %s: %s" % (argv[0], e.strerror), file=sys.stderr)
            self.command_status = 127
            return
        self.command_pid = process.pid
        process.returncode = 0       # reaped here, not by subprocess

    def hold(self):
        """For a parent that drives us: tell it the environment, run until it goes away."""
        print(json.dumps(self.environment()), flush=True)
        self.selector.register(0, selectors.EVENT_READ, self.on_stdin)

    # -- running

    def on_stdin(self, fd):
        if not os.read(fd, 4096):
            self.selector.unregister(fd)
            self.command_status = 0

    def on_activate(self, fd):
        for line in os.read(fd, 4096).decode().splitlines():
            name, helper = line.split()
            for daemon in self.daemons:
                if daemon.name == name:
                    daemon.helpers.append(int(helper))
                    daemon.start("bus")

    def on_signal(self, fd):
        numbers = os.read(fd, 4096)
        self.reap()
        for number in numbers:
            if number in (signal.SIGCHLD, signal.SIGQUIT):
                continue
            # the terminal sends SIGINT to COMMAND as well, which decides what it means
            if self.command_pid and number == signal.SIGINT:
                continue
            if self.command_pid:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self.command_pid, number)
                self.signals.append(number)
            else:
                self.command_status = 128 + number

    def reap(self):
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.command_pid:
                self.command_pid = 0
                self.command_status = (128 + os.WTERMSIG(status) if os.WIFSIGNALED(status)
                                       else os.WEXITSTATUS(status))
            elif pid == self.bus_pid:
                self.bus_pid = 0
                self.log("dbus-daemon ended: %s", describe(status))
            for daemon in self.daemons:
                if daemon.pid == pid:
                    daemon.on_exit(status)

    def turn(self, timeout=None):
        for key, _ in self.selector.select(timeout):
            if key.fd in self.selector.get_map():
                key.data(key.fd)

    def run(self):
        try:
            self.prepare()
            self.start_bus()
            self.start_daemons()
            if self.cfg.hold:
                self.hold()
            else:
                self.start_command()
            while self.command_status is None:
                self.turn()
            return self.command_status
        finally:
            self.stop()

    # -- stopping

    def stop(self):
        self.stopping = True
        for daemon in self.daemons:
            daemon.fail_activation()
            if not daemon.pid:
                daemon.watch(False)
            else:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(daemon.pid, signal.SIGTERM)
        self.wait_until(lambda: not any(d.pid for d in self.daemons), STOP_S)
        for daemon in self.daemons:
            if daemon.pid:
                self.log("%s: did not stop, killing it", daemon.name)
                os.kill(daemon.pid, signal.SIGKILL)
        self.stop_guests()
        if self.bus_pid:
            os.kill(self.bus_pid, signal.SIGTERM)
        self.wait_until(lambda: not self.bus_pid and not any(d.pid for d in self.daemons), 5)
        if self.is_temporary and not self.cfg.keep:
            shutil.rmtree(self.root, ignore_errors=True)

    def stop_guests(self):
        pids = find_guests(self.root)
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if pids:
            self.log("guests killed: %s", pids)
            self.wait_until(lambda: not find_guests(self.root), 5)

    def wait_until(self, condition, limit_s):
        end = time.monotonic() + limit_s
        while True:
            self.reap()
            if condition() or time.monotonic() > end:
                return
            self.turn(0.1)


# programs beside an emulator that do not all end with it
BESIDE = (b"dbus-daemon", b"passt", b"passt.avx2", b"swtpm", b"swtpm_setup", b"virtiofsd")


def find_guests(root):
    """Emulators that belong to @root: they mention it, hold a file of it, or have a pid file in it; what is beside them."""
    pids = set()
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError):
            with open("/proc/%s/cmdline" % entry, "rb") as f:
                words = f.read().split(b"\0")
            program = os.path.basename(words[0])
            if b"qemu-" in program and belongs(entry, words, root):
                pids.add(int(entry))
            elif program in BESIDE and mentions(words, root + "/run/libvirt/qemu/"):
                pids.add(int(entry))
    return sorted(pids | find_guests_by_pidfile(root))


def mentions(words, mark):
    return any(os.fsencode(mark) in word for word in words[1:])


def belongs(entry, words, root):
    mark = root + "/"
    if mentions(words, mark):
        return True
    folder = "/proc/%s/fd" % entry
    for fd in os.listdir(folder):
        with contextlib.suppress(OSError):
            if os.readlink(os.path.join(folder, fd)).startswith(mark):
                return True
    return False


def find_guests_by_pidfile(root):
    pids = set()
    folder = os.path.join(root, "run/libvirt/qemu")
    with contextlib.suppress(OSError):
        for entry in os.listdir(folder):
            path = os.path.join(folder, entry)
            if not entry.endswith(".pid") or not stat.S_ISREG(os.lstat(path).st_mode):
                continue
            with contextlib.suppress(OSError, ValueError):
                with open(path) as f:
                    pid = int(f.read())
                # numbers are used again: it must still be an emulator
                if "qemu-" in os.path.basename(os.readlink("/proc/%d/exe" % pid)):
                    pids.add(pid)
    return pids


def arguments(argv):
    parser = argparse.ArgumentParser(
        prog="./dev stack", description=__doc__.split("\n\n")[0],
        usage="./dev stack [OPTIONS] [-- COMMAND...]")
    parser.add_argument("--root", help="the root folder (a temporary one, removed at the end)")
    parser.add_argument("--sysfs", help="what the daemons read instead of /sys")
    parser.add_argument("--procfs", help="what the daemons read instead of /proc")
    parser.add_argument("--resctrl", help="what the daemons use instead of /sys/fs/resctrl")
    parser.add_argument("--idle-timeout", metavar="SECONDS", help="passed to the daemons")
    parser.add_argument("--polkit", action="store_true",
                        help="ask polkit on the private bus (without it: root and yourself only)")
    parser.add_argument("--proxy-user", metavar="NAME",
                        help="who virtproxyd runs as (without it: yourself)")
    parser.add_argument("--eager", action="store_true", help="start every daemon at once")
    parser.add_argument("--foreground", action="store_true",
                        help="verbose logs, and the supervisor's own on stderr")
    parser.add_argument("--keep", action="store_true", help="keep a temporary root")
    parser.add_argument("--build-dir", metavar="DIR", help="where the daemons were built",
                        default=os.environ.get("VIRTBUS_BUILD", os.path.join(REPO, "build")))
    parser.add_argument("--hold", action="store_true",
                        help="instead of COMMAND: print the environment as JSON, run until "
                        "standard input ends")
    parser.add_argument("command", nargs="*", metavar="COMMAND")
    if "--" in argv:
        at = argv.index("--")
        cfg = parser.parse_args(argv[:at])
        if cfg.command:
            parser.error("unexpected %r before --" % cfg.command[0])
        cfg.command = argv[at + 1:]
    else:
        cfg = parser.parse_args(argv)
    cfg.build_dir = os.path.abspath(cfg.build_dir)
    return cfg


if __name__ == "__main__":
    sys.exit(Stack(arguments(sys.argv[1:])).run())
