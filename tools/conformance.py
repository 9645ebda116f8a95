#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Domain definitions, case by case, beside Debian's libvirtd with the same QEMU: docs/conformance.md.

    conformance.py [--corpus FOLDER] [--json FILE] [--output FILE] [CASE.xml...]

Each case is handed to both through python3-libvirt: is it accepted or refused, and with which code; is the definition
that is shown back equal (order of attributes and of elements of different kinds does not count); is QEMU's command line
equivalent (order does not count). Cases are those of tests/conformance, and the *.xml files of FOLDER (or of
VIRTBUS_CORPUS). Differences that are meant stand in tests/conformance-exceptions with their reason; any other makes the
exit status 1.

libvirtd is only the reference. It runs in a mount namespace of its own: folders, users and groups are ours there.
"""

import argparse
import collections
import contextlib
import fnmatch
import glob
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

import libvirt

HERE = os.path.dirname(os.path.abspath(__file__))
REPO = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(REPO, "tests", "conformance"))
import cases as own  # noqa: E402

LIMIT_S = 60
EXCEPTIONS = os.path.join(REPO, "tests", "conformance-exceptions")
FOLDERS = {"etc": "/etc/libvirt", "run": "/run/libvirt", "lib": "/var/lib/libvirt",
           "log": "/var/log/libvirt", "cache": "/var/cache/libvirt"}
# what the package's installation would make; libvirtd does not start without them
USERS = {"passwd": "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin\n"
                   "tss:x:64056:64056::/nonexistent:/usr/sbin/nologin\n",
         "group": "libvirt-qemu:x:64055:\nkvm:x:64057:\ntss:x:64056:\n"}
CONFIGURATION = {
    "etc/libvirtd.conf": 'unix_sock_group = "root"\nauth_unix_ro = "none"\nauth_unix_rw = "none"\n',
    "etc/qemu.conf": 'security_driver = "none"\nuser = "root"\ngroup = "root"\ncgroup_controllers = []\n'
                     'namespaces = []\nstdio_handler = "file"\n'}


def wait_for(condition, what):
    end = time.monotonic() + LIMIT_S
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("conformance: no " + what)
        time.sleep(0.05)


# ---- the two sides ----

class Reference:
    """libvirtd, started again when a case kills it."""

    def __init__(self, base):
        self.root = tempfile.mkdtemp(prefix="reference.", dir=base)
        os.chmod(self.root, 0o755)
        for folder in FOLDERS:
            os.makedirs(os.path.join(self.root, folder))
        for name, text in CONFIGURATION.items():
            self.write(name, text)
        for name, text in USERS.items():
            names = tuple(line.split(":")[0] + ":" for line in text.splitlines())
            with open("/etc/" + name, encoding="utf-8") as users:
                kept = [line for line in users if not line.startswith(names)]
            self.write(name, "".join(kept) + text)
        mounts = ["mount --bind %s/%s /etc/%s" % (self.root, name, name) for name in USERS]
        mounts += ["mkdir -p %s && mount --bind %s/%s %s" % (there, self.root, here, there)
                   for here, there in FOLDERS.items()]
        self.write("serve.sh", "mount --make-rprivate /\n%s\nwhile [ ! -e %s/stop ]; do libvirtd -p %s/pid || :; sleep 0.1; "
                   "done\n" % (" || exit 1\n".join(mounts), self.root, self.root))
        environment = {key: value for key, value in os.environ.items()    # the stack's bus is not its
                       if not key.startswith(("DBUS_", "LIBVIRT_", "VIRTBUS_"))}
        with open(os.path.join(self.root, "out"), "wb") as out:
            self.process = subprocess.Popen(["unshare", "-m", "sh", "-e", os.path.join(self.root, "serve.sh")],
                                            stdout=out, stderr=out, start_new_session=True, env=environment)
        self.uri = "qemu+unix:///system?socket=" + os.path.join(self.root, "run/libvirt-sock")

    def write(self, name, text):
        with open(os.path.join(self.root, name), "w", encoding="utf-8") as f:
            f.write(text)

    def close(self):
        self.write("stop", "")
        with contextlib.suppress(OSError, ValueError), open(os.path.join(self.root, "pid"), encoding="utf-8") as f:
            os.kill(int(f.read()), 15)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(LIMIT_S)
        shutil.rmtree(self.root, ignore_errors=True)


class Side:
    """A server through the client library."""

    def __init__(self, uri, what):
        self.uri, self.what, self.connection = uri, what, None
        self.connect()

    def connect(self):
        def opens():
            with contextlib.suppress(libvirt.libvirtError):
                self.connection = libvirt.open(self.uri)
                return True
            return False
        wait_for(opens, self.what)

    def has_died(self):
        with contextlib.suppress(libvirt.libvirtError):
            self.connection.getLibVersion()
            return False
        self.connect()
        return True

    def define(self, text):
        """(definition shown back, None) or (None, error)"""
        try:
            domain = self.connection.defineXML(text)
        except libvirt.libvirtError as error:
            return None, error
        try:
            flags = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
            return domain.XMLDesc(flags), None
        except libvirt.libvirtError as error:
            return None, error
        finally:
            for flags in (libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM, 0):
                with contextlib.suppress(libvirt.libvirtError):
                    domain.undefineFlags(flags)
                    break

    def command_line(self, text):
        with contextlib.suppress(libvirt.libvirtError):
            return self.connection.domainXMLToNative("qemu-argv", text, 0)
        return None


# ---- what is equal ----

def canonical(text, given):
    """Nested tuples. What a side makes up by itself (MAC addresses, UUIDs) does not count."""
    made_up_macs = given.count("<interface ") > given.count("<mac ")

    def walk(element, path):
        attributes = dict(element.attrib)
        if element.tag == "mac" and made_up_macs:
            attributes.pop("address", None)
        if element.tag == "parameters" and "instanceid" not in given:
            attributes.pop("instanceid", None)
        children = [walk(child, path + "/" + child.tag) for child in element
                    if not (child.tag == "uuid" and path == "domain" and "<uuid>" not in given)]
        content = "" if element.tag == "genid" and "<genid/>" in given else (element.text or "").strip()
        return element.tag, tuple(sorted(attributes.items())), content, tuple(sorted(children))
    return walk(ET.fromstring(text), "domain")


def flatten(value, prefix=""):
    if isinstance(value, (dict, list)):
        pairs = sorted(value.items()) if isinstance(value, dict) else enumerate(value)
        for key, member in pairs:
            yield from flatten(member, "%s.%s" % (prefix, key) if prefix else str(key))
    else:
        yield "%s=%s" % (prefix, {True: "on", False: "off"}.get(value, value) if isinstance(value, bool) else value)


# what is the process's own business: sockets, keys, log formats, descriptors
PRIVATE = re.compile(r"charmonitor|masterKey|monitor|/run/|fd=|/qemu/domain-|/qemu/channel/|^(data|iv|keyid)=|httpcookie")
IGNORED = {"-name", "-S", "-sandbox", "-msg", "-uuid", "-nodefaults", "-no-user-config", "-pidfile", "-daemonize",
           "-chardev", "-mon", "-runas"}
FIRST_KEYS = {"-device": "driver", "-object": "qom-type", "-netdev": "type", "-blockdev": "driver"}


def arguments(text, given):
    """A multiset of options with their properties."""
    words = shlex.split(text)
    while words and re.match(r"^[A-Z_0-9]+=", words[0]):
        words.pop(0)
    found, words = collections.Counter(), words[1:]
    while words:
        option, value = words.pop(0), None
        if words and not re.match(r"-[a-z]", words[0]):
            value = words.pop(0)
        if option in IGNORED:
            continue
        if value is None:
            found[(option,)] += 1
            continue
        if value.startswith("{"):
            items = list(flatten(json.loads(value)))
        else:
            items = [item for item in re.split(r",(?!,)", value) if item]
            if items and "=" not in items[0] and option in FIRST_KEYS:
                items[0] = "%s=%s" % (FIRST_KEYS[option], items[0])
        if "<genid/>" in given:
            items = [re.sub("^guid=.*", "guid=*", item) for item in items]
        if given.count("<interface ") > given.count("<mac "):
            items = [re.sub("^mac=.*", "mac=*", item) for item in items]
        items = [item for item in items if not PRIVATE.search(item)]
        if items and not any("masterKey" in item for item in items):
            found[(option,) + tuple(sorted(items))] += 1
    return found


# ---- cases ----

def given_cases(options):
    corpus = options.corpus or os.environ.get("VIRTBUS_CORPUS")
    for path in options.cases or sorted(glob.glob(os.path.join(corpus, "*.xml")) if corpus else ()):
        # NAME.ARCHITECTURE-VERSION.xml beside NAME.xml is what comes out, not a case
        if not options.cases and re.search(r"\.[a-z0-9_]+-[^/]*\.xml$", path):
            continue
        with open(path, encoding="utf-8", errors="replace") as f:
            yield os.path.basename(path)[:-4], f.read()
    if not options.cases:
        yield from own.own_cases()


def compare(name, text, sides, root):
    """{what differs: how}; None when the reference died of the case"""
    theirs, ours = sides
    shown, refusal = theirs.define(text)
    line = theirs.command_line(text)
    if theirs.has_died():
        return None
    our_shown, our_refusal = ours.define(text)
    our_line = ours.command_line(text)
    result = {"accepted": shown is not None, "has_line": line is not None, "differs": {}}
    if ours.has_died():
        result["differs"]["died"] = name
        return result
    if shown and our_shown is None:
        result["differs"]["accepts"] = str(our_refusal)
    elif shown and canonical(shown, text) != canonical(our_shown.replace(root, ""), text):
        result["differs"]["xml"] = [shown, our_shown]
    elif not shown and our_shown:
        result["differs"]["refuses"] = str(refusal)
    elif not shown and refusal.get_error_code() != our_refusal.get_error_code():
        result["differs"]["code"] = [str(refusal), str(our_refusal)]
    if line and our_line is None:
        result["differs"]["argv"] = "none"
    elif line:
        left, right = arguments(line, text), arguments(our_line.replace(root, ""), text)
        if left != right:
            result["differs"]["argv"] = [sorted(left - right), sorted(right - left)]
    return result


# ---- exceptions and the page ----

def read_exceptions():
    """(pattern of names, what differs, reason) per line"""
    rows = []
    with open(EXCEPTIONS, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                pattern, kinds, reason = line.split(None, 2)
                rows.append((pattern, set(kinds.split(",")), reason.strip()))
    return rows


def reason_of(rows, name, kind):
    for pattern, kinds, reason in rows:
        if kind in kinds and fnmatch.fnmatch(name, pattern):
            return reason
    return None


def ratio(part, whole):
    return "%d of %d (%.1f %%)" % (part, whole, 100 * part / whole) if whole else "none"


def summary(results):
    accepted = [r for r in results.values() if r["accepted"]]
    lines = [r for r in results.values() if r["has_line"]]
    refused = [r for r in results.values() if not r["accepted"]]

    def without(rows, *kinds):
        return ratio(sum(not set(kinds) & set(r["differs"]) for r in rows), len(rows))
    yield "accepts what libvirtd accepts", without(accepted, "accepts", "died")
    yield "definition shown back is equal", without(accepted, "accepts", "xml", "died")
    yield "command line is equivalent", without(lines, "argv", "died")
    yield "refuses what libvirtd refuses", without(refused, "refuses", "died")
    yield "... with the same error code", without(refused, "refuses", "code", "died")


def page(results, rows, crashes):
    yield "# Conformance\n"
    yield ("Definitions handed to virtbus and to libvirtd %s with the same QEMU, compared by `./dev conformance`, which "
           "writes this page.\n" % reference_version())
    yield "%d cases; libvirtd itself died of %d more.\n" % (len(results), crashes)
    yield "| what | cases |\n|---|---|"
    for what, figure in summary(results):
        yield "| %s | %s |" % (what, figure)
    groups = collections.Counter()
    for name, result in results.items():
        for kind in result["differs"]:
            groups[(reason_of(rows, name, kind) or "**not explained**", kind)] += 1
    if groups:
        yield "\nWhat differs, and why (`tests/conformance-exceptions`):\n"
        yield "| reason | what differs | cases |\n|---|---|---|"
        for (reason, kind), count in sorted(groups.items()):
            yield "| %s | %s | %d |" % (reason, kind, count)


def reference_version():
    out = subprocess.run(["libvirtd", "--version"], capture_output=True, text=True, check=True).stdout
    return re.search(r"[0-9.]+", out).group()


def run(options):
    results, crashes = {}, 0
    ours = Side(os.environ["LIBVIRT_DEFAULT_URI"], "virtbus")
    root = os.environ["VIRTBUS_ROOT"].rstrip("/")
    with tempfile.TemporaryDirectory(prefix="conformance.") as base, contextlib.closing(Reference(base)) as reference:
        sides = Side(reference.uri, "libvirtd"), ours
        for name, text in given_cases(options):
            result = compare(name, text, sides, root)
            if result is None:
                crashes += 1
            else:
                results[name] = result
    return results, crashes


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", help="folder with cases, NAME.xml")
    parser.add_argument("--json", help="write every difference there")
    parser.add_argument("--output", help="the page; none with CASE.xml", default=None)
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    if "VIRTBUS_ROOT" not in os.environ:     # once more, inside a stack of its own
        os.execv(sys.executable, [sys.executable, os.path.join(HERE, "stack.py"), "--", sys.executable,
                                  os.path.abspath(__file__), *sys.argv[1:]])
    libvirt.registerErrorHandler(lambda *_: None, None)
    results, crashes = run(options)
    rows = read_exceptions()
    if options.json:
        with open(options.json, "w", encoding="utf-8") as f:
            json.dump(results, f, indent=1)
    if options.output or not options.cases:
        with open(options.output or os.path.join(REPO, "docs", "conformance.md"), "w", encoding="utf-8") as f:
            f.write("\n".join(page(results, rows, crashes)) + "\n")
    for what, figure in summary(results):
        print("%-34s %s" % (what, figure))
    unexplained = [(name, kind) for name, result in results.items() for kind in result["differs"]
                   if not reason_of(rows, name, kind)]
    for name, kind in unexplained:
        print("not explained: %s: %s" % (name, kind))
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
