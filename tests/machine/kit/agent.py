# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs inside the test machine: commands come in on a virtio port, their output goes out as it comes.

One JSON object per line. In: {"id", "argv", "user"?, "env"?, "input"?} starts a command, {"id", "kill"} ends it.
Out: {"hello": BOOT_ID} first, {"id", "fd": 1|2, "data"}, {"id", "status"}; bytes are latin-1 text.
"""

import json
import os
import pwd
import selectors
import signal

PORT = "/dev/virtio-ports/virtbus"


class Agent:
    def __init__(self):
        self.port = os.open(PORT, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self.selector = selectors.DefaultSelector()
        self.jobs = {}           # pid -> id
        self.pipes = {}          # id -> how many are open
        self.statuses = {}       # id -> status, until the pipes are empty
        self.buffer = b""
        wake, self.wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self.wake, warn_on_full_buffer=False)
        self.selector.register(wake, selectors.EVENT_READ, self.reap)
        self.selector.register(self.port, selectors.EVENT_READ, self.read_port)

    def send(self, **message):
        data = json.dumps(message).encode() + b"\n"
        os.set_blocking(self.port, True)
        while data:
            data = data[os.write(self.port, data[:4096]):]
        os.set_blocking(self.port, False)

    def read_port(self, fd):
        try:
            data = os.read(fd, 65536)
        except BlockingIOError:
            return
        if not data:             # the host's side is closed: nothing comes any more
            raise SystemExit(0)
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        for line in lines:
            if line:
                self.handle(json.loads(line))

    def handle(self, message):
        job = message["id"]
        if "kill" in message:
            for pid, other in self.jobs.items():
                if other == job:
                    os.killpg(pid, message["kill"])
            return
        try:
            self.start(job, message)
        except OSError as e:
            self.send(id=job, fd=2, data="%s\n" % e)
            self.send(id=job, status=127)

    def start(self, job, message):
        out, out_write = os.pipe2(os.O_CLOEXEC)
        err, err_write = os.pipe2(os.O_CLOEXEC)
        source = os.memfd_create("input", os.MFD_CLOEXEC)
        os.write(source, message.get("input", "").encode("latin-1"))
        os.lseek(source, 0, os.SEEK_SET)
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin", "HOME": "/root", "LANG": "C.UTF-8",
               "SYSTEMD_PAGER": "", "SYSTEMD_COLORS": "0", **message.get("env", {})}
        argv = message["argv"]
        if "user" in message:
            user = pwd.getpwnam(message["user"])
            env.update({"HOME": user.pw_dir, "XDG_RUNTIME_DIR": "/run/user/%d" % user.pw_uid,
                        **message.get("env", {})})
            argv = ["setpriv", "--reuid", message["user"], "--regid", message["user"], "--init-groups"] + argv
        actions = [(os.POSIX_SPAWN_DUP2, source, 0), (os.POSIX_SPAWN_DUP2, out_write, 1),
                   (os.POSIX_SPAWN_DUP2, err_write, 2)]
        try:
            pid = os.posix_spawnp(argv[0], argv, env, file_actions=actions, setsid=True,
                                  setsigdef=[signal.SIGPIPE, signal.SIGCHLD])
        finally:
            for fd in (source, out_write, err_write):
                os.close(fd)
        self.jobs[pid] = job
        self.pipes[job] = {out, err}
        for fd, number in ((out, 1), (err, 2)):
            self.selector.register(fd, selectors.EVENT_READ,
                                   lambda fd, number=number: self.read_pipe(fd, job, number))

    def read_pipe(self, fd, job, number):
        data = os.read(fd, 32768)
        if data:
            self.send(id=job, fd=number, data=data.decode("latin-1"))
            return
        self.close_pipe(fd, job)
        self.finish(job)

    def close_pipe(self, fd, job):
        self.selector.unregister(fd)
        os.close(fd)
        self.pipes[job].discard(fd)

    def reap(self, fd):
        os.read(fd, 4096)
        while self.jobs:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            job = self.jobs.pop(pid, None)
            if job is not None:
                self.drain(job)      # while there is no status, nothing is finished
                self.statuses[job] = os.waitstatus_to_exitcode(status)
                self.finish(job)

    def drain(self, job):
        """What it wrote; a process that it left behind may keep the pipe open for ever."""
        for fd in list(self.pipes[job]):
            os.set_blocking(fd, False)
            try:
                while fd in self.pipes[job]:
                    self.selector.get_key(fd).data(fd)
            except BlockingIOError:
                self.close_pipe(fd, job)

    def finish(self, job):
        if job in self.statuses and not self.pipes[job]:
            del self.pipes[job]
            self.send(id=job, status=self.statuses.pop(job))

    def run(self):
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
            self.send(hello=f.read().strip())
        while True:
            for key, _ in self.selector.select():
                # not one that was closed a moment ago, whose number another may have by now
                if self.selector.get_map().get(key.fileobj) is key:
                    key.data(key.fd)


if __name__ == "__main__":
    Agent().run()
