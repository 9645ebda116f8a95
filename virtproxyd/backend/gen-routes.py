#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Joins the protocol table with the introspection XML: one route per procedure that a D-Bus member answers.

usage: gen-routes.py (--c | --doc) --rpc libvirt-rpc.json --handlers handlers.c --output FILE [--check] INTERFACE.xml...

--check compares FILE with what would be written.

A method or property names its procedures in the annotation org.virtbus.Rpc, separated by blanks:

    PROCEDURE            fields and arguments are matched by name (case and "_" do not count); one left over on
                         either side is matched with one left over on the other
    PROCEDURE.field      on a property: this field of the reply is the property's value
    PROCEDURE[...]       with options, separated by commas:
        dbus=wire        the D-Bus argument "dbus" is the wire field "wire"
        name:=number     the D-Bus argument or reply field that has no counterpart has this value
        -wire            the wire argument is not needed
        duplex           the stream is written as well as read

Anything that does not fit fails the build, with the reason, unless handlers.c answers the procedure by hand.
"""
import argparse
import json
import re
import sys
import xml.etree.ElementTree as ET

ANNOTATION = "org.virtbus.Rpc"
EMITS = "org.freedesktop.DBus.Property.EmitsChangedSignal"
PRIMITIVES = {"int": "i", "uint": "u", "hyper": "x", "uhyper": "t", "short": "n", "ushort": "q",
              "char": "y", "uchar": "y", "double": "d", "bool": "b", "float": "d"}
NUMBERS = set("ynqiuxtd")
DOMAIN = "(sayi)"
PARAMS = "a(sv)"
STRING_OKAY = 4
TARGETS = {"org.virtbus.Hypervisor1": "ROOT", "org.virtbus.Domain1": "DOMAIN",
           "org.virtbus.NodeDevices1": "NODEDEVS", "org.virtbus.NodeDevice1": "NODEDEV"}
MIRRORED = ("ROOT", "DOMAIN")   # whose properties the proxy knows
# A call that needs no more than these changes nothing: it may be repeated after a daemon's restart.
READ_ACL = re.compile(r"^(none|[a-z_]+:(getattr|read|read_secure|search_[a-z_]+)(:.*)?|"
                      r"domain:(write|save):[^!]*VIR_[A-Z_]*(AGENT|GUEST)[A-Z_]*)$")

SNAPSHOT = "(s(sayi))"
TARGETS["org.virtbus.DomainSnapshot1"] = "SNAPSHOT"


class Misfit(Exception):
    pass


def normalise(name):
    return name.replace("_", "").lower()


# ---- the protocol table ----------------------------------------------------------------------------------------------

class Protocol:
    def __init__(self, path):
        with open(path, encoding="utf-8") as stream:
            self.table = json.load(stream)
        self.procedures = {}
        for program in ("remote", "qemu"):
            for row in self.table[program]["procedures"]:
                prefix = "" if program == "remote" else "QEMU:"
                self.procedures[prefix + row["name"]] = dict(row, program=program)

    def lookup(self, kind, name):
        for program in ("remote", "qemu"):
            if name in self.table[program].get(kind, {}):
                return self.table[program][kind][name]
        return None

    def gtype(self, field):
        """The GVariant type that the codec gives a field or typedef (codec.h)."""
        base = self.base_gtype(field["type"])
        if field.get("optional"):
            return "m" + base
        if field["type"] in ("opaque", "char") and ("max" in field or "length" in field):
            return "ay"
        if field["type"] != "string" and ("max" in field or "length" in field):
            return "a" + base
        return base

    def base_gtype(self, name):
        if name in PRIMITIVES:
            return PRIMITIVES[name]
        if name == "string":
            return "s"
        if name == "opaque":
            return "y"
        if name == "remote_typed_param":
            return "(sv)"
        typedef = self.lookup("typedefs", name)
        if typedef is not None:
            return self.gtype(typedef)
        struct = self.lookup("structs", name)
        if struct is not None:
            return "(" + "".join(self.gtype(field) for field in struct) + ")"
        return "i"  # enums

    def fields(self, name):
        if not name:
            return []
        return [dict(field, gtype=self.gtype(field)) for field in self.lookup("structs", name)]


# ---- the introspection XML -------------------------------------------------------------------------------------------

def annotations(node, name):
    return [a.get("value") for a in node.findall("annotation") if a.get("name") == name]


def parse_entry(text):
    match = re.fullmatch(r"([A-Z0-9_:]+)(?:\.(\w+))?(?:\[([^\]]*)\])?", text)
    if not match:
        raise Misfit(f"cannot read {text!r}")
    entry = {"procedure": match[1], "field": match[2], "rename": {}, "default": {},
             "ignore": set(), "duplex": False}
    for option in filter(None, (match[3] or "").split(",")):
        if option == "duplex":
            entry["duplex"] = True
        elif option.startswith("-"):
            entry["ignore"].add(normalise(option[1:]))
        elif ":=" in option:
            name, value = option.split(":=")
            entry["default"][normalise(name)] = int(value, 0)
        elif "=" in option:
            dbus, wire = option.split("=")
            entry["rename"][normalise(dbus)] = normalise(wire)
        else:
            raise Misfit(f"{match[1]}: unknown option {option!r}")
    return entry


def members(paths):
    """Yields (interface, member node, entry) for each annotated procedure."""
    for path in paths:
        for interface in ET.parse(path).getroot().iter("interface"):
            for node in interface:
                if node.tag not in ("method", "property"):
                    continue
                for value in annotations(node, ANNOTATION):
                    for text in value.split():
                        yield interface.get("name"), node, parse_entry(text)


# ---- conversions -----------------------------------------------------------------------------------------------------

def conversion_in(wire, dbus):
    """How a wire value becomes a D-Bus argument."""
    if wire == dbus and wire not in (DOMAIN, PARAMS):
        return "COPY"
    table = {("i", "b"): "BOOL", ("ms", "s"): "MAYBE_STRING", ("ay", "s"): "UUID", (DOMAIN, "o"): "DOMAIN",
             ("a" + DOMAIN, "ao"): "DOMAINS", (PARAMS, "a{sv}"): "PARAMS"}
    if (wire, dbus) in table:
        return table[wire, dbus]
    return "NUMBER" if wire in NUMBERS and dbus in NUMBERS else None


def conversion_out(dbus, wire):
    """How a D-Bus result becomes a field of the reply."""
    if (dbus, wire) in (("o", SNAPSHOT), ("ao", "a" + SNAPSHOT)):
        return "SNAPSHOT" if dbus == "o" else "SNAPSHOTS"
    if wire == dbus:
        return "COPY"
    table = {("s", "ms"): "MAYBE_STRING", ("s", "ay"): "CHARS", ("o", DOMAIN): "DOMAIN",
             ("ao", "a" + DOMAIN): "DOMAINS", ("a{sv}", PARAMS): "PARAMS",
             ("o", "(s)"): "NODEDEV", ("as", "a(s)"): "NODEDEVS",
             ("a(oa{sv})", f"a({DOMAIN}{PARAMS})"): "RECORDS"}
    if (dbus, wire) in table:
        return table[dbus, wire]
    return "NUMBER" if wire in NUMBERS and dbus in NUMBERS | {"b"} else None


def step(conv, source=-1, kind="", value=0, limit=-1, name=None):
    return {"conv": conv, "source": source, "type": kind, "value": value, "limit": limit, "name": name}


class Matcher:
    """Joins D-Bus arguments with wire fields: by rename, by name, then the one left over on each side."""

    def __init__(self, entry, dbus, wire):
        self.pairs = {}  # index in dbus -> index in wire
        self.dbus, self.wire = dbus, wire
        names = {normalise(field["name"]): index for index, field in enumerate(wire)}
        for index, (name, _) in enumerate(dbus):
            wanted = entry["rename"].get(normalise(name), normalise(name))
            if wanted in names:
                self.pairs[index] = names[wanted]

    def left(self, skip=()):
        dbus = [i for i in range(len(self.dbus)) if i not in self.pairs and i not in skip]
        wire = [i for i in range(len(self.wire)) if i not in self.pairs.values()]
        return dbus, wire

    def join_last(self, conversion, usable_wire, skip=()):
        dbus, wire = self.left(skip)
        wire = [i for i in wire if usable_wire(self.wire[i])]
        if len(dbus) == 1 and len(wire) == 1 and conversion(dbus[0], wire[0]):
            self.pairs[dbus[0]] = wire[0]


def wire_flags(steps, wire, ret):
    """VIR_TYPED_PARAM_STRING_OKAY says what the client can decode: no affair of the daemon's."""
    if any(field["gtype"] == "a(sv)" for field in ret):
        for row in steps:
            if row["conv"] == "COPY" and wire[row["source"]]["name"] == "flags":
                row["conv"], row["value"] = "MASK", STRING_OKAY
    return steps


def plan_in(entry, target, dbus, wire, counted):
    skip = entry["ignore"] | counted
    if target == "SNAPSHOT":
        if not wire or wire[0]["gtype"] != SNAPSHOT:
            raise Misfit("the procedure's first argument is no snapshot")
        skip = skip | {normalise(wire[0]["name"])}
    if target == "DOMAIN":
        if not wire or wire[0]["gtype"] != DOMAIN:
            raise Misfit("the procedure's first argument is no domain")
        skip = skip | {normalise(wire[0]["name"])}
    if target == "NODEDEV":
        if not wire or wire[0]["gtype"] != "s":
            raise Misfit("the procedure's first argument is no name")
        skip = skip | {normalise(wire[0]["name"])}
    match = Matcher(entry, dbus, wire)
    optional = {i for i, (name, _) in enumerate(dbus) if normalise(name) in entry["default"] or name == "flags"}
    match.join_last(lambda d, w: conversion_in(wire[w]["gtype"], dbus[d][1]),
                    lambda field: normalise(field["name"]) not in skip, optional)
    steps = []
    for index, (name, kind) in enumerate(dbus):
        if index in match.pairs:
            field = match.pairs[index]
            conv = conversion_in(wire[field]["gtype"], kind)
            if not conv:
                raise Misfit(f"argument {name}: no conversion from wire type {wire[field]['gtype']} to {kind}")
            steps.append(step(conv, field, kind, name=name))
        elif index in optional:
            steps.append(step("DEFAULT", kind=kind, value=entry["default"].get(normalise(name), 0), name=name))
        else:
            raise Misfit(f"argument {name} has no counterpart in the procedure and no default")
    for index in match.left()[1]:
        if normalise(wire[index]["name"]) not in skip:
            raise Misfit(f"wire argument {wire[index]['name']} has no counterpart in the D-Bus method")
    return steps


def counted_arguments(args, ret):
    """Wire arguments that limit the reply (nparams, need_results, maxX), by normalised name."""
    found = {}
    for index, field in enumerate(args):
        name = normalise(field["name"])
        if name in ("nparams", "needresults") or re.fullmatch("max(stats|names|ids)", name):
            if any(r["gtype"].startswith("a") for r in ret):
                found[name] = index
    return found


def plan_out(entry, target, dbus, ret, counted):
    dbus = list(dbus)
    match = Matcher(entry, dbus, ret)
    files = {i for i, (_, kind) in enumerate(dbus) if kind == "h"}
    match.join_last(lambda d, w: conversion_out(dbus[d][1], ret[w]["gtype"]),
                    lambda f: normalise(f["name"]) not in ({"nparams"} if counted else set()) | set(entry["default"])
                    and not ("needresults" in counted and f["name"] == "ret"), files)
    back = {w: d for d, w in match.pairs.items()}
    limit = next(iter(counted.values()), -1)
    yes_or_no = int("needresults" in counted)
    lists = [d for d, (_, kind) in enumerate(dbus) if kind.startswith("a")]
    steps = []
    for index, field in enumerate(ret):
        name, wire = normalise(field["name"]), field["gtype"]
        if index in back:
            kind = dbus[back[index]][1]
            conv = conversion_out(kind, wire)
            if not conv:
                raise Misfit(f"reply field {field['name']}: no conversion from {kind} to wire type {wire}")
            value = field.get("length", 0) if conv == "CHARS" else yes_or_no if kind.startswith("a") else 0
            steps.append(step(conv, back[index], wire, value, limit if kind.startswith("a") else -1,
                              dbus[back[index]][0]))
        elif name in entry["default"]:
            steps.append(step("DEFAULT", kind=wire, value=entry["default"][name]))
        elif name in ("nparams", "ret") and counted and len(lists) == 1:
            steps.append(step("COUNT", lists[0], wire, yes_or_no, limit))
        elif wire == DOMAIN and target == "DOMAIN":
            steps.append(step("SELF", kind=wire))
        else:
            raise Misfit(f"reply field {field['name']} has no counterpart in the D-Bus reply")
    for index in match.left(files)[0]:
        raise Misfit(f"D-Bus result {dbus[index][0]} has no counterpart in the reply")
    return steps, sorted(files)


def is_read(procedure):
    return all(READ_ACL.match(rule) for rule in procedure.get("acl", []))


def method_route(protocol, interface, node, entry):
    procedure = protocol.procedures[entry["procedure"]]
    target = TARGETS[interface]
    args, ret = protocol.fields(procedure["args"]), protocol.fields(procedure["ret"])
    ins = [(a.get("name"), a.get("type")) for a in node.findall("arg") if a.get("direction", "in") == "in"]
    outs = [(a.get("name"), a.get("type")) for a in node.findall("arg") if a.get("direction") == "out"]
    counted = counted_arguments(args, ret)
    steps_in = wire_flags(plan_in(entry, target, ins, args, set(counted)), args, ret)
    steps_out, files = plan_out(entry, target, outs, ret, counted)
    fd_use = "NONE"
    if files:
        stream = procedure.get("readstream") or procedure.get("writestream")
        fd_use = "FDS" if not stream else "DUPLEX" if entry["duplex"] else "STREAM"
    return {"kind": "METHOD", "member": node.get("name"), "in": steps_in, "out": steps_out, "fd_use": fd_use,
            "reply": "(" + "".join(kind for _, kind in outs) + ")"}


def property_routes(protocol, interface, procedure_name, found):
    """found: list of (node, entry) of properties that name this procedure."""
    procedure = protocol.procedures[procedure_name]
    args, ret = protocol.fields(procedure["args"]), protocol.fields(procedure["ret"])
    if not ret:
        node, entry = found[0]
        if node.get("access") == "read":
            raise Misfit("the property cannot be written")
        skip = 1 if TARGETS[interface] == "DOMAIN" else 0
        entry["ignore"] |= {normalise(field["name"]) for field in args[:skip]} | {"flags"}
        steps = plan_in(entry, TARGETS[interface], [(node.get("name"), node.get("type"))], args, set())
        return {"kind": "SET", "member": node.get("name"), "in": steps, "out": [], "fd_use": "NONE", "reply": "()"}
    by_field = {normalise(entry["field"] or ""): node for node, entry in found}
    steps = []
    for field in ret:
        node = by_field.get(normalise(field["name"]))
        if node is None:
            raise Misfit(f"no property gives the reply field {field['name']}")
        conv = conversion_out(node.get("type"), field["gtype"])
        if not conv:
            raise Misfit(f"property {node.get('name')}: no conversion from {node.get('type')} to {field['gtype']}")
        steps.append(step(conv, len(steps), field["gtype"], field.get("length", 0), name=node.get("name")))
    volatile = (any("false" in annotations(node, EMITS) for node, _ in found)
                or TARGETS[interface] not in MIRRORED)
    if volatile and len(steps) != 1:
        raise Misfit("a property that does not signal its changes must answer alone")
    return {"kind": "GET" if volatile else "MIRROR", "member": steps[0]["name"], "in": [], "out": steps,
            "fd_use": "NONE", "reply": "(v)"}


def build_routes(protocol, paths):
    routes, properties, problems = {}, {}, []
    for interface, node, entry in members(paths):
        name = entry["procedure"]
        try:
            if name not in protocol.procedures:
                raise Misfit("no such procedure")
            if node.tag == "property":
                properties.setdefault((interface, name), []).append((node, entry))
                continue
            if name in routes:
                raise Misfit("answered twice")
            routes[name] = dict(method_route(protocol, interface, node, entry), interface=interface)
        except Misfit as misfit:
            problems.append(f"{interface}.{node.get('name')}: {name}: {misfit}")
    for (interface, name), found in properties.items():
        try:
            if name in routes:
                raise Misfit("answered twice")
            routes[name] = dict(property_routes(protocol, interface, name, found), interface=interface)
        except Misfit as misfit:
            problems.append(f"{interface}.{found[0][0].get('name')}: {name}: {misfit}")
    return routes, problems


# ---- names of the public API -----------------------------------------------------------------------------------------

ACRONYMS = {"xml": "XML", "uuid": "UUID", "uri": "URI", "cpu": "CPU", "os": "OS", "nmi": "NMI", "fd": "FD",
            "id": "ID", "pm": "PM", "fstrim": "FSTrim", "fsfreeze": "FSFreeze", "fsthaw": "FSThaw",
            "fsinfo": "FSInfo", "nwfilter": "NWFilter", "nwfilters": "NWFilters", "iothread": "IOThread",
            "mac": "MAC", "dhcp": "DHCP", "ssh": "SSH", "sev": "SEV", "wwn": "WWN", "scsi": "SCSI", "numa": "Numa"}
IRREGULAR = {
    "CONNECT_GET_URI": "virConnectGetURI", "DOMAIN_GET_SCHEDULER_PARAMETERS": "virDomainGetSchedulerParameters",
    "DOMAIN_CREATE": "virDomainCreate", "NODE_NUM_OF_DEVICES": "virNodeNumOfDevices",
    "NODE_LIST_DEVICES": "virNodeListDevices", "DOMAIN_GET_SECURITY_LABEL_LIST": "virDomainGetSecurityLabelList",
    "DOMAIN_RESTORE_PARAMS": "virDomainRestoreParams", "DOMAIN_OPEN_GRAPHICS_FD": "virDomainOpenGraphicsFD",
    "DOMAIN_ADD_IOTHREAD": "virDomainAddIOThread", "DOMAIN_DEL_IOTHREAD": "virDomainDelIOThread",
    "DOMAIN_PM_SUSPEND_FOR_DURATION": "virDomainPMSuspendForDuration",
    "QEMU:DOMAIN_MONITOR_COMMAND": "virDomainQemuMonitorCommand", "QEMU:DOMAIN_ATTACH": "virDomainQemuAttach",
    "QEMU:DOMAIN_AGENT_COMMAND": "virDomainQemuAgentCommand",
    "QEMU:DOMAIN_MONITOR_COMMAND_WITH_FILES": "virDomainQemuMonitorCommandWithFiles",
    "QEMU:CONNECT_DOMAIN_MONITOR_EVENT_REGISTER": "virConnectDomainQemuMonitorEventRegister",
    "QEMU:CONNECT_DOMAIN_MONITOR_EVENT_DEREGISTER": "virConnectDomainQemuMonitorEventDeregister",
}


def public_name(procedure):
    if procedure in IRREGULAR:
        return IRREGULAR[procedure]
    words = procedure.split(":")[-1].lower().split("_")
    return "vir" + "".join(ACRONYMS.get(word, word.capitalize()) for word in words)


# ---- output ----------------------------------------------------------------------------------------------------------

def c_string(text):
    return json.dumps(text) if text is not None else "NULL"


def c_steps(symbol, steps):
    lines = [f"static const ProxyStep {symbol}[] = {{"]
    for row in steps:
        lines.append(f"    {{PROXY_CONV_{row['conv']}, {row['source']}, {row['limit']}, {row['value']}, "
                     f"{c_string(row['type'])}, {c_string(row['name'])}}},")
    return lines + ["};"]


def c_route(name, route, procedure):
    symbol = "route_" + name.replace(":", "_").lower()
    lines = []
    for side in ("in", "out"):
        if route[side]:
            lines += c_steps(f"{symbol}_{side}", route[side])
    steps = {side: f"{symbol}_{side}, {len(route[side])}" if route[side] else "NULL, 0" for side in ("in", "out")}
    lines += [f"static const ProxyRoute {symbol} = {{",
              f"    {c_string(name)}, PROXY_TARGET_{TARGETS[route['interface']]}, PROXY_ROUTE_{route['kind']},",
              f"    {c_string(route['interface'])}, {c_string(route['member'])}, {c_string(route['reply'])},",
              f"    PROXY_FD_{route['fd_use']}, {'TRUE' if is_read(procedure) else 'FALSE'},",
              f"    {steps['in']}, {steps['out']},", "};", ""]
    return lines


def write_c(protocol, routes):
    lines = ["/* Generated by gen-routes.py: do not edit. */", '#include "backend/route.h"', ""]
    for name, route in sorted(routes.items()):
        lines += c_route(name, route, protocol.procedures[name])
    for program in ("remote", "qemu"):
        lines.append(f"static const ProxyRouteEntry {program}_entries[] = {{")
        for name, row in sorted(protocol.procedures.items(), key=lambda item: item[1]["number"]):
            if row["program"] != program:
                continue
            route = "&route_" + name.replace(":", "_").lower() if name in routes else "NULL"
            lines.append(f"    [{row['number']}] = {{{route}, {c_string(public_name(name))}, "
                         f"{'TRUE' if is_read(row) else 'FALSE'}}},")
        lines += ["};", ""]
    lines += [
        "const ProxyRouteEntry *", "proxy_route_find(guint32 program, int number)", "{",
        f"    if (program == {protocol.table['remote']['program']}u && number > 0 &&",
        "        number < (int)G_N_ELEMENTS(remote_entries))", "        return &remote_entries[number];",
        f"    if (program == {protocol.table['qemu']['program']}u && number > 0 &&",
        "        number < (int)G_N_ELEMENTS(qemu_entries))", "        return &qemu_entries[number];",
        "    return NULL;", "}"]
    return "\n".join(lines) + "\n"


def write_doc(protocol, routes, handlers):
    lines = ["# Procedures of the legacy protocol", "",
             "Generated from `virtproxyd/libvirt-rpc.json` and `dbus/*.xml`: what answers each procedure. "
             "*by hand*: a function in `virtproxyd/backend/`; *mirror*: answered from the proxy's mirror without a D-Bus "
             "call; empty: `VIR_ERR_NO_SUPPORT`.", "",
             "| procedure | no. | answered by |", "|---|---|---|"]
    count = 0
    for name, row in sorted(protocol.procedures.items(), key=lambda i: (i[1]["program"] == "qemu", i[1]["number"])):
        if "event" in row:
            continue
        answer = ""
        if name in handlers:
            answer = "by hand"
        elif name in routes:
            route = routes[name]
            how = {"METHOD": "()", "SET": " (set)", "GET": " (get)", "MIRROR": " (mirror)"}[route["kind"]]
            answer = f"`{route['interface']}.{route['member']}{how}`"
        count += bool(answer)
        lines.append(f"| {name} | {row['number']} | {answer} |")
    lines += ["", f"{count} procedures have an answer of their own."]
    return "\n".join(lines) + "\n"


def read_handlers(path):
    """The procedures named in the handler table: rows that begin {"NAME", function."""
    with open(path, encoding="utf-8") as stream:
        return set(re.findall(r'^\s*\{"([A-Z0-9_:]+)",', stream.read(), re.M))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--c", action="store_true")
    parser.add_argument("--doc", action="store_true")
    parser.add_argument("--rpc", required=True)
    parser.add_argument("--handlers", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("interfaces", nargs="+")
    options = parser.parse_args()
    protocol = Protocol(options.rpc)
    handlers = read_handlers(options.handlers)
    problems = [f"{options.handlers}: {name}: no such procedure" for name in handlers - set(protocol.procedures)]
    routes, misfits = build_routes(protocol, options.interfaces)
    problems += [text for text in misfits if text.split(": ")[1] not in handlers]
    if problems:
        sys.exit("\n".join(["gen-routes.py: D-Bus members that do not fit their procedures:", *problems]))
    text = write_doc(protocol, routes, handlers) if options.doc else write_c(protocol, routes)
    if options.check:
        with open(options.output, encoding="utf-8") as stream:
            if stream.read() != text:
                sys.exit(f"{options.output} is old: run ./dev docs")
        return
    with open(options.output, "w", encoding="utf-8") as stream:
        stream.write(text)


if __name__ == "__main__":
    main()
