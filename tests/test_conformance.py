# SPDX-License-Identifier: LGPL-2.1-or-later
"""The cases of tests/conformance: what is refused, in which words; what is accepted, and stays what it is. Beside
libvirtd they are compared by ./dev conformance."""

import os
import re
import sys
import xml.etree.ElementTree as ET

import libvirt
import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "conformance"))
import cases  # noqa: E402

SHOWN = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE


@pytest.fixture(scope="module")
def connection(shared_stack):
    connection = shared_stack.open()
    yield connection
    connection.close()


def test_refused_in_libvirts_words(connection):
    """Each with the words that libvirt 9.0 has for it; ours say the place as well."""
    wrong, count = [], 0
    for name, text, words in cases.refused_cases():
        count += 1
        try:
            connection.defineXML(text).undefine()
            wrong.append("%s: accepted" % name)
        except libvirt.libvirtError as error:
            message = re.sub(r" \(/domain[^)]*line \d+\)$", "", str(error))
            if message != words:
                wrong.append("%s: %s" % (name, message))
    assert wrong == [] and count > 100


def shown(connection, text):
    """The definition as it is shown back; None when it is refused."""
    try:
        domain = connection.defineXML(text)
    except libvirt.libvirtError:
        return None
    try:
        return domain.XMLDesc(SHOWN)
    finally:
        domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM)


def without_order(text):
    """The definition's elements, controllers in any order."""
    root = ET.fromstring(text)
    devices = root.find("devices")
    devices[:] = sorted(devices, key=lambda e: ET.tostring(e) if e.tag == "controller" else b"")
    return ET.tostring(root)


def test_what_is_shown_is_defined_again_as_it_is(connection):
    """Filling in and addressing change nothing the second time. Controllers that were added move beside those of their
    kind, once, as they do in libvirt."""
    changed, count = [], 0
    for name, text in cases.own_cases():
        once = shown(connection, text)
        if once is None:
            continue
        count += 1
        twice = shown(connection, once)
        if twice != once and (without_order(twice) != without_order(once) or shown(connection, twice) != twice):
            changed.append(name)
    assert changed == [] and count > 500


def test_an_empty_name_of_shared_memory(connection):
    """An attribute that must be there may still be empty."""
    text = cases.render("empty", {"devices": "<shmem name=''><model type='ivshmem-plain'/><size unit='M'>4</size></shmem>"})
    assert "<shmem name=''" in shown(connection, text)
