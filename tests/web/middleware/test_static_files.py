"""Assets: their addresses, how long they are kept, how small they and the pages are."""

from __future__ import annotations

import gzip
import json
import random
import re
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import brotli
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page

from tests.support.browser import Open, needs_chromium
from tests.support.fake_site import (
    TICK_AT,
    FakeHistory,
    FakeRelay,
    Site,
    expect_state,
    make_app,
    make_tick,
)
from tests.support.tools import ROOT, quote
from tracker.times import HOUR_MS
from tracker.web.middleware import static_files

YEAR = "public, max-age=31536000, immutable"
FIRST_VIEW = 100_000
"""Bytes, compressed and with their headers, that a first view may cost."""

PARSE = """
const { SourceTextModule, Script } = require("node:vm");
const scripts = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
for (const [name, text] of Object.entries(scripts)) {
  if (name === "js/appearance/theme.js") new Script(text, { filename: name });
  else new SourceTextModule(text, { identifier: name });
}
"""
"""Node throws where one of the scripts it is given, by name, is none."""

CODINGS: dict[str, Callable[[bytes], bytes]] = {"br": brotli.decompress, "gzip": gzip.decompress}


@pytest.fixture
def app() -> Flask:
    points = [(TICK_AT - 1000 * ago, Decimal("97012.5") + ago % 7) for ago in range(500, 0, -1)]
    coins = [quote(f"coin-{number}", rank=number) for number in range(1, 11)]
    history = FakeHistory({coin.id: points for coin in coins})
    return make_app(FakeRelay(make_tick(*coins)), history)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def address(app: Flask, name: str) -> str:
    with app.test_request_context():
        return static_files.address(name)


class TestAddress:
    def test_one_digest_of_all_files_is_in_every_path(self, app: Flask) -> None:
        script, style = address(app, "js/live/live.js"), address(app, "bootstrap/bootstrap.min.css")
        assert re.fullmatch(r"/assets/[0-9a-f]{12}/js/live/live\.js", script)
        assert script.split("/")[2] == style.split("/")[2]

    def test_another_content_name_or_file_makes_another_digest(self) -> None:
        one = static_files.Assets({"a.js": b"1", "b.js": b"2"})
        assert one.digest == static_files.Assets({"b.js": b"2", "a.js": b"1"}).digest
        others = [{"a.js": b"1"}, {"a.js": b"2", "b.js": b"1"}, {"a.js": b"1", "c.js": b"2"}]
        assert len({one.digest, *(static_files.Assets(files).digest for files in others)}) == 4

    def test_a_page_that_names_what_is_not_there_fails_at_once(self, app: Flask) -> None:
        with pytest.raises(LookupError, match=r"js/nosuch\.js is not in static/"):
            address(app, "js/nosuch.js")

    def test_below_a_path_it_is_below_it_too(self, app: Flask) -> None:
        with app.test_request_context(environ_overrides={"SCRIPT_NAME": "/coins"}):
            assert static_files.address("js/live/live.js").startswith("/coins/assets/")

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
            assert response.headers["Cache-Control"] == YEAR
            assert "Set-Cookie" not in response.headers

    def test_of_a_script_comes_without_comments_and_is_still_one(
        self, app: Flask, client: FlaskClient
    ) -> None:
        scripts = {}
        for path in sorted((ROOT / "static" / "js").rglob("*.js")):
            name = path.relative_to(ROOT / "static").as_posix()
            served = client.get(f"/assets/{app.extensions['assets'].digest}/{name}").data
            assert b"/**" not in served
            assert len(served) < path.stat().st_size
            scripts[name] = served.decode()
        node = ["node", "--experimental-vm-modules", "--no-warnings", "-e", PARSE]
        parsed = subprocess.run(
            node, input=json.dumps(scripts).encode(), capture_output=True, timeout=60
        )
        assert parsed.returncode == 0, parsed.stderr.decode()

    def test_of_an_old_page_is_todays_but_is_not_kept(
        self, app: Flask, client: FlaskClient
    ) -> None:
        response = client.get("/assets/0123456789ab/css/base.css")
        assert response.data == (ROOT / "static" / "css" / "base.css").read_bytes()
        assert response.headers["Cache-Control"] == "no-cache"
        again = client.get(
            "/assets/0123456789ab/css/base.css", headers={"If-None-Match": response.headers["ETag"]}
        )
        assert again.status_code == 304

    def test_is_one_of_ours_or_not_there(self, client: FlaskClient) -> None:
        for name in (
            "../wsgi.py", "js/../../wsgi.py", "%2e%2e/wsgi.py", "..%2fwsgi.py", "/etc/passwd",
            "..\\wsgi.py", "js", "js/", "js/package.json", "nosuch.js",
        ):  # fmt: skip
            response = client.get(f"/assets/0123456789ab/{name}", follow_redirects=True)
            assert response.status_code == 404, name
        assert client.get("/static/favicon.svg").status_code == 404

    @pytest.mark.parametrize("coding", CODINGS)
    def test_comes_compressed_with_a_tag_of_its_own(
        self, app: Flask, client: FlaskClient, coding: str
    ) -> None:
        at = address(app, "js/live/live.js")
        plain, small = client.get(at), client.get(at, headers={"Accept-Encoding": coding})
        assert small.headers["Content-Encoding"] == coding
        assert CODINGS[coding](small.data) == plain.data
        assert plain.headers["ETag"] != small.headers["ETag"]
        assert plain.headers["Vary"] == small.headers["Vary"] == "Accept-Encoding"
        asked = {"Accept-Encoding": coding, "If-None-Match": small.headers["ETag"]}
        assert client.get(at, headers=asked).status_code == 304

    def test_is_plain_where_codings_are_refused_or_save_nothing(
        self, app: Flask, client: FlaskClient
    ) -> None:
        for name, accepted in (
            ("js/live/live.js", "br;q=0, gzip;q=0"),
            ("icons/icon-512.png", "br, gzip"),
        ):
            response = client.get(address(app, name), headers={"Accept-Encoding": accepted})
            assert "Content-Encoding" not in response.headers

    def test_is_compressed_once_for_all(
        self, app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        headers = {"Accept-Encoding": "br"}
        first = client.get(address(app, "css/base.css"), headers=headers)
        monkeypatch.delattr(brotli, "compress")
        assert client.get(address(app, "css/base.css"), headers=headers).data == first.data


class TestCompression:
    @pytest.mark.parametrize("path", ["/cryptos/", "/api/prices", "/api/history?range=24h"])
    @pytest.mark.parametrize("coding", CODINGS)
    def test_pages_and_api_come_compressed(
        self, client: FlaskClient, path: str, coding: str
    ) -> None:
        headers = {"Accept-Encoding": coding}
        response = client.get(path, headers=headers)
        assert response.headers["Content-Encoding"] == coding
        assert "Accept-Encoding" in response.headers["Vary"]
        assert len(CODINGS[coding](response.data)) > len(response.data)
        assert int(response.headers["Content-Length"]) == len(response.data)
        plain = client.get(path)
        assert "Content-Encoding" not in plain.headers
        assert "Accept-Encoding" in plain.headers["Vary"]

    @pytest.mark.parametrize("path", ["/api/prices", "/api/coins/coin-1/history"])
    @pytest.mark.parametrize("coding", ["", "gzip, deflate, br, zstd"])
    def test_what_the_client_has_is_neither_read_nor_sent_again(
        self, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, path: str, coding: str
    ) -> None:
        headers = {"Accept-Encoding": coding}
        first = client.get(path, headers=headers)
        assert first.headers["ETag"].startswith("W/" if coding else '"')
        size = client.head(path, headers=headers).headers["Content-Length"]
        assert size == first.headers["Content-Length"]
        headers["If-None-Match"] = first.headers["ETag"]
        monkeypatch.delattr(FakeHistory, "points")
        again = client.get(path, headers=headers)
        assert (again.status_code, again.data) == (304, b"")

    def test_what_is_streamed_is_never_touched(self, app: Flask) -> None:
        def parts() -> Any:
            return app.response_class(iter(["{", "}"]), mimetype="application/json")

        app.add_url_rule("/parts", view_func=parts)
        response = app.test_client().get("/parts", headers={"Accept-Encoding": "gzip, br"})
        assert response.data == b"{}"
        assert {"Content-Encoding", "Vary"}.isdisjoint(response.headers.keys())


class TestManifest:
    def test_names_icons_that_are_there_in_the_sizes_it_says(
        self, app: Flask, client: FlaskClient
    ) -> None:
        response = client.get("/manifest.webmanifest")
        assert response.mimetype == "application/manifest+json"
        manifest = json.loads(response.data)
        assert manifest["start_url"] == "/cryptos/"
        assert manifest["scope"] == "/"
        assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}
        for icon in manifest["icons"]:
            found = client.get(icon["src"])
            assert found.mimetype == icon["type"]
            if icon["type"] == "image/png":
                assert icon["sizes"] == "{}x{}".format(*png_size(found.data))
        assert png_size(client.get(address(app, "icons/apple-touch-icon.png")).data) == (180, 180)

    def test_below_a_path_it_stays_below_it(self, client: FlaskClient) -> None:
        below = {"SCRIPT_NAME": "/coins"}
        manifest = client.get("/manifest.webmanifest", environ_overrides=below).get_json()
        assert (manifest["start_url"], manifest["scope"]) == ("/coins/cryptos/", "/coins/")
        assert all(icon["src"].startswith("/coins/assets/") for icon in manifest["icons"])

    def test_its_colours_are_the_top_bars(self, client: FlaskClient) -> None:
        style = (ROOT / "static" / "css" / "base.css").read_text()
        page = client.get("/cryptos/").text
        pattern = r'theme-color" content="(#\w+)" media="\(prefers-color-scheme: (\w+)'
        light, dark = re.findall(r"--surface: light-dark\((#\w+), (#\w+)\);", style)[0]
        full = re.sub(r"^#(.)(.)(.)$", r"#\1\1\2\2\3\3", light)
        assert dict(re.findall(pattern, page)) == {full: "light", dark: "dark"}


def png_size(data: bytes) -> tuple[int, int]:
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    return int.from_bytes(data[16:20]), int.from_bytes(data[20:24])


@pytest.fixture
def full_site() -> Iterator[Site]:
    """Ten coins with weeks that compress as badly as real ones."""
    site, chance = Site(), random.Random(0)
    numbers = {"change_1h", "change_24h", "change_7d", "market_cap", "volume_24h"}
    for number in range(1, 11):
        site.history.told[f"coin-{number}"] = [
            (
                TICK_AT - ago * HOUR_MS,
                Decimal(chance.randrange(90_000_000, 99_999_999)) / 10**number,
            )
            for ago in range(168, 0, -1)
        ]
    site.send_tick(
        *(
            quote(
                f"coin-{number}",
                f"{97012.53 / number**3:.8g}",
                name=f"Coin number {number}",
                rank=number,
                image=f"https://coin-images.coingecko.com/coins/images/{number}/large/coin.png",
                **{name: Decimal(chance.randrange(10**9)) / 1000 for name in numbers},
            )
            for number in range(1, 11)
        )
    )
    yield site
    site.go()


@needs_chromium
class TestInChromium:
    @pytest.fixture
    def page(self, browser: Browser) -> Iterator[Page]:
        """A page with a cache: Chromium has none while a test looks at what is asked for."""
        with browser.new_context() as context:
            yield context.new_page()

    def test_a_first_view_is_light_and_a_second_asks_for_no_asset(
        self, full_site: Site, page: Page, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """All that comes from here, but for the stream: page, styles, scripts, icons, history."""
        devtools = page.context.new_cdp_session(page)
        addresses: dict[str, str] = {}
        sizes: dict[str, int] = {}

        def received(event: Any) -> None:
            addresses[event["requestId"]] = event["response"]["url"]

        def finished(event: Any) -> None:
            sizes[event["requestId"]] = event["encodedDataLength"]

        devtools.on("Network.responseReceived", received)
        devtools.on("Network.loadingFinished", finished)
        devtools.send("Network.enable")
        with page.expect_response("**/api/history?**") as history:
            page.goto(full_site.url)
        history.value.finished()
        expect_state(page, "live")
        page.wait_for_function("document.readyState === 'complete'")
        ours = {
            address.removeprefix(full_site.root): sizes[request]
            for request, address in addresses.items()
            if address.startswith(full_site.root) and request in sizes
        }
        total = sum(ours.values())
        assert len(ours) > 10
        assert any("bootstrap" in path for path in ours)
        assert total <= FIRST_VIEW, f"{total}: {ours}"
        with capsys.disabled():
            print(f"\nfirst view: {total:.0f} bytes in {len(ours)} answers")  # noqa: T201
        page.goto(full_site.url, wait_until="load")
        expect_state(page, "live")
        again = page.evaluate(
            """performance.getEntriesByType("resource")
                .filter((entry) => entry.name.includes("/assets/"))
                .map((entry) => entry.transferSize)"""
        )
        assert len(again) > 5
        assert set(again) == {0}

    def test_a_page_from_before_an_upgrade_still_works(
        self, full_site: Site, new_page: Open
    ) -> None:
        page = new_page()

        def age(route: Any) -> None:
            answer = route.fetch()
            old = re.sub(r"/assets/[0-9a-f]{12}/", "/assets/0123456789ab/", answer.text())
            route.fulfill(response=answer, body=old)

        page.route("**/cryptos/", age)
        page.goto(full_site.url)
        expect_state(page, "live")
        assert "0123456789ab" in str(
            page.locator("link[rel=stylesheet]").first.get_attribute("href")
        )

    def test_it_can_be_installed(self, full_site: Site, new_page: Open) -> None:
        page = new_page()
        page.goto(full_site.url)
        devtools = page.context.new_cdp_session(page)
        manifest = devtools.send("Page.getAppManifest")
        assert manifest["errors"] == []
        assert manifest["url"] == f"{full_site.root}/manifest.webmanifest"
        assert json.loads(manifest["data"])["name"] == "Crypto Tracker"
        errors = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
        # A test's profile is a private one, from which nothing can be installed.
        assert [error for error in errors if error["errorId"] != "in-incognito"] == []
