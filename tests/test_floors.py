"""The house: imports go down only. This reads the imports of every module, and runs none."""

from __future__ import annotations

import ast
from functools import cache
from graphlib import TopologicalSorter

import pytest

from tests.support.tools import ROOT

FLOORS = {
    "tracker.config": 0,
    "tracker.errors": 0,
    "tracker.market": 0,
    "tracker.logs": 0,
    "tracker.messaging.job_queue": 0,
    "tracker.concurrency": 1,
    "tracker.times": 0,
    "tracker.messaging": 1,
    "tracker.storage": 2,
    "tracker.stream": 2,
    "tracker.server": 2,
    "tracker.backend": 3,
    "tracker.relay": 3,
    "tracker.monitoring": 4,
    "tracker.services": 4,
    "tracker.web": 5,
    "tracker.admin": 6,
    "tracker": 6,
    "worker.sources": 7,
    "worker.process": 7,
    "worker.jobs": 8,
    "worker.maintenance": 8,
    "worker.rq_worker": 8,
    "worker.scheduler": 9,
    "worker.__main__": 10,
    "worker": 10,
}
"""A package stands for all that is in it, unless its module has a floor of its own."""


def name_of(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {
    name_of(str(path.relative_to(ROOT))): path
    for room in ("tracker", "worker")
    for path in sorted((ROOT / room).rglob("*.py"))
}


@cache
def imports(module: str) -> frozenset[str]:
    """Return which of `MODULES` *module* imports, wherever in it."""
    tree = ast.parse(MODULES[module].read_text())
    found = set()
    for node in list(ast.walk(tree)):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []  # for the type checker alone
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: a relative import hides the floor"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if alias.name != "__version__":
                    found.add(inner if inner in MODULES else str(node.module))
    return frozenset(found & MODULES.keys())


def floor(module: str) -> int:
    """Return the floor of *module*, its own or that of the nearest package around it."""
    room = module
    while room not in FLOORS and "." in room:
        room = room.rpartition(".")[0]
    has_one = "." in room or room == module
    assert has_one, f"{module} has no floor: give it one in FLOORS"
    return FLOORS[room]


def test_every_room_of_the_table_is_there() -> None:
    assert FLOORS.keys() <= MODULES.keys()


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down_only(module: str) -> None:
    up = {f"{one} ({floor(one)})" for one in imports(module) if floor(one) > floor(module)}
    assert not up, f"{module} ({floor(module)}) imports from above: {', '.join(sorted(up))}"


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("tracker.stream")])
def test_the_stream_stands_on_its_own(module: str) -> None:
    assert {one for one in imports(module) if not one.startswith("tracker.stream")} == set()


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("tracker")])
def test_the_web_never_imports_the_worker(module: str) -> None:
    assert {one for one in imports(module) if one.startswith("worker")} == set()


def test_nothing_imports_in_a_circle() -> None:
    """Raises `CycleError`, which shows the circle."""
    TopologicalSorter({module: imports(module) for module in MODULES}).prepare()
