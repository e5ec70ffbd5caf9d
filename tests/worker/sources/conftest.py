"""What the tests of sources share: a CoinGecko that no proxy stands before."""

from collections.abc import Iterator

import pytest

from tests.support.fake_coingecko import CoinGecko


@pytest.fixture
def gecko(monkeypatch: pytest.MonkeyPatch) -> Iterator[CoinGecko]:
    monkeypatch.setenv("NO_PROXY", "*")
    with CoinGecko() as gecko:
        yield gecko
