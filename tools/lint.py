#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""House rules as a program.

    lint.py [--update] [FILE...]

Each rule has a bad sample in tests/lint-samples that a test wants caught. What cannot be
mended now stands in tools/lint-exceptions, one "RULE PATH[:NAME] [NUMBER]" per line; that
list may only shrink: an entry that is not needed any more is an error, and so is a new one.
--update drops and lowers entries.
"""

import argparse
import ast
import bisect
import os
import re
import shutil
import subprocess
import sys
from collections import namedtuple

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXCEPTIONS = "tools/lint-exceptions"
SAMPLES = "tests/lint-samples/"
DAEMONS = ("virtqemud", "virtxend", "virtnodedevd", "virtnetworkd", "virtstoraged", "virtproxyd")
GDBUS_FOLDERS = ("libcommon/service/", "libcommon/wire/", "virtqemud/bus/", "virtnodedevd/bus/",
                 "virtproxyd/backend/", "virtproxyd/bus/",
                 "virtbusctl/", "dbus/")
MAX_FUNCTION, MAX_FILE, MAX_NESTING, MAX_PARAMS, MAX_SWITCHES = 60, 800, 4, 6, 1

Finding = namedtuple("Finding", "rule path line name number text")
Function = namedtuple("Function", "name params start end body body_at")


class Source:
    """A file with its text, and the same without comments, strings and directives."""

    def __init__(self, path, text, headers=None):
        self.path, self.text = path, text
        self.lines = text.split("\n")
        self.is_c = path.endswith((".c", ".h"))
        self.headers = headers or {}
        self.code = blank(text) if self.is_c else ""
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line) + 1)
        self.functions = list(c_functions(self)) if self.is_c else []

    def line_of(self, offset):
        return bisect.bisect_right(self.starts, offset)

    def find(self, rule, offset, text, name="", number=0):
        return Finding(rule, self.path, self.line_of(offset), name, number, text)


TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|'
                   r'^[ \t]*#(?:\\\n|[^\n])*', re.DOTALL | re.MULTILINE)


def blank(text):
    """Comments, strings and directives become spaces, so that offsets stay."""
    def spaces(match):
        return re.sub(r"[^\n]", " ", match.group())
    return TOKEN.sub(spaces, text)


def matching(code, at, pair):
    depth = 0
    for match in re.compile("[%s]" % re.escape(pair)).finditer(code, at):
        depth += 1 if match.group() == pair[0] else -1
        if depth == 0:
            return match.start()
    return len(code)


HEAD = re.compile(r"^([A-Za-z_]\w*)[ \t]*\(", re.MULTILINE)


def c_functions(source):
    """Definitions, which our style begins in the first column."""
    code, at = source.code, 0
    while True:
        head = HEAD.search(code, at)
        if not head:
            return
        close = matching(code, head.end() - 1, "()")
        rest = re.compile(r"\s*\{").match(code, close + 1)
        if not rest:
            at = head.end()
            continue
        end = matching(code, rest.end() - 1, "{}")
        params = split_params(code[head.end():close])
        yield Function(head.group(1), params, head.start(), end,
                       code[rest.end():end], rest.end())
        at = end


def split_params(text):
    parts, depth = [""], 0
    for char in text:
        depth += (char == "(") - (char == ")")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    return [] if text.strip() in ("", "void") else parts


# -- rules: each yields findings for one source

def rule_function_length(source):
    for f in source.functions:
        length = source.line_of(f.end) - source.line_of(f.start) + 1
        if length > MAX_FUNCTION:
            yield source.find("function-length", f.start, "%s() has %d lines, at most %d"
                              % (f.name, length, MAX_FUNCTION), f.name, length)
    if source.path.endswith(".py"):
        for node in ast.walk(ast.parse(source.text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = node.end_lineno - node.lineno + 1
                if length > MAX_FUNCTION:
                    yield Finding("function-length", source.path, node.lineno, node.name, length,
                                  "%s() has %d lines, at most %d"
                                  % (node.name, length, MAX_FUNCTION))


def rule_file_length(source):
    length = len(source.lines) - 1
    if (source.is_c or source.path.endswith(".py")) and length > MAX_FILE:
        yield source.find("file-length", 0, "%d lines, at most %d" % (length, MAX_FILE),
                          number=length)


def is_block(before, parent_is_block):
    """Whether a brace after @before opens a block, not an initialiser."""
    if not before or before[-1] in "{},;:":
        return parent_is_block and before[-1:] != ","
    if before[-1] != ")":
        return bool(re.search(r"\b(do|else)$", before))
    depth = 0
    for at in range(len(before) - 1, -1, -1):
        depth += (before[at] == ")") - (before[at] == "(")
        if depth == 0:
            return bool(re.search(r"\b(if|for|while|switch)\s*$", before[:at]))
    return False


def rule_nesting(source):
    for f in source.functions:
        depth = worst = where = 0
        kinds = [True]
        for match in re.finditer(r"[{}]", f.body):
            if match.group() == "{":
                kinds.append(is_block(f.body[:match.start()].rstrip(), kinds[-1]))
                depth += kinds[-1]
                if depth > worst:
                    worst, where = depth, match.start()
            elif len(kinds) > 1:
                depth -= kinds.pop()
        if worst > MAX_NESTING:
            yield source.find("nesting", f.body_at + where, "%s() nests %d deep, at most %d"
                              % (f.name, worst, MAX_NESTING), f.name, worst)


# callbacks whose parameters a library dictates: GDBusSignalCallback, startElementNsSAX2Func
DICTATED = re.compile(r"\s*(GDBusConnection \*\w+$|void \*\w+\s*,\s*const xmlChar \*)")


def rule_params(source):
    for f in source.functions:
        dictated = DICTATED.match(f.params[0]) or DICTATED.match(",".join(f.params[:2])) \
            if f.params else None
        if len(f.params) > MAX_PARAMS and not dictated:
            yield source.find("params", f.start, "%s() takes %d parameters, at most %d"
                              % (f.name, len(f.params), MAX_PARAMS), f.name, len(f.params))


def rule_switches(source):
    for f in source.functions:
        count = len(re.findall(r"\bswitch\s*\(", f.body))
        if count > MAX_SWITCHES:
            yield source.find("switches", f.start, "%s() has %d switches" % (f.name, count),
                              f.name, count)


def rule_goto(source):
    for match in re.finditer(r"\bgoto\b", source.code):
        yield source.find("goto", match.start(), "goto")


OWN_CASE = re.compile(r"\bcase\s+(VB|QEMU|PROXY)_[A-Z0-9_]+\s*:")


def rule_default(source):
    """No default: where the cases are values of our own enums: the compiler checks those."""
    for match in re.finditer(r"\bswitch\s*\(", source.code):
        open_brace = source.code.find("{", match.end())
        body = source.code[open_brace:matching(source.code, open_brace, "{}")]
        found = re.search(r"\bdefault\s*:", body)
        if found and OWN_CASE.search(body):
            yield source.find("default", open_brace + found.start(), "default: on our own enum")


def rule_spdx(source):
    if not any("SPDX-License-Identifier: LGPL-2.1-or-later" in line for line in source.lines[:3]):
        yield source.find("spdx", 0, "no SPDX line at the top")


def rule_file_comment(source):
    if source.path.endswith(".c") and not re.match(r"(/\*[^\n]*\*/\n)/\*", source.text):
        yield source.find("file-comment", 0, "no comment that says what the file is for")


def rule_gdbus(source):
    if "/tests/" in source.path or source.path.startswith(GDBUS_FOLDERS):
        return
    for match in re.finditer(r"\b(g_dbus_\w+|GDBus\w+)", source.code):
        yield source.find("gdbus", match.start(), "%s outside the D-Bus layer" % match.group())


def rule_include(source):
    """A daemon includes its own headers and libcommon's, libcommon only its own."""
    own = source.path.split("/")[0]
    if own not in DAEMONS + ("libcommon",):
        return
    for match in re.finditer(r'^\s*#\s*include\s+"([^"]+)"', source.text, re.MULTILINE):
        owners = source.headers.get(os.path.basename(match.group(1)), set())
        owners = {o for o in owners if o in DAEMONS + ("libcommon",)}
        foreign = owners - {own, "libcommon"}
        if match.group(1).split("/")[0] in set(DAEMONS) - {own} or (foreign and foreign == owners):
            yield source.find("include", match.start(), "includes %s of another part"
                              % match.group(1))


def rule_vir_name(source):
    for match in re.finditer(r"\bvir[A-Z]\w*", source.code):
        yield source.find("vir-name", match.start(), "%s: that is libvirt's API"
                          % match.group(), match.group())


MARKS = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X")) + r")\b")


def rule_todo(source):
    for match in MARKS.finditer(source.text):
        yield source.find("todo", match.start(), match.group())


def rule_format(source):
    program = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not source.is_c or not program:
        return
    out = subprocess.run([program, "--assume-filename=" + os.path.join(REPO, source.path)],
                         input=source.text, text=True, capture_output=True, check=True).stdout
    if out != source.text:
        pairs = zip(source.lines, out.split("\n"))
        line = next((i for i, (a, b) in enumerate(pairs, 1) if a != b), 1)
        yield Finding("format", source.path, line, "", 0, "not as clang-format writes it")


RULES = {
    "function-length": rule_function_length, "file-length": rule_file_length,
    "nesting": rule_nesting, "params": rule_params, "switches": rule_switches,
    "goto": rule_goto, "default": rule_default, "spdx": rule_spdx,
    "file-comment": rule_file_comment, "gdbus": rule_gdbus, "include": rule_include,
    "vir-name": rule_vir_name, "todo": rule_todo, "format": rule_format,
}

CHECKED = re.compile(r"(\.(c|h|py|sh|in|service|socket|conf|rules|policy|xml)|meson\.build|"
                     r"meson_options\.txt|^dev|^\.ci/run|^tools/[a-z]+)$")
# data and texts that others read; samples of XML belong to the tests that read them
LEFT_OUT = re.compile(r"^(LICENSES/|docs/|%s)|/samples/|/expected/|/corpus/|\.rng$" % SAMPLES)


def tracked_files():
    out = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard"], cwd=REPO,
                                  text=True)
    return [p for p in out.split("\n") if p and os.path.isfile(os.path.join(REPO, p)) and
            CHECKED.search(p) and not LEFT_OUT.search(p)]


def header_owners(paths):
    owners = {}
    for path in paths:
        if path.endswith(".h"):
            owners.setdefault(os.path.basename(path), set()).add(path.split("/")[0])
    return owners


def check(source, rules=RULES):
    found = []
    for rule in rules.values():
        found += rule(source)
    return found


def load(path, headers, pretend=None):
    with open(os.path.join(REPO, path), encoding="utf-8") as f:
        return Source(pretend or path, f.read(), headers)


def parse_exceptions(text):
    entries = {}
    for line in text.split("\n"):
        words = line.split("#")[0].split()
        if words:
            entries[words[0], words[1]] = int(words[2]) if len(words) > 2 else 0
    return entries


def read_exceptions():
    try:
        with open(os.path.join(REPO, EXCEPTIONS)) as f:
            return parse_exceptions(f.read())
    except FileNotFoundError:
        return {}


def committed_exceptions():
    """The list before the newest commit: what a change may not add to."""
    out = subprocess.run(["git", "show", "HEAD~1:" + EXCEPTIONS], cwd=REPO, text=True,
                         capture_output=True, check=False)
    return parse_exceptions(out.stdout) if out.returncode == 0 else None


def key_of(finding):
    return finding.rule, finding.path + (":" + finding.name if finding.name else "")


def apply_exceptions(findings, entries, complain):
    """Drops what is excused; returns (left, entries as they could be now)."""
    left, needed = [], {}
    for f in findings:
        key = key_of(f)
        if key in entries and f.number <= entries[key]:
            needed[key] = max(needed.get(key, 0), f.number)
        else:
            left.append(f)
    for key, number in entries.items():
        if needed.get(key) != number:
            complain("%s: \"%s %s %d\" is not needed so; run ./dev lint --update"
                     % (EXCEPTIONS, *key, number))
    return left, needed


def write_exceptions(entries):
    with open(os.path.join(REPO, EXCEPTIONS), "w") as f:
        f.write("# SPDX-License-Identifier: LGPL-2.1-or-later\n"
                "# RULE PATH[:NAME] [NUMBER]. Only ever shorter: see tools/lint.py.\n")
        for (rule, where), number in sorted(entries.items()):
            f.write("%s %s%s\n" % (rule, where, " %d" % number if number else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--update", action="store_true", help="shorten the list of exceptions")
    parser.add_argument("files", nargs="*", help="only these")
    cfg = parser.parse_args()
    complaints = []
    every = tracked_files()
    chosen = [os.path.relpath(p, REPO) for p in cfg.files] or every
    headers = header_owners(every)
    findings = []
    for path in chosen:
        findings += check(load(path, headers))
    entries = read_exceptions()
    complain = (lambda text: None) if cfg.update or cfg.files else complaints.append
    findings, needed = apply_exceptions(findings, entries, complain)
    if cfg.update:
        write_exceptions(needed)
    before = committed_exceptions()
    for key in set(entries) - set(before if before is not None else entries):
        complaints.append("%s: \"%s %s\" is new; mend the code instead" % (EXCEPTIONS, *key))
    for f in findings:
        print("%s:%d: %s [%s]" % (f.path, f.line, f.text, f.rule))
    for text in complaints:
        print(text)
    if findings or complaints:
        print("lint: %d findings in %d files" % (len(findings) + len(complaints), len(chosen)))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
