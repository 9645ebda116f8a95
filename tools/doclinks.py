#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Links of the pages to files that are not there: one line each, and status 1."""

import os
import re
import subprocess
import sys

REPO = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LINK = re.compile(r"\]\((?![a-z]+:)([^)#\s]+)(?:#[^)]*)?\)")


def broken(page, text, exists=os.path.exists):
    """(line, target) of what @page names and nobody has."""
    for number, line in enumerate(text.split("\n"), 1):
        for target in LINK.findall(line):
            if not exists(os.path.join(REPO, os.path.dirname(page), target)):
                yield number, target


def main():
    pages = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "*.md"], cwd=REPO, text=True).split()
    status = 0
    for page in pages:
        with open(os.path.join(REPO, page), encoding="utf-8") as f:
            for number, target in broken(page, f.read()):
                print("docs: %s:%d: no file %s" % (page, number, target))
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
