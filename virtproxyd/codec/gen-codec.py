#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the codec's tables from the description of libvirt's wire protocol.

usage: gen-codec.py libvirt-rpc.json OUTPUT.c OUTPUT.h

Types are numbered and interned by their shape; everything but the list of procedures refers by number, so that
the tables stay read-only and shared between processes.
"""
import json
import sys

# kind: (GVariant type, bytes on the wire); XDR pads everything to words
SCALARS = {
    "char": ("y", 4), "uchar": ("y", 4), "short": ("n", 4), "ushort": ("q", 4), "int": ("i", 4),
    "uint": ("u", 4), "hyper": ("x", 8), "uhyper": ("t", 8), "double": ("d", 8),
}
SERVED = ("remote", "qemu")

# A read-only libvirt connection may do what these permissions describe. Where libvirt's public API decides
# otherwise ("read only access prevents ..."), that counts. Source: libvirtd 9.0's read-only socket, asked call by call.
READONLY_PERMISSIONS = {"none", "getattr", "read"}
READONLY_PREFIX = "search_"
READONLY_REFUSED = {"DOMAIN_SET_SCHEDULER_PARAMETERS", "NODE_GET_SEV_INFO", "DOMAIN_GET_LAUNCH_SECURITY_INFO",
                    "NODE_DEVICE_GET_AUTOSTART", "DOMAIN_SAVE_IMAGE_GET_XML_DESC"}
READONLY_ALLOWED = {"DOMAIN_MIGRATE_GET_COMPRESSION_CACHE", "DOMAIN_MIGRATE_GET_MAX_DOWNTIME"}


class Tables:
    """Interns types, strings and fields; every reference is an index."""

    def __init__(self, description):
        self.description = description
        self.types = []
        self.type_index = {}
        self.fields = []
        self.pool = bytearray()
        self.pool_index = {}
        self.named = {}
        self.typedefs = {}
        self.structs = {}
        self.unions = {}
        self.enums = {}
        for section in (*SERVED, "message"):
            part = description[section]
            self.typedefs.update(part["typedefs"])
            self.structs.update(part["structs"])
            self.unions.update(part.get("unions", {}))
            self.enums.update(part.get("enums", {}))

    def text(self, string):
        if string not in self.pool_index:
            self.pool_index[string] = len(self.pool)
            self.pool += string.encode() + b"\0"
        return self.pool_index[string]

    def add(self, kind, gtype, wire, limit=0, element=0, fields=()):
        key = (kind, gtype, wire, limit, element, tuple(fields))
        if key in self.type_index:
            return self.type_index[key]
        first = len(self.fields)
        self.fields += fields
        number = len(self.types)
        self.types.append((kind, gtype, wire, limit, element, first, len(fields)))
        self.type_index[key] = number
        return number

    def gtype(self, number):
        return self.types[number][1]

    def wire(self, number):
        return self.types[number][2]

    def struct(self, name):
        members = [(member["name"], self.member(member)) for member in self.structs[name]]
        gtype = "(" + "".join(self.gtype(number) for _, number in members) + ")"
        wire = sum(self.wire(number) for _, number in members)
        return self.add("STRUCT", gtype, wire,
                        fields=[(self.text(text), number) for text, number in members])

    def union(self, name):
        cases = {case["case"]: case["type"] for case in self.unions[name]["cases"]}
        expected = {1: "int", 2: "uint", 3: "hyper", 4: "uhyper", 5: "double", 6: "int"}
        if {k: v for k, v in cases.items() if k != 7} != expected or self.unions[name]["type"] != "int":
            sys.exit(f"union {name} is not a typed parameter's value")
        return self.add("VALUE", "v", 8, element=self.by_name(cases[7]))

    def by_name(self, name):
        if name not in self.named:
            self.named[name] = self.resolve(name)
        return self.named[name]

    def resolve(self, name):
        if name in SCALARS:
            gtype, wire = SCALARS[name]
            return self.add(name.upper(), gtype, wire)
        if name in self.enums:
            return self.by_name("int")
        if name in self.structs:
            return self.struct(name)
        if name in self.unions:
            return self.union(name)
        return self.member(self.typedefs[name])

    def member(self, member):
        name, limit, length = member["type"], member.get("max"), member.get("length")
        if name == "string":
            return self.add("STRING", "s", 4, limit=limit)
        if name == "opaque" and length is not None:
            return self.add("OPAQUE_FIXED", "ay", (length + 3) // 4 * 4, limit=length)
        if name == "opaque":
            return self.add("OPAQUE", "ay", 4, limit=limit)
        element = self.by_name(name)
        if member.get("optional"):
            return self.add("OPTIONAL", "m" + self.gtype(element), 4, element=element)
        if length is not None:
            return self.add("FIXED_ARRAY", "a" + self.gtype(element), length * self.wire(element),
                            limit=length, element=element)
        if limit is not None:
            return self.add("ARRAY", "a" + self.gtype(element), 4, limit=limit, element=element)
        return element


def is_allowed_readonly(name, acl):
    """A permission with a condition ("domain:read_secure:FLAG") is the daemon's to check."""
    plain = [rule.split(":") for rule in acl if rule.count(":") < 2]
    permissions = {parts[-1] for parts in plain}
    if name in READONLY_REFUSED | READONLY_ALLOWED:
        return name in READONLY_ALLOWED
    return all(
        permission in READONLY_PERMISSIONS or permission.startswith(READONLY_PREFIX)
        for permission in permissions)


def procedure_row(tables, section, procedure):
    prefix = "" if section == "remote" else section.upper() + ":"
    args = procedure.get("args") or procedure.get("event")
    pointer = [f"&proxy_xdr_types[{tables.by_name(name)}]" if name else "NULL"
               for name in (args, procedure.get("ret"))]
    stream = ("READ" if "readstream" in procedure else
              "WRITE" if "writestream" in procedure else "NONE")
    acl = procedure.get("acl", [])
    return (f'    {{ {tables.description[section]["program"]}, {procedure["number"]}, '
            f'"{prefix}{procedure["name"]}", {pointer[0]}, {pointer[1]}, '
            f'{int("event" in procedure)}, {int(procedure.get("priority") == "high")}, '
            f'PROXY_STREAM_{stream}, {int(is_allowed_readonly(procedure["name"], acl))}, '
            f'"{",".join(acl)}" }},')


def pool_lines(pool):
    for entry in bytes(pool).split(b"\0")[:-1]:
        yield f'    "{entry.decode()}\\0"'


def write_source(tables, output):
    rows, names, programs = [], [], []
    for section in SERVED:
        procedures = sorted(tables.description[section]["procedures"], key=lambda row: row["number"])
        if [row["number"] for row in procedures] != list(range(1, len(procedures) + 1)):
            sys.exit(f"procedures of {section} are not numbered from 1 without gaps")
        programs.append((tables.description[section]["program"], len(rows), len(procedures)))
        for procedure in procedures:
            names.append((procedure["name"] if section == "remote" else
                          f'{section.upper()}:{procedure["name"]}', len(rows)))
            rows.append(procedure_row(tables, section, procedure))
    error = tables.by_name("virNetMessageError")
    hole = tables.by_name("virNetStreamHole")
    types = [f"    {{ PROXY_XDR_{kind}, {count}, {first}, {element}, {tables.text(gtype)}, {wire}, {limit} }},"
             for kind, gtype, wire, limit, element, first, count in tables.types]
    if len(tables.pool) > 65535 or max(row[2] for row in tables.types) > 65535:
        sys.exit("a table outgrew its 16-bit columns")
    widest = max(row[6] for row in tables.types)
    if widest > 16:
        sys.exit("a struct has more members than PROXY_XDR_MAX_FIELDS")
    lines = ["/* Generated from libvirt-rpc.json: do not edit. */", '#include "codec/types.h"', "",
             "const char proxy_xdr_pool[] =", *pool_lines(tables.pool), "    ;", "",
             "const ProxyXdrType proxy_xdr_types[] = {", *types, "};",
             "const guint proxy_xdr_n_types = G_N_ELEMENTS(proxy_xdr_types);", "",
             "const ProxyXdrField proxy_xdr_fields[] = {",
             *[f"    {{ {text}, {number} }}," for text, number in tables.fields], "};", "",
             "const ProxyProcedure proxy_procedures[] = {", *rows, "};",
             "const guint proxy_n_procedures = G_N_ELEMENTS(proxy_procedures);", "",
             "const guint16 proxy_procedures_by_name[] = {",
             "    " + ", ".join(str(index) for _, index in sorted(names)), "};", "",
             "const ProxyProgramRows proxy_programs[] = {",
             *[f"    {{ {program}, {first}, {count} }}," for program, first, count in programs], "};",
             "const guint proxy_n_programs = G_N_ELEMENTS(proxy_programs);", "",
             f"const ProxyXdrType *const proxy_xdr_message_error = &proxy_xdr_types[{error}];",
             f"const ProxyXdrType *const proxy_xdr_stream_hole = &proxy_xdr_types[{hole}];", ""]
    with open(output, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines))


def write_header(description, output):
    lines = ["/* Generated from libvirt-rpc.json: do not edit. */", "#pragma once", ""]
    for section in (*SERVED, "keepalive"):
        part = description[section]
        lines.append(f"#define PROXY_PROGRAM_{section.upper()} {part['program']}u")
        prefix = "" if section == "remote" else section.upper() + "_"
        lines += ["enum {", *[f"    PROXY_PROC_{prefix}{row['name']} = {row['number']},"
                              for row in part["procedures"]], "};"]
    lines.append(f"#define PROXY_PROGRAM_VERSION {description['remote']['version']}u")
    lines += [f"#define {name} {value}u" for name, value in description["message"]["constants"].items()]
    for section in ("remote", "message"):
        for values in description[section]["enums"].values():
            lines += ["enum {", *[f"    {name} = {value}," for name, value in values.items()], "};"]
    with open(output, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")


def main():
    source, output_c, output_h = sys.argv[1:]
    with open(source, encoding="utf-8") as stream:
        description = json.load(stream)
    if {description[section]["version"] for section in (*SERVED, "keepalive")} != {1}:
        sys.exit("a program has another version than 1")
    write_source(Tables(description), output_c)
    write_header(description, output_h)


if __name__ == "__main__":
    main()
