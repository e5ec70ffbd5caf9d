"""One product and its readers for all faults: what one fault leaves behind, the next would show.

The run ends with the table of what was measured, as docs/testing.md has it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.harness.product import Product
from tests.faults.harness.readers import Readers
from tests.faults.harness.watch import Watch
from tests.support.postgres import EmbeddedPostgres, programs
from tests.support.tools import wait_for

READERS = 500
FEWER_READERS = 100
"""Of the product on PostgreSQL, which runs beside the other."""


@pytest.fixture(scope="module")
def watch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """Give a product on SQLite, each process by itself, with 500 readers."""
    _only_on_linux()
    with Product(tmp_path_factory.mktemp("faults")) as product:
        yield from _watched(product, READERS)


@pytest.fixture(scope="module")
def watch_of_make_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watch]:
    """Give a product on PostgreSQL that `make run` started, and that keeps hardly a tick."""
    _only_on_linux()
    bin = programs()
    if bin is None:
        pytest.skip("PostgreSQL is not installed")
    folder = tmp_path_factory.mktemp("make-run")
    with (
        EmbeddedPostgres(bin, survives=True) as postgres,
        Product(folder, launched=True, postgres=postgres, replay=2) as product,
    ):
        yield from _watched(product, FEWER_READERS)


def _only_on_linux() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("what processes hold is read from Linux's /proc")


def _watched(product: Product, count: int) -> Iterator[Watch]:
    with Readers(product.port, count) as readers:
        newest = product.committed()[-1]
        wait_for(lambda: readers.have(newest), 60, "all readers to have a tick")
        yield Watch(product, readers)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what was measured, for docs/testing.md."""
    passed = [dict(report.user_properties) for report in terminalreporter.stats.get("passed", [])]
    for what in ("row", "balance"):
        if told := [properties[what] for properties in passed if what in properties]:
            terminalreporter.section({"row": "measured", "balance": "held at first and last"}[what])
            terminalreporter.write_line("\n".join(told))
