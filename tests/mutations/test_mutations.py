"""The list of mutations fits the code and its document; and the check tells what it finds."""

from __future__ import annotations

import ast
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.mutations.check import Ran, Verdict, outcome_of, try_one
from tests.mutations.mutation import Mutation
from tests.mutations.mutations import MUTATIONS
from tests.support.tools import ROOT


@cache
def nodes_of(file: str) -> frozenset[str]:
    """Return the node ids of the tests that are written in *file*, which is not run."""
    found = set()
    for node in ast.parse((ROOT / file).read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        room = f"{file}::{node.name}" if isinstance(node, ast.ClassDef) else file
        found |= {f"{room}::{one.name}" for one in inner if isinstance(one, ast.FunctionDef)}
    return frozenset(found)


def test_each_text_occurs_once_and_each_test_is_there() -> None:
    """A change of the code that breaks this changes the mutation as well."""
    missing = {one.name: one.file for one in MUTATIONS if not one.matches(ROOT)}
    assert not missing, "their text does not occur exactly once"
    unknown = [
        test
        for test in (one.caught_by for one in MUTATIONS)
        if test not in nodes_of(test.partition("::")[0])
    ]
    assert not unknown, "there is no such test"
    assert not [one.name for one in MUTATIONS if one.broken == one.text]


def test_no_two_are_alike() -> None:
    assert max(Counter(one.name for one in MUTATIONS).values()) == 1
    assert max(Counter((one.file, one.text, one.broken) for one in MUTATIONS).values()) == 1


TEST = """
from product import double

def test_two():
    assert double(2) == 4
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small product with one test, for a pytest without plugins that take time to start."""
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p xdist -p pytest_timeout\n")
    (tmp_path / "product.py").write_text("def double(number):\n    return 2 * number\n")
    (tmp_path / "test_it.py").write_text(TEST)
    return tmp_path


def test_a_mutation_is_made_in_a_tree_that_is_mended_afterwards(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    names = ("product: wrong", "product.py", "2 * number", "3 * number", "test_it.py::test_two")
    verdict = try_one(Mutation(*names), tree)
    assert verdict.outcome == "caught", verdict.output
    assert "return 2 * number" in (tree / "product.py").read_text()


def test_a_text_that_is_not_there_any_more_is_reported(tree: Path) -> None:
    mutation = Mutation("product: wrong", "product.py", "number * 2", "pass", "test_it.py")
    assert try_one(mutation, tree).outcome == "DOES NOT MATCH"


@pytest.mark.parametrize(
    ("ran", "outcome"),
    [
        (Ran(0, "1 passed"), "SURVIVED"),
        (Ran(1, "E   assert 1 == 2"), "caught"),
        (Ran(1, "E   Failed: Timeout (>60.0s) from pytest-timeout."), "hung"),
        (Ran(None, ""), "hung"),
        (Ran(4, "ERROR: not found: test_it.py::test_three"), "DID NOT RUN"),
        (Ran(-15, ""), "DID NOT RUN"),
    ],
)
def test_a_hang_is_no_catch_unless_it_is_said_to_be(ran: Ran, outcome: str) -> None:
    assert outcome_of(ran) == outcome
    one = Mutation("x", "x.py", "1", "2", "test_x.py::test_x")
    patient = one._replace(hangs=True)
    assert Verdict(one, outcome_of(ran), 1).is_good == (outcome == "caught")
    assert Verdict(patient, outcome_of(ran), 1).is_good == (outcome in ("caught", "hung"))
