"""Who may come in: so many in all, so many from one address."""

from __future__ import annotations

from tracker.stream.admission import Admission


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
