"""Who may come in: so many in all, so many from one address."""

from __future__ import annotations

import pytest

from tracker.stream.admission import Admission, network_of


def test_one_address_has_so_many_places_and_gets_them_back() -> None:
    admission = Admission(limit=10, per_client=2)
    assert [admission.enter("a") for _ in range(2)] == [None, None]
    assert admission.enter("a") == "your address a has its 2 readers here"
    assert admission.enter("b") is None
    admission.leave("a")
    assert admission.enter("a") is None


def test_all_together_have_so_many() -> None:
    admission = Admission(limit=2, per_client=2)
    assert [admission.enter(client) for client in "ab"] == [None, None]
    assert admission.enter("c") == "this server has its 2 readers"
    admission.leave("a")
    assert admission.enter("c") is None
    assert admission.total == 2


@pytest.mark.parametrize(
    ("client", "counts_as"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("::ffff:cb00:7107", "203.0.113.7"),
        ("[::ffff:203.0.113.7]:80", "203.0.113.7"),
        ("203.0.113.7:5678", "203.0.113.7"),
        ("[2001:db8:1:2::9]:5678", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("[fe80::1%eth0]:5678", "fe80::/64"),
        ("no:address", "unknown"),
        ("203.0.113.7:5678 ", "unknown"),
        ("[203.0.113.7", "unknown"),
        ("203.0.113.07", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_host_counts_once_however_and_by_whichever_of_its_addresses_it_is_named(
    client: str, counts_as: str
) -> None:
    assert network_of(client) == counts_as
