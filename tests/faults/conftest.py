"""One product and 500 readers for all faults: what one fault leaves behind, the next would show."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.product import Product
from tests.faults.readers import Readers
from tests.support import wait_for

READERS = 100


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with Product(Path(tmp_path_factory.mktemp("faults"))) as product:
        yield product


@pytest.fixture(scope="module")
def readers(product: Product) -> Iterator[Readers]:
    with Readers(product.port, READERS) as readers:
        newest = product.committed()[-1]
        wait_for(lambda: readers.have(newest), 60, "all readers to have a tick")
        yield readers
