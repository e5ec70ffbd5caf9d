"""The page's modules that need no browser, under node's own test runner."""

import shutil
import subprocess

import pytest

from tests.support.tools import ROOT


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node on the PATH")
def test_the_pages_modules_pass_their_own_tests() -> None:
    """All in one process: `node --test` starts one for each file."""
    files = sorted(str(path) for path in (ROOT / "tests" / "js").rglob("*.test.mjs"))
    assert files
    script = "".join(f"await import({file!r});" for file in files)
    command = ["node", "--input-type=module", "--eval", script]
    run = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "\nok 1" in run.stdout
