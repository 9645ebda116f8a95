#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a C header with the numbers and field names of libvirt's public API.

usage: gen-constants.py libvirt-constants.json OUTPUT.h
"""
import json
import sys


def enum_lines(values):
    return [f"    {name} = {number}," for name, number in values.items()
            if number is not None]


def main():
    source, output = sys.argv[1:]
    with open(source, encoding="utf-8") as stream:
        table = json.load(stream)
    lines = ["/* Generated from libvirt-constants.json: do not edit. */", "#pragma once", ""]
    for title, values in sorted(table["enums"].items()):
        if body := enum_lines(values):
            lines += [f"/* {title} */", "enum {", *body, "};", ""]
    for name, text in table["names"].items():
        lines.append(f"#define {name} {json.dumps(text)}")
    with open(output, "w", encoding="utf-8") as stream:
        stream.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
