"""The soak runs, draws, counts and tidies up."""

import re
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from bench import soak

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(sys.platform != "linux", reason="it reads Linux's /proc"),
]

SMALL = ("--minutes", "0.05", "--readers", "20", "--sample", "0.5")
OFTEN = ("--hup", "1", "--restart", "1.5", "--cut", "0", "--most-descriptors", "inf")
PROCESSES = {"web", "server", "worker", "scheduler", "redis"}


def test_a_soak_of_seconds_draws_counts_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    picture = tmp_path / "new" / "soak.svg"
    status = soak.main([*SMALL, *OFTEN, "--most-threads", "inf", "--out", str(picture)])
    out = capsys.readouterr().out
    assert status == 0, out
    delivered = re.search(
        r"([\d,]+) delivered, 0 lost, 0 missed and reported, 0 doubled, 0 inv", out
    )
    assert delivered, out
    assert int(delivered[1]) >= 20
    assert re.search(r"Restarts: \d+ × HUP of the web, \d+ × worker and scheduler restarted", out)
    # A request that meets a reload may get no answer; none gets a wrong one.
    unanswered = r"(, [1-3] × (RemoteDisconnected|ConnectionResetError))?"
    assert re.search(rf"Answers to visitors: \d+ × 200{unanswered}\.", out)
    assert re.search(r"^\| server \| \d+ MB \| ([+-][\d.]+ MB|–) \|", out, re.M)
    assert set(re.findall(r"<text[^>]*>([^<]*)</text>", picture.read_text())) >= PROCESSES
    assert list(temporary.iterdir()) == []
    for environ in Path("/proc").glob("[0-9]*/environ"):  # also what was left by one that is gone
        with suppress(OSError):
            assert str(temporary) not in environ.read_text(errors="replace"), environ
