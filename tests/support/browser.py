"""A real browser for tests: pages that reach this machine only and must not complain."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from dev import embedded_redis
from tests.support.fake_site import Site

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""Without its windows it takes half the work."""
PATIENCE = 20_000
"""Milliseconds in which a page must come to what is expected of it, on a loaded machine too."""
expect.set_options(timeout=PATIENCE)

THIS_MACHINE_ONLY = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"

WIDE = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=375, height=800)

FIRST_VISIT = """if (location.protocol.startsWith("http") && !sessionStorage.visited) {
    localStorage.clear();
    sessionStorage.visited = "yes";
}"""
"""An init script: a test's page finds nothing that another test's has stored."""


def color(page: Page, name: str) -> str:
    """Return what the custom property *name* is now, as the browser writes colors: `rgb(…)`."""
    probe = """name => {
        const probe = document.body.appendChild(document.createElement("i"));
        probe.style.color = `var(--${name})`;
        const { color } = getComputedStyle(probe);
        probe.remove();
        return color;
    }"""
    return str(page.evaluate(probe, name))


@contextmanager
def launched() -> Iterator[Browser]:
    """Give a browser that reaches this machine only."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                f"--host-resolver-rules={THIS_MACHINE_ONLY}",
            ],
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs chromium on the PATH")
    with launched() as chromium:
        yield chromium


Open = Callable[..., Page]


@pytest.fixture(scope="session")
def _idle_contexts() -> dict[str, list[BrowserContext]]:
    """Return the contexts that no test uses now, by their options."""
    return {}


@pytest.fixture
def new_page(browser: Browser, _idle_contexts: dict[str, list[BrowserContext]]) -> Iterator[Open]:
    """Make pages that must not complain, each in another context, to a reader in Berlin.

    Options are a context's. Contexts serve test after test: with the scripts in its cache a page
    costs two thirds. With `own=True` a page has a new one, to measure or to change.
    """
    used: list[tuple[str | None, BrowserContext]] = []
    complaints: list[str] = []

    def make(
        *,
        own: bool = False,
        viewport: ViewportSize = WIDE,
        color_scheme: Any = "light",
        reduced_motion: Any = "no-preference",
        **options: Any,
    ) -> Page:
        key = None if own else repr(sorted(options.items()))
        idle = _idle_contexts.setdefault(key, []) if key else []
        defaults = {"timezone_id": "Europe/Berlin", "locale": "de-DE"}
        context = idle.pop() if idle else browser.new_context(**defaults | options)
        used.append((key, context))
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.add_init_script(FIRST_VISIT)
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        return page

    yield make
    for key, context in used:
        if key is None:
            context.close()
            continue
        for page in context.pages:
            page.close()
        context.clear_cookies()
        _idle_contexts[key].append(context)
    # An address that cannot be had is the test's doing, never a script's.
    assert [text for text in complaints if "Failed to load resource" not in text] == []


@pytest.fixture(scope="session")
def _port_of_sites() -> int:
    """Return a port that is for sites only: a browser's cache is by address."""
    *_, port = embedded_redis.PORTS
    embedded_redis.PORTS = embedded_redis.PORTS[:-1]
    return port


@pytest.fixture
def site(_port_of_sites: int) -> Iterator[Site]:
    site = Site(_port_of_sites)
    yield site
    site.go()
