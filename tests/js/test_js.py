"""The page's pure modules, under node's own test runner."""

import shutil
import subprocess

import pytest

from tests.support.tools import ROOT


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node on the PATH")
def test_the_pages_modules_pass_their_own_tests() -> None:
    files = sorted(str(path) for path in (ROOT / "tests" / "js").rglob("*.test.mjs"))
    assert files
    run = subprocess.run(["node", "--test", *files], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout + run.stderr
