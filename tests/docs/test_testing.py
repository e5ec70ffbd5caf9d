"""docs/testing.md tells of the faults that there are, and of no others."""

from itertools import takewhile

from tests.faults.breaks import FAULTS, OF_EXCHANGES, OF_MAKE_RUN
from tests.support.tools import ROOT

HEADER = "| fault | what a user sees | seconds to recover | ticks lost |"
ALL = (*FAULTS, *OF_MAKE_RUN, *OF_EXCHANGES)


def test_the_table_has_the_faults_that_are_tried_and_what_was_measured_is_allowed() -> None:
    lines = (ROOT / "docs" / "testing.md").read_text().splitlines()
    table = takewhile(lambda line: line.startswith("|"), lines[lines.index(HEADER) + 2 :])
    rows = [[cell.strip() for cell in row.strip("|").split("|")] for row in table]
    assert [(name, sees) for name, sees, _, _ in rows] == [(one.name, one.sees) for one in ALL]
    for (_, _, seconds, lost), fault in zip(rows, ALL, strict=True):
        assert 0 < float(seconds) <= fault.within
        assert lost == "0"
    assert len({fault.name for fault in ALL}) == len(ALL)
