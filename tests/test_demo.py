# SPDX-License-Identifier: LGPL-2.1-or-later
"""./dev demo does what it says."""

import os
import subprocess
import sys

import pytest

from harness import SLOW, TOOLS


@pytest.mark.slow
def test_demo(build_dir):
    result = subprocess.run([sys.executable, TOOLS + "/demo.py"], text=True, capture_output=True,
                            env=dict(os.environ, VIRTBUS_BUILD=build_dir), timeout=240 * SLOW,
                            check=False)
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr
    for text in ("the guest does not notice", "shut off", "== Done."):
        assert text in result.stdout
