"""The pages as text: who gets it, and what it says when things are not as they should be."""

import re
import subprocess
from dataclasses import replace
from decimal import Decimal
from functools import cache

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from tests.support.fake_site import BITCOIN, ETHER, FakeHistory, FakeRelay, make_app, make_tick
from tests.support.serving import serving
from tests.web.pages.test_cryptos import AT, relay_of
from tracker.market.freshness import Status
from tracker.market.rates import Rates
from tracker.times import HOUR_MS, now_ms

CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0"
    " Safari/537.36"
)
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
POWERSHELL = "Mozilla/5.0 (Windows NT 10.0; Microsoft Windows 10.0.22631; en-US) PowerShell/7.5.0"
OLD_POWERSHELL = "Mozilla/5.0 (Windows NT; Windows NT 10.0; de-DE) WindowsPowerShell/5.1.22621.963"
PAGES = ("/", "/cryptos/", "/cryptos/bitcoin")
OF_CHROME = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@cache
def usual() -> Flask:
    """One application for all who ask for no other prices."""
    return make_app(relay_of(BITCOIN, ETHER))


def ask(
    path: str = "/", relay: FakeRelay | None = None, *, agent: str = "curl/8.17.0",
    accept: str | None = "*/*", history: FakeHistory | None = None,
) -> TestResponse:  # fmt: skip
    headers = {"User-Agent": agent} | ({"Accept": accept} if accept else {})
    app = make_app(relay or relay_of(BITCOIN, ETHER), history) if relay or history else usual()
    return app.test_client().get(path, headers=headers)


@pytest.mark.parametrize(
    ("agent", "accept", "kind"),
    [
        (CHROME, OF_CHROME, "text/html"),
        (CHROME, "*/*", "text/html"),
        (CHROME, None, "text/html"),
        (GOOGLEBOT, "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", "text/html"),
        (GOOGLEBOT, "*/*", "text/html"),
        ("Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)", "*/*", "text/html"),
        ("Lynx/2.9.2 libwww-FM/2.14", "text/html, text/plain, */*;q=0.01", "text/html"),
        ("curl/8.17.0", "*/*", "text/plain"),
        ("curl/8.17.0", "text/html", "text/html"),
        ("Wget/1.25.0", "*/*", "text/plain"),
        ("HTTPie/3.2.4", "*/*", "text/plain"),
        ("fetch libfetch/2.0", "*/*", "text/plain"),
        (POWERSHELL, None, "text/plain"),
        (OLD_POWERSHELL, None, "text/plain"),
        ("python-requests/2.34.2", "*/*", "text/plain"),
        ("Python-urllib/3.13", None, "text/plain"),
        ("node", "*/*", "text/plain"),
        ("", None, "text/plain"),
        (CHROME, "text/plain", "text/plain"),
        (CHROME, "text/html;q=0.5, text/plain", "text/plain"),
        ("curl/8.17.0", "text/plain;q=0.5, text/html", "text/html"),
    ],
)
def test_who_wants_no_html_gets_text(agent: str, accept: str | None, kind: str) -> None:
    for path in PAGES[1:]:
        response = ask(path, agent=agent, accept=accept)
        assert (response.status_code, response.mimetype) == (200, kind)
        assert {"Accept", "User-Agent"} <= set(response.vary)
        assert response.headers["Cache-Control"] == "no-cache"
    response = ask("/", agent=agent, accept=accept)
    assert response.status_code == (302 if kind == "text/html" else 200)
    assert {"Accept", "User-Agent"} <= set(response.vary)


@pytest.mark.parametrize(
    ("agent", "query", "has_color"),
    [
        ("curl/8.17.0", "", True),
        ("HTTPie/3.2.4", "", True),
        ("Wget/1.25.0", "", False),
        (POWERSHELL, "", False),
        ("python-requests/2.34.2", "", False),
        ("curl/8.17.0", "?color=never", False),
        ("Wget/1.25.0", "?color=always", True),
    ],
)
def test_colours_are_for_those_who_look_at_a_terminal(
    agent: str, query: str, has_color: bool
) -> None:
    for path in PAGES:
        text = ask(path + query, agent=agent).text
        assert ("\x1b[" in text) is has_color
        assert "\x1b" not in re.sub(r"\x1b\[\d+m", "", text)


def test_the_table_has_the_coins_with_their_weeks_as_wide_as_wanted() -> None:
    now = now_ms()
    week = [(now - (168 - hour) * HOUR_MS, Decimal(100 + hour)) for hour in range(168)]
    for path in ("/", "/cryptos", "/cryptos/"):
        response = ask(f"{path}?color=never", history=FakeHistory({"bitcoin": week}))
        assert response.content_type == "text/plain; charset=utf-8"
        assert re.search(r"1 BIT +Bitcoin +\$97,012\.50 .* \$1\.92T ▁.*█\n", response.text)
        assert max(map(len, response.text.splitlines())) in range(70, 81)
        assert "localhost/cryptos/btc" in response.text
        assert "Data provided by CoinGecko" in response.text
    lines = ask("/?width=40&coins=eth&color=never").text.splitlines()
    assert max(map(len, lines)) <= 40
    assert [line.split()[2] for line in lines if "$" in line] == ["Ethereum"]


@pytest.mark.parametrize("query", ["width=39", "width=x", "color=auto", "coins=nonsense"])
def test_what_is_not_accepted_is_refused_in_text(query: str) -> None:
    response = ask(f"/?{query}")
    assert (response.status_code, response.mimetype) == (400, "text/plain")
    _name, _, value = query.partition("=")
    assert value in response.text
    assert "accepted: " in response.text
    assert ask("/no").mimetype == "text/plain"


def test_a_coin_is_found_by_its_symbol_and_an_unknown_one_is_404_with_what_was_meant() -> None:
    for path in ("/cryptos/eth", "/cryptos/ETH/", "/cryptos/Ethereum?range=7d"):
        response = ask(path)
        assert (response.status_code, "Ethereum · ETH" in response.text) == (200, True)
    relay = FakeRelay(make_tick(BITCOIN, at=AT), once=frozenset({"luna"}))
    for name, said in (
        ("bitcion", "Did you mean localhost/cryptos/bitcoin (Bitcoin)? All that there are: loc"),
        ("%1b[2Jx%E2%80%AE", "No coin is called “[2Jx” here. All"),
        ("luna", "no price. Its past prices: localhost/api/coins/luna/history?range=1y"),
    ):
        response = ask(f"/cryptos/{name}", relay)
        assert (response.status_code, response.mimetype) == (404, "text/plain")
        assert said in response.text


def test_what_a_link_says_commands_no_terminal() -> None:
    for path in ("/%1b[2J", "/?coins=%1b[2J", "/?width=%1b[2J%C2%9b", "/cryptos/btc?range=%1b"):
        response = ask(path)
        assert response.status_code in (400, 404)
        assert re.fullmatch(r"[^\x00-\x1f\x7f-\x9f]+\n", response.text), path


def test_stale_prices_are_shown_as_such_and_none_at_all_is_503_with_the_reason() -> None:
    soon = now_ms() + 48_500
    failing = Status("stale", reason="CoinGecko answered 429", next_attempt_at=soon)
    response = ask("/?color=never", relay_of(BITCOIN, told=failing))
    assert response.status_code == 200
    assert '"state": "stale"' in response.headers["Tracker-Status"]
    assert "● Stale · CoinGecko · prices in USD · 06:14:07 UTC, " in response.text
    assert "CoinGecko answered 429. Next attempt in 48 s." in response.text
    for path in PAGES:
        response = ask(f"{path}?color=never", FakeRelay(None, replace(failing, state="offline")))
        assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
        assert response.text.startswith("● Offline: no prices\nCoinGecko answered 429. Next")


def test_another_currency_is_converted_and_the_rate_and_its_age_are_said() -> None:
    at = now_ms() - 3 * HOUR_MS
    rates = Rates("usd", at, {"usd": Decimal(1), "eur": Decimal("0.5")})
    relay = FakeRelay(make_tick(BITCOIN, ETHER, at=AT), rates=rates)
    points = [(AT - HOUR_MS, Decimal(97000)), (AT, Decimal(98000))]
    history = FakeHistory({"bitcoin": points})
    table, coin = (
        ask(f"{path}?color=never&width=120&currency=eur", relay, history=history).text
        for path in PAGES[1:]
    )
    assert "€48,506.25" in table
    assert "Converted at 1 USD = 0.5 EUR (3 hr. ago); changes are those in USD." in table
    assert "€49,000.00" in coin
    exact = ask("/cryptos/eth?color=never&currency=USD", relay).text
    assert "Converted" not in exact
    in_ether = ask("/?color=never&currency=eth", relay).text
    assert re.search(r"Ethereum +1\.0000 ETH", in_ether)
    response = ask("/?currency=xyz", relay)
    assert (response.status_code, response.mimetype) == (400, "text/plain")
    assert "currency 'xyz'; accepted: a currency of /api/rates" in response.text


def test_names_command_no_terminal() -> None:
    evil = replace(BITCOIN, name="\x1b]0;owned\x07\x9b2J\u202eBit\ncoin", symbol="\x1b[8mb")
    for path in PAGES:
        text = ask(f"{path}?color=never", FakeRelay(make_tick(evil, at=AT))).text
        assert not re.search(r"[^\n -\ud7ff]|[\x7f-\x9f\u200b-\u200f\u202a-\u202e]", text)


def test_real_curl_and_wget_print_it() -> None:
    with serving(make_app(relay_of(BITCOIN))) as server:
        url = f"http://127.0.0.1:{server.port}"
        for command in (["curl", "-sS", "--compressed"], ["wget", "-qO-"]):
            try:
                done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
            except FileNotFoundError:
                pytest.skip(f"needs {command[0]} on the PATH")
            assert "Bitcoin" in done.stdout
            assert "●" in done.stdout
            assert ("\x1b[" in done.stdout) is (command[0] == "curl")
