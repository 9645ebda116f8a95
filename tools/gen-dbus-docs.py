#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The D-Bus reference pages of docs/, from the introspection XML in dbus/.

    gen-dbus-docs.py [--check]

The XML says everything twice, to the machine and in the comment before each element; a
method, property or signal without its comment is an error. --check writes nothing and
fails when a page is not what would be written.
"""

import argparse
import glob
import os
import re
import sys
import xml.etree.ElementTree as ET

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RPC = "org.virtbus.Rpc"
EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
EMITS_TEXT = {"const": "never changes", "false": "changes without a signal",
              "invalidates": "signals that it changed", "true": "signals changes"}


class Undocumented(Exception):
    """Something has no comment."""


def with_comments(element):
    """(comment, child) for each child element; the comment before it, or ""."""
    comment = ""
    for child in element:
        if child.tag is ET.Comment:
            comment = child.text
        else:
            yield comment, child
            comment = ""


def parse_comment(text, name, where):
    """The comment's arguments and its prose."""
    lines = [line.strip() for line in text.strip().split("\n")]
    if not lines or not lines[0].startswith(name + ":"):
        raise Undocumented("%s: no comment before %s" % (where, name))
    lines[0] = lines[0][len(name) + 1:].strip()
    args, prose = {}, []
    for line in lines:
        found = re.match(r"@(\w+):\s*(.*)", line)
        if found:
            args[found.group(1)] = found.group(2)
        else:
            prose.append(line)
    return args, "\n".join(prose).strip()


def annotation(element, name):
    for child in element.findall("annotation"):
        if child.get("name") == name:
            return child.get("value")
    return None


def signature(element):
    def side(direction):
        return ", ".join("%s %s" % (a.get("type"), a.get("name")) for a in element.findall("arg")
                         if a.get("direction", "out") == direction)
    if element.tag == "signal":
        return "%s(%s)" % (element.get("name"), side("out"))
    text = "%s(%s)" % (element.get("name"), side("in"))
    return text + (" → (%s)" % side("out") if side("out") else "")


def member_lines(comment, element, where):
    args, prose = parse_comment(comment, element.get("name"), where)
    yield "### %s" % element.get("name")
    yield ""
    yield "`%s`" % signature(element)
    yield ""
    names = {a.get("name") for a in element.findall("arg")}
    for unknown in set(args) - names:
        raise Undocumented("%s.%s: no argument %s" % (where, element.get("name"), unknown))
    for name, text in args.items():
        if text:
            yield "* `%s`: %s" % (name, text)
    if args:
        yield ""
    if prose:
        yield prose
        yield ""
    if annotation(element, RPC):
        legacy = re.sub(r"\[[^]]*\]", "", annotation(element, RPC))
        yield "Legacy procedures: `%s`." % legacy.replace(" ", "`, `")
        yield ""


def property_lines(items, where):
    yield "| property | type | access | |"
    yield "|---|---|---|---|"
    for comment, element in items:
        _, prose = parse_comment(comment, element.get("name"), where)
        emits = EMITS_TEXT[annotation(element, EMITS) or "true"]
        yield "| `%s` | `%s` | %s | %s; %s |" % (
            element.get("name"), element.get("type"), element.get("access"),
            " ".join(prose.split()).replace("|", "\\|"), emits)
    yield ""


def interface_lines(comment, interface):
    where = interface.get("name")
    _, prose = parse_comment(comment, where, where)
    yield "# %s" % where
    yield ""
    yield "<!-- generated from dbus/ by ./dev docs -->"
    yield ""
    yield prose
    yield ""
    children = list(with_comments(interface))
    for tag, title in (("property", "Properties"), ("method", "Methods"), ("signal", "Signals")):
        items = [(c, e) for c, e in children if e.tag == tag]
        if not items:
            continue
        yield "## " + title
        yield ""
        if tag == "property":
            yield from property_lines(items, where)
        else:
            for item in items:
                yield from member_lines(*item, where)


def pages():
    """(path, text) of every page."""
    index = []
    for path in sorted(glob.glob(os.path.join(REPO, "dbus", "org.virtbus.*.xml"))):
        tree = ET.parse(path, ET.XMLParser(target=ET.TreeBuilder(insert_comments=True)))
        for comment, interface in with_comments(tree.getroot()):
            name = interface.get("name")
            page = "dbus-%s.md" % name.rpartition(".")[2]
            text = "\n".join(interface_lines(comment, interface)).rstrip() + "\n"
            index.append("| [%s](%s) | %s |" % (
                name, page, parse_comment(comment, name, name)[1].split("\n")[0]))
            yield page, text
    yield "dbus.md", "\n".join(
        ["# D-Bus reference", "", "<!-- generated from dbus/ by ./dev docs -->", "",
         "| interface | what it is |", "|---|---|"] + index) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--check", action="store_true")
    cfg = parser.parse_args()
    stale = []
    for name, text in pages():
        path = os.path.join(REPO, "docs", name)
        try:
            with open(path) as f:
                if f.read() == text:
                    continue
        except FileNotFoundError:
            pass
        stale.append(name)
        if not cfg.check:
            with open(path, "w") as f:
                f.write(text)
    if cfg.check and stale:
        print("docs: %s: not what ./dev docs writes" % ", ".join(stale))
        return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Undocumented as e:
        sys.exit("docs: %s" % e)
