"""The benchmarks run and say what they found; how quick anything is, is not asked here."""

import re
import shutil
import subprocess
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from bench import report, venues
from bench.contenders import CONTENDERS, VARIANTS, variants
from bench.goals import goals
from bench.lock import watched_lock
from bench.readers import Latencies
from bench.runs import Result, Turn
from bench.ticks import Market, frame
from tracker.config import ROOT
from tracker.storage.engine import writing
from worker.venues import VENUES, consensus

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="they read Linux's /proc")

SMALL = ("--readers", "50", "--rounds", "1")
HOLD_S = 0.1
"""Long against what a busy machine keeps the watcher waiting for."""


def bench(*arguments: str) -> str:
    command = [sys.executable, "-m", "bench", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=99, check=True)
    return done.stdout


@pytest.mark.faults
@pytest.mark.skipif(shutil.which("cc") is None, reason="the floor is compiled")
def test_a_small_run_prints_the_table_and_the_goals(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    out = bench(*SMALL, "--only", "floor,ours", "--write", str(page))
    assert re.search(r"^a C loop of send\(\): the floor +50 +[\d.]+ µs +1\.00×", out, re.M)
    assert re.search(r"^ours +50 +[\d.]+ µs .* [\d.]+ s$", out, re.M)
    assert "CPU per event at most 1.25 of the floor's" in out
    assert "left out" not in out
    assert "| ours | 50 |" in page.read_text()


@pytest.mark.faults
def test_without_a_compiler_python_reads_and_the_rest_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for tool in ("redis-server", "nginx"):
        if found := shutil.which(tool):
            (tmp_path / tool).symlink_to(found)
    monkeypatch.setenv("PATH", str(tmp_path))
    out = bench(*SMALL, "--only", "floor,gzip")
    assert re.search(r"^ours, gzip +50 ", out, re.M)
    assert "the readers are Python's" in out
    assert "the floor: left out from here: there is no C compiler" in out


def test_the_frames_are_about_3_kb_the_prices_move_and_variants_differ() -> None:
    market = Market()
    ticks = [market.tick() for _ in range(20)]
    assert all(2000 < len(frame(tick)) < 4000 for tick in ticks)
    assert [tick.id for tick in ticks] == sorted({tick.id for tick in ticks})
    assert len({tick.quotes[0].price for tick in ticks}) > 10
    assert len(set(variants())) == VARIANTS


def test_a_broken_promise_is_told() -> None:
    found = {}
    for contender, cpu in zip(CONTENDERS[:2], (5.0, 7.0), strict=True):
        turn = Turn(cpu=cpu, size=3000, latencies=Latencies(1, 2, 3))
        found[contender.key] = Result(contender, readers=10_000, turns=[turn])
    verdict = next(goal for goal in goals(found) if "floor" in goal.promise)
    assert (verdict.found, verdict.kept) == ("1.40", False)


def test_writing_twice_replaces_the_section_and_keeps_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.write_text("# Performance\n\nBefore.\n")
    report.write(page, "first")
    page.write_text(page.read_text() + "\nAfter.\n")
    report.write(page, "second")
    text = page.read_text()
    assert "first" not in text
    assert [text.count(word) for word in ("Before.", "second", "After.")] == [1, 1, 1]


@pytest.mark.faults
def test_the_footprint_names_each_process_and_says_whether_goals_are_kept() -> None:
    command = [sys.executable, "-m", "bench.footprint", "--coins", "10", "--seconds", "3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=99, check=True)
    for name in ("web", "worker", "scheduler", "launcher", "Redis", "all, over"):
        assert re.search(rf"^{name}.* [\d.]+ +[\d.]+$", done.stdout, re.M), done.stdout
    assert re.search(r"^- (pass|FAIL): at most 170 MB in all: \d+ MB$", done.stdout, re.M)


@pytest.mark.faults
def test_a_short_week_says_the_size_and_how_long_each_writer_held_the_lock() -> None:
    command = [sys.executable, "-m", "bench.week", "--hours", "1", "--seconds", "15"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=99, check=True)
    assert re.search(r"^- pass: 1 hours .* 60 MB: \d MB$", done.stdout, re.M), done.stdout
    for what in ("rolling up", "thinning", "saving a tick of"):
        for coins in (10, 250):
            promise = rf"^- (pass|FAIL): {what} {coins} coins holds the lock .* 50 ms: [\d.]+ ms"
            assert re.search(promise, done.stdout, re.M), done.stdout


def test_the_lock_is_watched_from_outside(database_url: str) -> None:
    engine = create_engine(database_url)
    with watched_lock(database_url) as held:
        for _ in range(2):
            with writing(engine):
                time.sleep(HOLD_S)
            time.sleep(HOLD_S)
    engine.dispose()
    assert len(held) == 2
    assert min(held) > HOLD_S / 2 * 1000


def test_each_fault_of_an_exchange_is_shown_to_the_rule_and_a_wrong_price_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for fault in venues.FAULTS:
        run = venues.Run({"kraken": fault})
        prices = list(run.prices(3))
        assert len(prices) == 3 * len(venues.COINS), fault
        assert all(off <= allowed for off, allowed in prices), fault
    monkeypatch.setattr(consensus, "ALONE", Decimal(100))
    run = venues.Run(dict.fromkeys(VENUES, "error") | {"kraken": "ten times"})
    assert any(off > allowed for off, allowed in run.prices(5))
