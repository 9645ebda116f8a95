# SPDX-License-Identifier: LGPL-2.1-or-later
"""One test machine while it runs: its QEMU, the agent inside, its serial log and its monitor.

    with Machine("systemd", build_dir) as machine:
        print(machine.run("virsh list").out)

Every wait has a deadline; what takes too long raises MachineError with the tail of the serial log.
"""

import json
import os
import queue
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections import namedtuple

import machine_image
from machine_profiles import PROFILES

SLOW = float(os.environ.get("VIRTBUS_TEST_SLOW", "1"))
BOOT_S, COMMAND_S, STOP_S = 300, 120, 60
COMMAND_LINE = ("root=LABEL=root rw quiet loglevel=4 panic=10 tsc=unstable no_timer_check random.trust_cpu=on "
                "mitigations=off net.ifnames=0 systemd.show_status=0 audit=0")
# what ends a boot that will never reach the agent
FATAL = re.compile(r"VIRTBUS-MACHINE: .*|Kernel panic.*|You are in emergency mode.*|.*Freezing execution.*")

Result = namedtuple("Result", "status out err")


class MachineError(Exception):
    """The machine does not do what it should; says what, and what it printed last."""


class Machine:
    def __init__(self, profile, build_dir, interactive=False, extra=(), say=machine_image.say):
        self.profile, self.build_dir, self.interactive, self.extra = PROFILES[profile], build_dir, interactive, extra
        self.say = say
        self.process = self.channel = self.monitor = None
        self.boot_id = None
        self.work = tempfile.mkdtemp(prefix="virtbus-machine.")
        self.console = os.path.join(self.work, "console")
        self.lock = threading.Lock()
        self.jobs = {}               # id -> queue of the agent's messages
        self.hellos = queue.Queue()
        self.next_id = 0
        self.replies = queue.Queue()  # of the monitor

    def __enter__(self):
        try:
            self.start()
            if not self.interactive:
                self.wait_boot()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    # -- life

    def command(self):
        cache = machine_image.cache_dir()
        profile = self.profile
        kernel, initrd, modules = machine_image.boot_files(cache, profile.kernel)
        disks = (("root", machine_image.root_image(cache, profile.image), "snapshot=on", "1d.0"),
                 ("modules", modules, "readonly=on", "1e.0"),
                 ("kit", self.make_kit(cache), "readonly=on", "1c.0"))
        append = " ".join((COMMAND_LINE, profile.append))
        if self.interactive:
            append += " systemd.wants=machine-console.service systemd.show_status=1"
        argv = ["qemu-system-x86_64", "-name", "virtbus-machine", "-accel",
                "tcg,thread=multi,tb-size=%d" % profile.code_mib, "-nodefaults",
                "-display", "none", "-no-user-config", *profile.args]
        argv += self.kernel_args(kernel, initrd, append)
        for name, path, option, address in disks:
            argv += ["-drive", "file=%s,format=raw,if=none,id=%s,%s" % (path, name, option),
                     "-device", "virtio-blk-pci,drive=%s,serial=%s,addr=%s" % (name, name, address)]
        argv += ["-device", "virtio-serial-pci,addr=1b.0",
                 "-chardev", "socket,id=agent,path=%s,server=on,wait=off" % self.path("agent"),
                 "-device", "virtserialport,chardev=agent,name=virtbus",
                 "-object", "rng-random,id=rng,filename=/dev/urandom", "-device", "virtio-rng-pci,rng=rng,addr=1a.0",
                 "-qmp", "unix:%s,server=on,wait=off" % self.path("qmp"),
                 "-serial", "mon:stdio" if self.interactive else "file:" + self.console]
        return argv

    def make_kit(self, cache):
        extra = list(self.extra)
        if self.profile.has_samples:
            extra += machine_image.sample_modules(cache)
        return machine_image.make_kit(self.build_dir, self.path("kit"), extra)

    def kernel_args(self, kernel, initrd, append):
        if not self.profile.xen:
            return ["-kernel", kernel, "-initrd", initrd, "-append", append + " console=ttyS0"]
        return ["-kernel", machine_image.xen_kernel(machine_image.cache_dir()), "-append", self.profile.xen,
                "-initrd", "%s %s console=hvc0,%s" % (kernel, append, initrd)]

    def path(self, name):
        return os.path.join(self.work, name)

    def start(self):
        argv = self.command()
        began = time.monotonic()
        if self.interactive:
            self.process = subprocess.Popen(argv)
        else:
            with open(self.path("qemu.log"), "wb") as log:
                self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.channel = self.connect("agent")
        self.monitor = self.connect("qmp")
        threading.Thread(target=self.read_agent, daemon=True).start()
        threading.Thread(target=self.read_monitor, daemon=True).start()
        self.began = began

    def connect(self, name):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        deadline = time.monotonic() + 30 * SLOW
        while True:
            try:
                s.connect(self.path(name))
                return s
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise self.error("QEMU does not start") from None
                time.sleep(0.02)     # until QEMU has made the socket

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()
        for s in (self.channel, self.monitor):
            if s:
                s.close()
        shutil.rmtree(self.work, ignore_errors=True)

    # -- what comes in

    def read_agent(self):
        with self.channel.makefile("rb") as lines:
            for line in lines:
                start = line.find(b"{")       # a reboot may cut a line
                try:
                    message = json.loads(line[start:])
                except ValueError:
                    continue
                if "hello" in message:
                    self.hellos.put(message["hello"])
                else:
                    with self.lock:
                        job = self.jobs.get(message["id"])
                    if job:
                        job.put(message)

    def read_monitor(self):
        with self.monitor.makefile("rb") as lines:
            for line in lines:
                message = json.loads(line)
                if "return" in message or "error" in message:
                    self.replies.put(message)

    def qmp(self, command, **arguments):
        """One command to the machine's own QEMU: hot-plug, for instance."""
        if self.boot_id and not getattr(self, "is_greeted", False):
            self.is_greeted = True
            self.qmp("qmp_capabilities")
        names = {key.replace("_", "-"): value for key, value in arguments.items()}
        self.monitor.sendall(json.dumps({"execute": command, "arguments": names}).encode())
        message = self.replies.get(timeout=60 * SLOW)
        if "error" in message:
            raise MachineError("%s: %s" % (command, message["error"]["desc"]))
        return message["return"]

    # -- waiting

    def tail(self, lines=40):
        text = ""
        for name in ("qemu.log", "console"):
            if os.path.exists(self.path(name)):
                with open(self.path(name), encoding="utf-8", errors="replace") as f:
                    text += f.read().replace("\r", "")
        return "\n".join(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text).split("\n")[-lines:])

    def error(self, text):
        return MachineError("%s\n-- the serial log's tail --\n%s\n--" % (text, self.tail()))

    def wait_boot(self, timeout=BOOT_S):
        """Until the agent of a boot that was not seen before answers."""
        deadline = time.monotonic() + timeout * SLOW
        began = time.monotonic()
        while True:
            try:
                boot_id = self.hellos.get(timeout=1)
            except queue.Empty:
                self.check_boot(deadline)
                continue
            if boot_id != self.boot_id:
                self.boot_id = boot_id
                self.say("booted in %.0f s" % (time.monotonic() - began))
                return

    def check_boot(self, deadline):
        found = FATAL.search(self.tail(200))
        if self.process.poll() is not None:
            raise self.error("the machine's QEMU has ended")
        if found:
            raise self.error("the machine does not boot: " + found.group(0))
        if time.monotonic() > deadline:
            raise self.error("the machine does not boot in time")

    def reboot(self, timeout=BOOT_S):
        """As root types it: everything is stopped, then started."""
        while not self.hellos.empty():
            self.hellos.get()
        self.spawn(["systemctl", "reboot"])
        self.wait_boot(timeout)

    # -- commands

    def spawn(self, argv, user=None, env=None, data=""):
        """Starts @argv; its id, for collect() and kill()."""
        with self.lock:
            self.next_id += 1
            job = self.next_id
            self.jobs[job] = queue.Queue()
        message = {"id": job, "argv": argv, "input": data.encode().decode("latin-1")}
        if user:
            message["user"] = user
        if env:
            message["env"] = env
        self.channel.sendall(json.dumps(message).encode() + b"\n")
        return job

    def kill(self, job, number=15):
        self.channel.sendall(json.dumps({"id": job, "kill": number}).encode() + b"\n")

    def collect(self, job, timeout=COMMAND_S, sink=None, what=""):
        """The result of what spawn() started; @sink(fd, text) gets the output as it comes."""
        deadline = time.monotonic() + timeout * SLOW
        texts = {1: "", 2: ""}
        while True:
            try:
                message = self.jobs[job].get(timeout=1)
            except queue.Empty:
                if self.process.poll() is not None:
                    raise self.error("the machine's QEMU has ended") from None
                if time.monotonic() < deadline:
                    continue
                self.kill(job, 9)
                raise self.error("%s\ntakes more than %d s; it said so far:\n%s%s" % (
                    what, timeout * SLOW, texts[1], texts[2])) from None
            if "status" in message:
                with self.lock:
                    del self.jobs[job]
                return Result(message["status"], *(t.encode("latin-1").decode("utf-8", "replace")
                                                   for t in texts.values()))
            texts[message["fd"]] += message["data"]
            if sink:
                sink(message["fd"], message["data"])

    def run(self, command, check=True, timeout=COMMAND_S, user=None, env=None, data="", sink=None):
        """Runs a shell line, or an argument list, inside; as root, or as @user."""
        argv = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        result = self.collect(self.spawn(argv, user, env, data), timeout, sink, str(command))
        if check and result.status != 0:
            raise MachineError("%s\nends with %d:\n%s%s" % (command, result.status, result.out, result.err))
        return result

    def wait(self, command, timeout=COMMAND_S, **options):
        """Runs @command again until it succeeds."""
        line = "until %s; do sleep 0.2; done" % command
        return self.run(line, timeout=timeout, **options)
