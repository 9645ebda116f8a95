# SPDX-License-Identifier: LGPL-2.1-or-later
"""The house rules: each catches its bad sample, and nothing else."""

import os
import re

import pytest

import doclinks
import lint

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLES = sorted(os.listdir(HERE + "/lint-samples"))
HEADERS = {"rpc.h": {"virtproxyd"}, "store.h": {"libcommon"}}


def rule_of(sample):
    name = sample.rpartition(".")[0]
    return max((r for r in lint.RULES if name.startswith(r)), key=len)


def test_every_rule_has_a_sample():
    assert {rule_of(s) for s in SAMPLES} == set(lint.RULES)


@pytest.mark.parametrize("sample", SAMPLES)
def test_sample_is_caught(sample):
    with open(os.path.join(HERE, "lint-samples", sample)) as f:
        text = f.read()
    pretend = re.search(r"lint-path: (\S+)", text)
    path = pretend.group(1) if pretend else "libcommon/base/" + sample
    found = lint.check(lint.Source(path, text, HEADERS))
    assert {f.rule for f in found} == {rule_of(sample)}


GOOD = """/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A good file: its strings and comments say goto, virDomain and g_dbus_call. */
#include "store.h"

static const Row rows[] = {
    {"virDomainFree", {1, {2, {3, {4, {5}}}}}},
};

int
choose(int a, VbKind kind)
{
    const int table[][2] = {{1, 2}, {3, 4}};
    switch (kind) {
    case VB_KIND_DISK:
        return table[0][a];
    case VB_KIND_NIC:
        break;
    }
    return 0;
}
"""


def test_good_file_passes():
    assert not lint.check(lint.Source("virtqemud/good.c", GOOD, HEADERS))


def test_exceptions_only_shrink():
    finding = lint.Finding("goto", "a.c", 1, "f", 0, "goto")
    complaints = []
    left, needed = lint.apply_exceptions(
        [finding], {("goto", "a.c:f"): 0, ("goto", "b.c"): 0}, complaints.append)
    assert left == [] and needed == {("goto", "a.c:f"): 0}
    assert len(complaints) == 1 and "b.c" in complaints[0]
    long = lint.Finding("file-length", "a.c", 1, "", 900, "")
    assert lint.apply_exceptions([long], {("file-length", "a.c"): 850}, str)[0] == [long]



def test_links_of_pages():
    text = "[here](lint.py), [there](../docs/status.md#x), [away](https://example.org/x)\n[nowhere](none.md)"
    assert list(doclinks.broken("tools/README.md", text)) == [(2, "none.md")]
