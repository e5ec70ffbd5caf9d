"""The soak: its fit and its picture are right."""

import re
import xml.etree.ElementTree as ET
from random import Random

import pytest

from bench import soak
from bench.chart import MOST_SIGNS, Mark, Panel, ceiling, svg
from bench.growth import YOUTH, Growth, Point, Sample, excess, growth, of_kinds, slope
from tests.faults.harness.ledger import Ledger
from tests.faults.harness.readers import Got, Reader


def test_a_slope_is_that_of_most_pairs_of_points_within_a_line() -> None:
    chance = Random(1)
    line = [Point(at, 0.5 * at + chance.gauss(0, 1)) for at in range(200)]
    wild = [Point(at, 1e6) if at % 5 == 0 else Point(at, value) for at, value in line]
    assert slope([wild]) == pytest.approx(0.5, abs=0.02)
    # Between these lines there is a step down; within them it rises.
    assert slope([[Point(0, 0), Point(1, 1)], [Point(2, 0), Point(3, 1)]]) == 1
    assert slope([[Point(at, 2.0 * at) for at in range(10_000)]]) == pytest.approx(2)
    assert slope([[Point(0, 1)]]) is None


class TestGrowth:
    def test_a_leak_shows_within_lives_and_what_outlives_restarts_through_them(self) -> None:
        found = growth(self.sawtooth(leak=2.0, kept=0.0), "memory", warm_up=200)["worker"]
        assert found.within_lives == pytest.approx(2 * 3600)
        assert found.through_restarts == pytest.approx(0, abs=2 * 360)
        found = growth(self.sawtooth(leak=0.0, kept=1.0), "memory", warm_up=200)["worker"]
        assert found.within_lives == 0
        assert found.through_restarts == pytest.approx(36, rel=0.05)  # 1 every 100 s

    def test_neither_the_youth_of_a_process_nor_the_warm_up_is_growth(self) -> None:
        samples = [sample(at, memory=min(at, YOUTH)) for at in range(100)]
        assert growth(samples, "memory", warm_up=0)["worker"].within_lives == 0
        samples = [sample(at, memory=min(at, 50)) for at in range(100)]
        found = growth(samples, "memory", warm_up=50)["worker"]
        assert found == Growth(usual=50, through_restarts=0, within_lives=0)

    def test_while_two_web_processes_overlap_their_sum_does_not_count(self) -> None:
        samples = [sample(at, pid=at // 10) for at in range(30)]
        samples += [sample(at, pid=at // 10 + 1) for at in (8, 9, 18, 19)]
        line = of_kinds(samples, "descriptors")["worker"]
        assert {point.value for point in line} == {7}
        assert len(line) == 26

    def test_more_than_is_allowed_is_told_in_either_way(self) -> None:
        found = {"server": Growth(30, 11, 0), "worker": Growth(9, 0, 12), "redis": Growth(9, 10, 1)}
        assert excess(found, 10) == [
            "server: +11.0 per hour through restarts, at most 10 allowed",
            "worker: +12.0 per hour within one life, at most 10 allowed",
        ]
        assert excess({"server": Growth(30, None, None)}, 0) == []

    def sawtooth(self, *, leak: float, kept: float) -> list[Sample]:
        """Return ten lives of 100 s: *leak* is lost with each, *kept* is not."""
        return [
            sample(at, pid=at // 100, memory=50 + leak * (at % 100) + kept * (at // 100))
            for at in range(0, 1000, 5)
        ]


def sample(at: float, *, pid: int = 1, memory: float = 50) -> Sample:
    return Sample(at, "worker", pid, memory, descriptors=7, connections=0, threads=1)


def test_a_lost_tick_and_descriptors_that_grow_fail(capsys: pytest.CaptureFixture[str]) -> None:
    ledger = Ledger()
    assert soak.verdict(soak.wrong(ledger, {}, {})) == 0
    reader = Reader("steady", got=[Got("tick", 1), Got("tick", 3)])
    ledger.look([reader], lambda: [1, 2, 3])
    found = {"descriptors": {"server": Growth(30, 60, 0)}}
    assert soak.verdict(soak.wrong(ledger, found, {"descriptors": 10})) == 1
    out = capsys.readouterr().out
    assert "FAIL: a steady reader: Account(lost=(2,)" in out
    assert "FAIL: descriptors of server: +60.0 per hour" in out


def test_the_picture_is_well_formed_and_has_points_and_restarts_where_they_are() -> None:
    lines = {"a <b>": [Point(0, 0), Point(30, 5), Point(60, 10)], "c": [Point(0, 2)], "none": []}
    marks = [Mark(1, "HUP"), Mark(2, "cut"), Mark(3, "HUP")]
    text = svg("T & T", [Panel("P", lines), Panel("Q", {})], marks, until=60)
    words = {element.text for element in ET.fromstring(text).iter()}  # noqa: S314
    assert {"T & T", "P", "a <b>", "c", "none", "1 min"} <= words
    (path,) = re.findall(r'd="M(\S+) (\S+)L(\S+) (\S+)L(\S+) (\S+)"', text)
    x1, y1, x2, y2, x3, y3 = map(float, path)
    assert 0 < x2 - x1 == pytest.approx(x3 - x2)
    assert 0 < y1 - y2 == pytest.approx(y2 - y3)
    assert text.count('class="mark"') == 6
    assert "a HUP   b cut" in text
    assert re.findall(r">([ab])</text>", text) == ["a", "b", "a"]
    many = [Mark(at, "HUP") for at in range(MOST_SIGNS + 1)]
    assert ">a</text>" not in svg("", [Panel("P", {})], many, until=99)
    assert [ceiling(value) for value in (0, 1, 3, 21, 26, 501)] == [1, 1, 5, 25, 50, 1000]
