"""docs/testing.md tells of the faults that there are, and of no others."""

from __future__ import annotations

from itertools import takewhile
from typing import NamedTuple

from tests.faults.breaks import FAULTS, OF_MAKE_RUN
from tests.support.tools import ROOT

HEADER = "| fault | what a user sees | seconds to recover | ticks lost |"


class Row(NamedTuple):
    fault: str
    sees: str
    seconds: str
    lost: str


def documented() -> list[Row]:
    lines = (ROOT / "docs" / "testing.md").read_text().splitlines()
    rows = takewhile(lambda line: line.startswith("|"), lines[lines.index(HEADER) + 2 :])
    return [Row(*(cell.strip() for cell in row.strip("|").split("|"))) for row in rows]


def test_the_table_has_the_faults_that_are_tried_in_their_order() -> None:
    tried = [(fault.name, fault.sees) for fault in (*FAULTS, *OF_MAKE_RUN)]
    assert [(row.fault, row.sees) for row in documented()] == tried


def test_what_was_measured_is_within_what_each_fault_is_allowed() -> None:
    allowed = {fault.name: fault.within for fault in (*FAULTS, *OF_MAKE_RUN)}
    assert all(0 < float(row.seconds) <= allowed[row.fault] for row in documented())
    assert {row.lost for row in documented()} == {"0"}


def test_faults_have_names_of_their_own() -> None:
    names = [fault.name for fault in (*FAULTS, *OF_MAKE_RUN)]
    assert len(names) == len(set(names))
