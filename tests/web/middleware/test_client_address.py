"""An address counts as its network, however a server or a proxy writes it."""

import pytest

from tracker.web.middleware.client_address import network_of


@pytest.mark.parametrize(
    ("client", "counts_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:cb00:7107", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
        ("203.0.113.7:5678", "203.0.113.7"),
        ("[2001:db8:1:2::9]:5678", "2001:db8:1:2::/64"),
        ("no:address", "unknown"),
        ("[203.0.113.7", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_host_counts_once_whatever_its_address_looks_like(client: str, counts_as: str) -> None:
    assert network_of(client) == counts_as
