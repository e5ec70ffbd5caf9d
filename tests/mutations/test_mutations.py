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


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.name)
def test_its_text_occurs_once_and_its_test_is_there(mutation: Mutation) -> None:
    assert mutation.matches(ROOT), f"{mutation.file} was changed: change the mutation as well"
    assert mutation.broken != mutation.text
    assert mutation.caught_by in nodes_of(mutation.caught_by.partition("::")[0])


def test_no_two_are_alike() -> None:
    assert max(Counter(one.name for one in MUTATIONS).values()) == 1
    assert max(Counter((one.file, one.text, one.broken) for one in MUTATIONS).values()) == 1


TEST = """
from product import double

def test_two():
    assert double(2) == 4

def test_one():
    assert double(1) in (1, 2)
"""


@pytest.mark.parametrize(
    ("broken", "caught_by", "outcome"),
    [
        ("return 3 * number", "test_it.py::test_two", "caught"),
        ("return number", "test_it.py::test_one", "SURVIVED"),
        ("return number", "test_it.py::test_three", "DID NOT RUN"),
    ],
)
def test_a_mutation_that_no_test_notices_is_told(
    tmp_path: Path, broken: str, caught_by: str, outcome: str
) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "product.py").write_text("def double(number):\n    return 2 * number\n")
    (tmp_path / "test_it.py").write_text(TEST)
    mutation = Mutation("product: wrong", "product.py", "return 2 * number", broken, caught_by)
    verdict = try_one(mutation, tmp_path)
    assert verdict.outcome == outcome, verdict.output
    assert verdict.is_good == (outcome == "caught")
    assert "2 * number" in (tmp_path / "product.py").read_text()


def test_a_text_that_is_not_there_any_more_is_told(tmp_path: Path) -> None:
    (tmp_path / "product.py").write_text("def double(number):\n    return 2 * number\n")
    mutation = Mutation("product: wrong", "product.py", "return number * 2", "pass", "test_it.py")
    assert try_one(mutation, tmp_path).outcome == "DOES NOT MATCH"


@pytest.mark.parametrize(
    ("ran", "outcome"),
    [
        (Ran(0, "1 passed"), "SURVIVED"),
        (Ran(1, "E   assert 1 == 2"), "caught"),
        (Ran(1, "E   Failed: Timeout (>60.0s) from pytest-timeout."), "hung"),
        (Ran(None, ""), "hung"),
        (Ran(2, "ERROR collecting"), "DID NOT RUN"),
        (Ran(-15, ""), "DID NOT RUN"),
    ],
)
def test_a_hang_is_no_catch_unless_it_is_said_to_be(ran: Ran, outcome: str) -> None:
    assert outcome_of(ran) == outcome
    one = Mutation("x", "x.py", "1", "2", "test_x.py::test_x")
    patient = one._replace(hangs=True)
    assert Verdict(one, outcome_of(ran), 1).is_good == (outcome == "caught")
    assert Verdict(patient, outcome_of(ran), 1).is_good == (outcome in ("caught", "hung"))
