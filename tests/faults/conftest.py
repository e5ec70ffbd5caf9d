"""One product and its readers for all faults: what one fault leaves behind, the next would show.

The run ends with the table of what was measured, as docs/testing.md has it.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.breaks.exchanges import is_well
from tests.faults.harness.product import Product
from tests.faults.harness.readers import Readers
from tests.faults.harness.watch import Watch
from tests.support.postgres import EmbeddedPostgres, programs
from tests.support.tools import wait_for


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a product."""
    if not sys.platform.startswith("linux"):
        pytest.skip("what processes hold is read from Linux's /proc")
    return tmp_path_factory.mktemp("product")


@pytest.fixture(scope="module")
def watch(folder: Path) -> Iterator[Watch]:
    """Give a product on SQLite, each process by itself, with 500 readers."""
    with Product(folder) as product:
        yield from _watched(product, 500)


@pytest.fixture(scope="module")
def watch_of_make_run(folder: Path) -> Iterator[Watch]:
    """Give a product on PostgreSQL that `make run` started, and that keeps hardly a tick.

    It has fewer readers, for it runs beside the other.
    """
    bin = programs()
    if bin is None:
        pytest.skip("PostgreSQL is not installed")
    with (
        EmbeddedPostgres(bin, survives=True) as postgres,
        Product(folder, launched=True, postgres=postgres, replay=2) as product,
    ):
        yield from _watched(product, 100)


@pytest.fixture(scope="module")
def watch_of_exchanges(folder: Path) -> Iterator[Watch]:
    """Give a product that asks two exchanges; it runs beside another one too."""
    with Product(folder, with_exchanges=True) as product:
        wait_for(lambda: is_well(product), 60, "prices of both exchanges")
        yield from _watched(product, 100)


def _watched(product: Product, count: int) -> Iterator[Watch]:
    with Readers(product.port, count) as readers:
        newest = product.committed()[-1]
        wait_for(lambda: readers.have(newest), 60, "all readers to have a tick")
        yield Watch(product, readers)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print what was measured, for docs/testing.md."""
    passed = [dict(report.user_properties) for report in terminalreporter.stats.get("passed", [])]
    for name, title in (("row", "measured"), ("balance", "held at first and last")):
        if told := [properties[name] for properties in passed if name in properties]:
            terminalreporter.section(title)
            terminalreporter.write_line("\n".join(told))
