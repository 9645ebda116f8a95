#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A whole Debian 12 in a guest, with systemd, polkit and virtbus as "meson install" puts it.

    machine.py build [PROFILE...]            makes the images of the profiles
    machine.py boot [PROFILE]                boots it; this terminal is its serial console (ctrl-a x ends it)
    machine.py run [PROFILE] -- COMMAND      boots it, runs COMMAND inside as root, ends with its status
    machine.py test [PROFILE] [ARGS]         boots it and runs tests/machine/PROFILE; ARGS go to pytest

Profiles: systemd (the default), numa, pci, xen; tools/machine_profiles.py says what each has. Images are kept in
VIRTBUS_CACHE (~/.cache/virtbus, else /var/tmp/virtbus).
"""

import os
import subprocess
import sys

import machine_image
from machine_guest import Machine, MachineError
from machine_profiles import PROFILES

REPO = machine_image.REPO


def build_dir():
    return os.path.abspath(os.environ.get("VIRTBUS_BUILD", os.path.join(REPO, "build")))


def build(profiles):
    cache = machine_image.cache_dir()
    for name in profiles or ["systemd"]:
        profile = PROFILES[name]
        machine_image.say("%s: %s" % (name, machine_image.root_image(cache, profile.image)))
        machine_image.boot_files(cache, profile.kernel)
        if profile.has_samples:
            machine_image.sample_modules(cache)
        if profile.xen:
            machine_image.xen_kernel(cache)
    return 0


def boot(profile):
    with Machine(profile, build_dir(), interactive=True) as machine:
        return machine.process.wait()


def show(fd, text):
    stream = sys.stdout if fd == 1 else sys.stderr
    stream.buffer.write(text.encode("latin-1"))
    stream.buffer.flush()


def run(profile, command):
    limit = float(os.environ.get("VIRTBUS_MACHINE_TIMEOUT", "3600"))
    with Machine(profile, build_dir()) as machine:
        return machine.run(command, check=False, timeout=limit, sink=show).status


def test(profile, arguments):
    argv = [sys.executable, "-m", "pytest", "-v", "--durations", "15", "--timeout", "900",
            os.path.join(REPO, "tests", "machine", profile), *arguments]
    return subprocess.call(argv, cwd=REPO)


def main(argv):
    if not argv or argv[0] not in ("build", "boot", "run", "test"):
        print(__doc__, file=sys.stderr)
        return 2
    command, rest = argv[0], argv[1:]
    if command == "build":
        return build(rest)
    profile = rest.pop(0) if rest and rest[0] in PROFILES else "systemd"
    if command == "boot":
        return boot(profile)
    if command == "test":
        return test(profile, rest)
    if rest[:1] != ["--"] or len(rest) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    return run(profile, rest[1:])


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except MachineError as e:
        sys.exit("machine: %s" % e)
    except KeyboardInterrupt:
        sys.exit(130)
