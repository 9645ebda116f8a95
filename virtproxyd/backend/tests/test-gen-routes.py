#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""gen-routes.py refuses D-Bus members that do not fit their procedures, and says why.

usage: test-gen-routes.py gen-routes.py libvirt-rpc.json
"""
import os
import subprocess
import sys
import tempfile

GENERATOR, TABLE = sys.argv[1:]

PAGE = """<node><interface name="org.virtbus.Domain1">{}</interface></node>"""


def method(procedures, arguments):
    args = "".join(f'<arg name="{name}" type="{kind}" direction="{way}"/>' for name, kind, way in arguments)
    return PAGE.format(f'<method name="M"><annotation name="org.virtbus.Rpc" value="{procedures}"/>{args}</method>')


def prop(procedures, kind, access="read"):
    return PAGE.format(f'<property name="P" type="{kind}" access="{access}">'
                       f'<annotation name="org.virtbus.Rpc" value="{procedures}"/></property>')


def generate(page, handlers=""):
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: os.path.join(folder, name) for name in ("in.xml", "handlers.c", "out.c")}
        for name, text in (("in.xml", page), ("handlers.c", handlers)):
            with open(paths[name], "w", encoding="utf-8") as stream:
                stream.write(text)
        done = subprocess.run([sys.executable, GENERATOR, "--c", "--rpc", TABLE, "--handlers", paths["handlers.c"],
                               "--output", paths["out.c"], paths["in.xml"]],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            return done.returncode, done.stderr
        with open(paths["out.c"], encoding="utf-8") as stream:
            return 0, stream.read()


FLAGS = ("flags", "u", "in")
REFUSED = (
    (method("DOMAIN_NOTHING", ()), "no such procedure"),
    (method("domain-create", ()), "cannot read"),
    (method("DOMAIN_CREATE[maybe]", ()), "unknown option"),
    (method("DOMAIN_CREATE DOMAIN_CREATE", ()), "answered twice"),
    (method("DOMAIN_CREATE", (("level", "u", "in"),)), "argument level has no counterpart"),
    (method("DOMAIN_SET_MEMORY", (FLAGS,)), "wire argument memory has no counterpart"),
    (method("DOMAIN_SET_MEMORY", (("memory", "s", "in"),)), "no conversion from wire type t to s"),
    (method("DOMAIN_GET_XML_DESC", (FLAGS,)), "reply field xml has no counterpart"),
    (method("DOMAIN_GET_XML_DESC", (FLAGS, ("xml", "as", "out"))), "no conversion from as to wire type s"),
    (method("DOMAIN_SUSPEND", (("extra", "s", "out"),)), "result extra has no counterpart"),
    (method("NODE_GET_INFO", ()), "first argument is no domain"),
    (prop("DOMAIN_GET_STATE.state", "i"), "no property gives the reply field reason"),
    (prop("DOMAIN_GET_OS_TYPE.type", "i"), "no conversion from i to s"),
    (prop("DOMAIN_SET_AUTOSTART", "b"), "the property cannot be written"),
)

ACCEPTED = (
    (method("DOMAIN_CREATE", (FLAGS,)), "PROXY_CONV_DEFAULT, -1, -1, 0"),
    (method("DOMAIN_SET_MAX_MEMORY[flags:=4]", (("memory", "t", "in"), FLAGS)), "PROXY_CONV_DEFAULT, -1, -1, 4"),
    (method("DOMAIN_RENAME[retcode:=0]", (("new_name", "s", "in"), FLAGS)), "PROXY_CONV_MAYBE_STRING, 1"),
    (method("DOMAIN_CREATE_WITH_FLAGS", (FLAGS,)), "PROXY_CONV_SELF"),
    (method("DOMAIN_OPEN_CONSOLE[duplex]", (("dev_name", "s", "in"), FLAGS, ("fd", "h", "out"))), "PROXY_FD_DUPLEX"),
    (method("DOMAIN_BLOCK_STATS_FLAGS", (("path", "s", "in"), FLAGS, ("params", "a{sv}", "out"))),
     "PROXY_CONV_MASK, 3, -1, 4"),
    (prop("DOMAIN_GET_AUTOSTART.autostart DOMAIN_SET_AUTOSTART", "b", "readwrite"), "PROXY_ROUTE_SET"),
)


def main():
    for page, reason in REFUSED:
        status, said = generate(page)
        assert status != 0, f"accepted: {page}"
        assert reason in said, f"{page}\nsaid: {said}"
    for page, part in ACCEPTED:
        status, said = generate(page)
        assert status == 0, said
        assert part in said, f"{page}\nlacks {part}:\n{said}"
    # what is answered by hand need not fit
    status, said = generate(method("DOMAIN_GET_XML_DESC", ()), '    {"DOMAIN_GET_XML_DESC", answer},\n')
    assert status == 0, said
    status, said = generate(method("DOMAIN_CREATE", ()), '    {"DOMAIN_CREATE_IT", answer},\n')
    assert status != 0 and "DOMAIN_CREATE_IT: no such procedure" in said, said


main()
