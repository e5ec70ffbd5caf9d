"""Assets: their addresses, how long they are kept, how small they and the pages are."""

import gzip
import json
import random
import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import brotli
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.support import fake_site
from tests.support.browser import Open
from tests.support.fake_site import TICK_AT, FakeHistory, FakeRelay, Site, expect_state, make_tick
from tests.support.tools import ROOT, quote
from tracker.times import HOUR_MS
from tracker.web.middleware import static_files

FIRST_VIEW = 100_000
"""Bytes, compressed and with their headers, that a first view may cost."""

CODINGS: dict[str, Callable[[bytes], bytes]] = {"br": brotli.decompress, "gzip": gzip.decompress}


@pytest.fixture
def app() -> Flask:
    points = [(TICK_AT - 1000 * ago, Decimal("97012.5") + ago % 7) for ago in range(500, 0, -1)]
    coins = [quote(f"coin-{number}", rank=number) for number in range(1, 11)]
    history = FakeHistory({coin.id: points for coin in coins})
    return fake_site.make_app(FakeRelay(make_tick(*coins)), history)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def address(app: Flask, name: str) -> str:
    with app.test_request_context():
        return static_files.address(name)


class TestAddress:
    def test_one_digest_is_in_the_path_of_every_file_that_is_there(self, app: Flask) -> None:
        script = address(app, "js/live/live.js")
        assert re.fullmatch(r"/assets/[0-9a-f]{12}/js/live/live\.js", script)
        with pytest.raises(LookupError, match=r"js/nosuch\.js is not in static/"):
            address(app, "js/nosuch.js")
        one = static_files.Assets({"a.js": b"1", "b.js": b"2"})
        assert one.digest == static_files.Assets({"b.js": b"2", "a.js": b"1"}).digest
        others = [{"a.js": b"1"}, {"a.js": b"2", "b.js": b"1"}, {"a.js": b"1", "c.js": b"2"}]
        assert len({one.digest, *(static_files.Assets(files).digest for files in others)}) == 4

    def test_in_debug_mode_a_change_shows_without_a_restart(
        self, app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = address(app, "js/live/live.js")
        monkeypatch.setattr(static_files, "ROOT", tmp_path)
        (tmp_path / "static/js/live").mkdir(parents=True)
        (tmp_path / "static/js/live/live.js").write_text("changed")
        assert address(app, "js/live/live.js") == before
        app.debug = True
        after = address(app, "js/live/live.js")
        assert after != before
        assert app.test_client().get(after).text == "changed"


class TestFile:
    def test_is_kept_for_a_year(self, app: Flask, client: FlaskClient) -> None:
        for name, type in {
            "js/live/live.js": "text/javascript; charset=utf-8",
            "bootstrap/bootstrap.min.css": "text/css; charset=utf-8",
            "favicon.svg": "image/svg+xml",
            "icons/icon-192.png": "image/png",
        }.items():
            response = client.get(address(app, name))
            assert (response.status_code, response.headers["Content-Type"]) == (200, type)
            assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
            assert "Set-Cookie" not in response.headers

    def test_of_a_script_comes_without_comments(self, app: Flask, client: FlaskClient) -> None:
        """The browser's tests show that it is still a script: they run what is served."""
        for path in (ROOT / "static" / "js").rglob("*.js"):
            served = client.get(address(app, path.relative_to(ROOT / "static").as_posix())).data
            assert b"/**" not in served
            assert 0 < len(served) < path.stat().st_size

    def test_of_an_old_page_is_todays_but_is_not_kept(self, client: FlaskClient) -> None:
        old = "/assets/0123456789ab/css/base.css"
        response = client.get(old)
        assert response.data == (ROOT / "static" / "css" / "base.css").read_bytes()
        assert response.headers["Cache-Control"] == "no-cache"
        has_it = {"If-None-Match": response.headers["ETag"]}
        assert client.get(old, headers=has_it).status_code == 304

    def test_is_one_of_ours_or_not_there(self, client: FlaskClient) -> None:
        outside = ("../wsgi.py", "%2e%2e/wsgi.py", "..%2fwsgi.py", "/etc/passwd", "..\\wsgi.py")
        for name in (*outside, "js", "js/", "js/package.json", "nosuch.js"):
            response = client.get(f"/assets/0123456789ab/{name}", follow_redirects=True)
            assert response.status_code == 404, name

    @pytest.mark.parametrize("coding", CODINGS)
    def test_is_compressed_once_with_a_tag_of_its_own(
        self, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, coding: str
    ) -> None:
        at, accepts = address(app, "js/live/live.js"), {"Accept-Encoding": coding}
        plain, small = client.get(at), client.get(at, headers=accepts)
        assert small.headers["Content-Encoding"] == coding
        assert CODINGS[coding](small.data) == plain.data
        assert plain.headers["ETag"] != small.headers["ETag"]
        assert plain.headers["Vary"] == small.headers["Vary"] == "Accept-Encoding"
        monkeypatch.delattr(brotli, "compress")
        monkeypatch.delattr(gzip, "compress")
        assert client.get(at, headers=accepts).data == small.data
        accepts["If-None-Match"] = small.headers["ETag"]
        assert client.get(at, headers=accepts).status_code == 304

    def test_is_plain_where_codings_are_refused_or_save_nothing(
        self, app: Flask, client: FlaskClient
    ) -> None:
        for name, codings in (("js/live/live.js", "br;q=0"), ("icons/icon-512.png", "br, gzip")):
            response = client.get(address(app, name), headers={"Accept-Encoding": codings})
            assert "Content-Encoding" not in response.headers


class TestCompression:
    @pytest.mark.parametrize("coding", CODINGS)
    def test_pages_and_api_come_compressed(self, client: FlaskClient, coding: str) -> None:
        for path in ("/cryptos/", "/api/prices"):
            response = client.get(path, headers={"Accept-Encoding": coding})
            assert response.headers["Content-Encoding"] == coding
            assert len(CODINGS[coding](response.data)) > len(response.data)
            assert int(response.headers["Content-Length"]) == len(response.data)
            plain = client.get(path)
            assert "Content-Encoding" not in plain.headers
            assert "Accept-Encoding" in response.headers["Vary"] == plain.headers["Vary"]

    @pytest.mark.parametrize("coding", ["", "gzip, deflate, br, zstd"])
    def test_what_the_client_has_is_neither_read_nor_sent_again(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, coding: str
    ) -> None:
        path, headers = "/api/coins/coin-1/history", {"Accept-Encoding": coding}
        first = client.get(path, headers=headers)
        assert first.headers["ETag"].startswith("W/" if coding else '"')
        size = client.head(path, headers=headers).headers["Content-Length"]
        assert size == first.headers["Content-Length"]
        headers["If-None-Match"] = first.headers["ETag"]
        monkeypatch.delattr(FakeHistory, "points")
        again = client.get(path, headers=headers)
        assert (again.status_code, again.data) == (304, b"")

    def test_what_is_streamed_is_never_touched(self, app: Flask) -> None:
        app.add_url_rule(
            "/parts", view_func=lambda: app.response_class(iter("{}"), mimetype="application/json")
        )
        response = app.test_client().get("/parts", headers={"Accept-Encoding": "gzip, br"})
        assert response.data == b"{}"
        assert {"Content-Encoding", "Vary"}.isdisjoint(response.headers.keys())


class TestManifest:
    def test_it_and_its_icons_of_the_sizes_it_says_are_below_the_sites_path(
        self, client: FlaskClient
    ) -> None:
        environ = {"SCRIPT_NAME": "/coins"}
        response = client.get("/manifest.webmanifest", environ_overrides=environ)
        assert response.mimetype == "application/manifest+json"
        manifest = json.loads(response.data)
        assert (manifest["start_url"], manifest["scope"]) == ("/coins/cryptos/", "/coins/")
        icons = manifest["icons"]
        assert {icon["purpose"] for icon in icons} == {"any", "maskable"}
        assert all(icon["src"].startswith("/coins/assets/") for icon in icons)
        for icon in icons:
            if icon["type"] == "image/png":
                png = client.get(icon["src"].removeprefix("/coins")).data
                assert png.startswith(b"\x89PNG\r\n\x1a\n")
                size = f"{int.from_bytes(png[16:20])}x{int.from_bytes(png[20:24])}"
                assert size == icon["sizes"]
        touch = client.get("/assets/0123456789ab/icons/apple-touch-icon.png").data
        assert touch[16:24] == (180).to_bytes(4) * 2

    def test_its_colours_are_the_top_bars(self, client: FlaskClient) -> None:
        style = (ROOT / "static" / "css" / "base.css").read_text()
        page = client.get("/cryptos/").text
        pattern = r'theme-color" content="(#\w+)" media="\(prefers-color-scheme: (\w+)'
        light, dark = re.findall(r"--surface: light-dark\((#\w+), (#\w+)\);", style)[0]
        full = re.sub(r"^#(.)(.)(.)$", r"#\1\1\2\2\3\3", light)
        assert dict(re.findall(pattern, page)) == {full: "light", dark: "dark"}


def fill(site: Site) -> None:
    """Send ten coins with weeks that compress as badly as real ones."""
    chance = random.Random(0)
    changes = ("change_1h", "change_24h", "change_7d", "market_cap", "volume_24h")
    images = "https://coin-images.coingecko.com/coins/images"
    coins = []
    for rank in range(1, 11):
        numbers: dict[str, Any] = {
            name: Decimal(chance.randrange(10**9)) / 1000 for name in changes
        }
        image, price = f"{images}/{rank}/large/coin.png", f"{97012.53 / rank**3:.8g}"
        coins.append(quote(f"coin-{rank}", price, rank=rank, image=image, **numbers))
        site.history.told[f"coin-{rank}"] = [
            (TICK_AT - ago * HOUR_MS, Decimal(chance.randrange(9 * 10**7, 10**8)) / 10**rank)
            for ago in range(168, 0, -1)
        ]
    site.send_tick(*coins)


TRANSFERRED = """() => ["navigation", "resource"]
    .flatMap((type) => performance.getEntriesByType(type))
    .filter((entry) => entry.name.startsWith(location.origin))
    .map((entry) => [entry.name, entry.transferSize])"""


def test_a_first_view_is_light_a_second_asks_for_no_asset_and_it_can_be_installed(
    site: Site, new_page: Open
) -> None:
    """All that comes from here, but for the stream: page, styles, scripts, history."""
    fill(site)
    page = new_page()
    with page.expect_response("**/api/history?**") as history:
        page.goto(site.url)
    history.value.finished()
    expect_state(page, "live")
    page.wait_for_function("document.readyState === 'complete'")
    assert 50_000 < sum(size for _, size in page.evaluate(TRANSFERRED)) <= FIRST_VIEW
    page.goto(site.url, wait_until="load")
    expect_state(page, "live")
    again = [size for name, size in page.evaluate(TRANSFERRED) if "/assets/" in name]
    assert len(again) > 5
    assert set(again) == {0}
    devtools = page.context.new_cdp_session(page)
    assert devtools.send("Page.getAppManifest")["errors"] == []
    errors = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
    # A test's profile is a private one, from which nothing can be installed.
    assert [error for error in errors if error["errorId"] != "in-incognito"] == []
