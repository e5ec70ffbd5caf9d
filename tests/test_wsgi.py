"""The start of the web and of flask's commands: by the settings, or one line and no web."""

from pathlib import Path

import pytest
from honcho.environ import parse_procfile

from tests.support.tools import ROOT, Child, environment

WEB = parse_procfile((ROOT / "Procfile").read_text()).processes["web"]


@pytest.mark.parametrize(
    ("command", "setting", "line"),
    [
        (
            ("flask", "--app", "wsgi", "db", "upgrade"),
            {"TRACKER_RETRY": "often"},
            'TRACKER_RETRY="often" is not accepted; accepted: a whole number from 1 to 3600\n',
        ),
        (("sh", "-c", WEB), {"WEB_CONCURRENCY": ""}, "REDIS_URL is not set; accepted: "),
    ],
)
def test_a_setting_that_is_bad_or_missing_ends_the_start_with_one_line(
    command: tuple[str, ...], setting: dict[str, str], line: str, tmp_path: Path
) -> None:
    with Child(*command, env=environment() | setting, log=tmp_path / "log") as child:
        assert child.wait() == 1
    assert child.output.startswith(line)
    assert child.output.count("\n") == 1
