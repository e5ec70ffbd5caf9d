"""`make`, as a user's shell runs it in a clone, with programs that only say what they are asked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.tools import ROOT, script

MAKE = shutil.which("make") or "make"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A clone's Makefile and requirements, a .venv that is one, and an empty PATH."""
    for source in [ROOT / "Makefile", *ROOT.glob("*.txt")]:
        shutil.copy(source, tmp_path)
    (tmp_path / "bin").mkdir()
    script(tmp_path / ".venv" / "bin" / "python", "exit 0")
    (tmp_path / ".venv" / "pyvenv.cfg").touch()
    script(tmp_path / "bin" / "touch", 'for file; do : >>"$file"; done')
    return tmp_path


def make(tree: Path, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run make in *tree* as a user's shell would, with *env* and little else."""
    env = {"PATH": str(tree / "bin"), "LC_ALL": "C.UTF-8"} | env
    return subprocess.run(
        [MAKE, *arguments], cwd=tree, env=env, capture_output=True, text=True, check=False
    )


def test_takes_a_python_that_will_do_or_says_what_is_missing(tree: Path) -> None:
    shutil.rmtree(tree / ".venv")
    script(tree / "bin" / "python3", "exit 1")  # one that is too old
    told = make(tree, "run").stderr.splitlines()
    assert told[0].startswith("No Python >= 3.11 among: python3 python3.14 ")
    assert told[1].startswith("make: *** ")
    assert len(told) == 2
    says = 'case "$2" in *sys.executable*) echo "$0";; *)'
    good = script(tree / "bin" / "python3.12", f'{says} echo "$0 $*";; esac')
    assert f"{good} -m venv --clear .venv\n" in make(tree, ".venv/pyvenv.cfg").stdout
    script(good, f"{says} exit 1;; esac")
    told = make(tree, "run").stderr.splitlines()
    assert told[0].startswith(f"{good} has no venv module: apt-get install python3-venv")
    assert len(told) == 2


def test_installs_pypis_redis_only_where_there_is_no_other(tree: Path) -> None:
    wants = "-r requirements-redis.txt"
    assert wants in make(tree, "-n", "run").stdout
    assert wants not in make(tree, "-n", "run", REDIS_URL="redis://host").stdout
    assert wants in make(tree, "-n", "test", REDIS_URL="redis://host").stdout
    script(tree / "bin" / "redis-server", "exit 1")
    assert wants not in make(tree, "-n", "run").stdout
    assert wants not in make(tree, "-n", "test").stdout


def test_installs_again_only_when_a_requirement_changed_or_python_is_gone(tree: Path) -> None:
    script(tree / "bin" / "redis-server", "exit 1")
    assert "Installing (once)" in make(tree, "run").stdout
    assert "Installing" not in make(tree, "run").stdout
    newer = (tree / "requirements.txt").stat().st_mtime + 60
    os.utime(tree / "requirements.txt", (newer, newer))
    assert "Installing (once)" in make(tree, "run").stdout
    (tree / ".venv" / "bin" / "python").unlink()
    made = "cp bin/redis-server .venv/bin/python; rm .venv/*.done; touch .venv/pyvenv.cfg"
    answers = 'case "$2" in *sys.executable*) echo "$0";; venv) '
    script(tree / "bin" / "python3", f"{answers} PATH=/bin:/usr/bin; {made};; esac")
    assert "Installing (once)" in make(tree, "run").stdout


def test_demo_is_simulated_and_quick_unless_told_otherwise(tree: Path) -> None:
    script(tree / ".venv" / "bin" / "python", 'echo "$TRACKER_SOURCE $TRACKER_INTERVAL"')
    for stamp in ("home.done", "redis.done"):
        (tree / ".venv" / stamp).touch()
    assert make(tree, "demo").stdout == "simulated 2\n"
    assert make(tree, "demo", TRACKER_INTERVAL="9").stdout == "simulated 9\n"
    assert make(tree, "run", TRACKER_SOURCE="coingecko").stdout == "coingecko \n"
