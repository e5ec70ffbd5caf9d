"""The recipes of docs/reading.md work the first time.

What is a command runs as it stands, tmux with its configuration, against the real web process. Of
programs that are no part of a test's machine, the configuration is parsed, and what it takes from
an answer is in the real answer.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from configparser import ConfigParser
from decimal import Decimal
from functools import reduce
from pathlib import Path

import jinja2
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from tests.docs.test_reading import ADDRESS, RECIPES
from tests.support.tools import Child, now_ms, quote, wait_for
from tests.support.web_process import Shared, exchange_rates, shared_web, tick
from tracker.market.freshness import SourceState
from tracker.messaging.feed import Message
from tracker.services import services
from tracker.times import HOUR_MS

pytestmark = pytest.mark.faults

RECIPE = re.compile(r"^### (.+?)\n.*?^```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = dict(RECIPE.findall(RECIPES))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, _migrated_file: Path) -> Iterator[Shared]:
    """One web with prices and exchange rates."""
    with shared_web(tmp_path_factory.mktemp("web"), _migrated_file, interval=60) as shared:
        exchange_rates(shared.app, eur="0.8")
        send(shared, "97012.5")
        wait_for(lambda: shared.web.get("/api/price/btc?currency=eur")[1] == b"77610\n")
        yield shared


def send(shared: Shared, price: str) -> None:
    coins = quote("bitcoin", price, symbol="btc"), quote("ethereum", "3512.5", symbol="eth")
    tick(shared.app, *coins)


@pytest.fixture
def code(request: pytest.FixtureRequest, shared: Shared) -> str:
    """Return the recipe that the test's parameter names, with the test's address."""
    text: str = CODE[request.param]
    assert ADDRESS in text
    return text.replace(ADDRESS, f"http://127.0.0.1:{shared.web.port}")


def of(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("code", [name], indirect=True)


def needs(*programs: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not all(map(shutil.which, programs)), reason=f"needs {programs}")


def run(command: str) -> str:
    """Return what *command* prints, as bars and cron run it."""
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def get(shared: Shared, url: str, **headers: str) -> str:
    _, _, path = url.removeprefix("http://").partition("/")
    response, body = shared.web.get(f"/{path}", **headers)
    assert response.status == 200
    return body.decode()


def test_each_recipe_is_tested() -> None:
    tested = {name for name in CODE if f'@of("{name}")' in Path(__file__).read_text()}
    assert tested == CODE.keys()
    assert len(CODE) == RECIPES.count("\n### ") == 9


@needs("curl", "jq", "bash")
@of("A loop in the shell")
def test_the_loop_goes_on_and_ends_with_an_error_when_prices_are_stale(
    shared: Shared, code: str, tmp_path: Path
) -> None:
    quick = code.replace("sleep 10", "sleep 0.05")
    with Child("bash", "-c", quick, env=dict(os.environ), log=tmp_path / "output") as child:
        wait_for(lambda: child.output.count("97012.5\n") > 1, what="two prices")
        stale = SourceState(fresh_at=now_ms() - HOUR_MS)
        services(shared.app).backend.feed.publish(Message(stale))
        assert child.wait() == 1
    send(shared, "97012.5")
    wait_for(lambda: json.loads(get(shared, "/api/price/btc?format=json"))["status"] == "live")


@needs("curl", "tmux")
@of("tmux")
def test_tmux_shows_the_price(code: str, tmp_path: Path) -> None:
    """In a tmux within another one, whose screen can be read."""
    config = tmp_path / "tmux.conf"
    config.write_text(code)
    inner, outer = (["tmux", "-S", str(tmp_path / name), "-f"] for name in ("inner", "outer"))
    show = ["env", "-u", "TMUX", *inner, str(config), "new-session", "cat"]
    screen = [*outer, os.devnull, "capture-pane", "-p"]
    subprocess.run([*outer, os.devnull, "new-session", "-d", *show], check=True, timeout=30)
    try:
        wait_for(
            lambda: subprocess.check_output(screen, text=True).strip().endswith("BTC 97012.5"),
            what="the price in the status line",
        )
    finally:
        for server in (inner, outer):
            subprocess.run([*server, os.devnull, "kill-server"], check=False, timeout=30)


@needs("curl", "jq")
@of("waybar")
def test_waybar_s_command_prints_what_it_reads(code: str) -> None:
    module = json.loads(f"{{{code}}}")["custom/bitcoin"]
    assert (module["return-type"], module["interval"]) == ("json", 10)
    found = json.loads(run(module["exec"]))
    assert (found["text"], found["class"]) == ("BTC 97012.5", "live")
    assert found["tooltip"].endswith("Z")


@needs("curl")
@of("polybar")
def test_polybar_s_command_prints_the_price(code: str) -> None:
    config = ConfigParser(interpolation=None)
    config.read_string(code)
    module = config["module/bitcoin"]
    assert module["type"] == "custom/script"
    assert run(module["exec"]) == "97012.5\n"


@needs("curl", "jq")
@of("Prometheus: the node exporter's textfile")
def test_prometheus_reads_the_textfile(code: str, tmp_path: Path) -> None:
    folder = "/var/lib/node_exporter"
    assert folder in code
    run(code.replace(folder, str(tmp_path)))
    families = text_string_to_metric_families((tmp_path / "prices.prom").read_text())
    found = {one.labels["coin"]: one for family in families for one in family.samples}
    assert found["bitcoin"].name == "crypto_price"
    assert found["bitcoin"].labels["currency"] == "usd"
    assert (found["bitcoin"].value, found["ethereum"].value) == (97012.5, 3512.5)
    assert [path.name for path in tmp_path.iterdir()] == ["prices.prom"]


@of("Spreadsheets")
def test_spreadsheets_get_one_cell_with_one_number(shared: Shared, code: str) -> None:
    imported, asked = code.replace("https://prices.example", "http://here").splitlines()
    for formula in (imported, asked):
        text = get(shared, re.findall(r'"(http[^"]+)"', formula)[0])
        cleaned = "".join(letter for letter in text if ord(letter) >= 32)  # as CLEAN does
        assert re.fullmatch(r"[0-9]+(\.[0-9]+)?", cleaned)
        assert Decimal(cleaned) == 77610


@of("Home Assistant")
def test_home_assistant_finds_its_value_and_attributes(shared: Shared, code: str) -> None:
    (sensor,) = yaml.safe_load(code)["sensor"]
    answer = json.loads(get(shared, sensor["resource"], **sensor["headers"]))
    template = jinja2.Environment(autoescape=False).from_string(sensor["value_template"])  # noqa: S701
    assert template.render(value_json=answer) == "77610"
    assert answer["currency"].upper() == sensor["unit_of_measurement"]
    assert set(sensor["json_attributes"]) <= answer.keys()


@of("Homepage")
def test_homepage_finds_its_fields(shared: Shared, code: str) -> None:
    widget = yaml.safe_load(code)[0]["Prices"][0]["Bitcoin"]["widget"]
    answer = json.loads(get(shared, widget["url"]))
    found = {one["label"]: answer[one["field"]] for one in widget["mappings"]}
    assert found == {"EUR": 77610, "Prices": "live"}


@of("Glance")
def test_glance_finds_what_its_template_names(shared: Shared, code: str) -> None:
    (widget,) = yaml.safe_load(code)
    answer = json.loads(get(shared, widget["url"]))
    ((listed,), names) = (
        re.findall(pattern, widget["template"])
        for pattern in (r'\.JSON\.Array "(\w+)"', r'{{ \.String "(\w+)" }}')
    )
    rows = [[str(one[name]) for name in names] for one in reduce(dict.get, [listed], answer)]
    assert rows == [["Bitcoin", "97012.5"], ["Ethereum", "3512.5"]]
