"""The list of mutations fits the code; and the check says what it finds."""

import ast
from functools import cache
from pathlib import Path

import pytest

from tests.mutations.__main__ import outcome_of, try_one
from tests.mutations.mutations import MUTATIONS, Mutation
from tests.support.tools import ROOT


@cache
def written_in(file: str) -> frozenset[str]:
    """Return the node ids of the tests that are written in *file*, which is not run."""
    found = set()
    for node in ast.parse((ROOT / file).read_text()).body:
        if isinstance(node, ast.FunctionDef):
            found.add(f"{file}::{node.name}")
        elif isinstance(node, ast.ClassDef):
            methods = (one for one in node.body if isinstance(one, ast.FunctionDef))
            found |= {f"{file}::{node.name}::{one.name}" for one in methods}
    return frozenset(found)


def test_each_text_occurs_once_and_each_test_is_there() -> None:
    """A change of the code that breaks this changes the mutation as well."""
    unfit = {
        one.name: one.file
        for one in MUTATIONS
        if (ROOT / one.file).read_text().count(one.text) != 1
    }
    assert not unfit, "their text does not occur exactly once"
    tests = [one.caught_by for one in MUTATIONS]
    unknown = [test for test in tests if test not in written_in(test.partition("::")[0])]
    assert not unknown, "there is no such test"
    assert not [one.name for one in MUTATIONS if one.broken == one.text]
    for what in zip(*((one.name, one[1:4]) for one in MUTATIONS), strict=True):
        assert len(set(what)) == len(MUTATIONS), "two are alike"


def test_a_mutation_is_made_in_a_tree_that_is_mended_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the plugins that take time to start.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p xdist -p pytest_timeout\n")
    product = tmp_path / "product.py"
    product.write_text("TWO = 1 + 1\n")
    test = "from product import TWO\ndef test_two():\n    assert TWO == 2\n"
    (tmp_path / "test_it.py").write_text(test)
    mutation = Mutation("product: wrong", "product.py", "1 + 1", "1 + 2", "test_it.py::test_two")
    outcome, output = try_one(mutation, tmp_path)
    assert outcome == "caught", output
    assert product.read_text() == "TWO = 1 + 1\n"
    assert try_one(mutation._replace(text="2 + 0"), tmp_path) == ("DOES NOT MATCH", "")


@pytest.mark.parametrize(
    ("status", "output", "outcome"),
    [
        (0, "1 passed", "SURVIVED"),
        (1, "E   assert 1 == 2", "caught"),
        (1, "E   Failed: Timeout (>60.0s) from pytest-timeout.", "HUNG"),
        (None, "", "HUNG"),
        (4, "ERROR: not found: test_it.py::test_three", "DID NOT RUN"),
        (-15, "", "DID NOT RUN"),
    ],
)
def test_only_a_test_that_fails_is_a_catch(status: int | None, output: str, outcome: str) -> None:
    assert outcome_of(status, output) == outcome
