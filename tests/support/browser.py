"""A real browser for tests: pages that reach this machine only and must not complain."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize, expect, sync_playwright

from tests.support.fake_site import Site

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""Without its windows it takes half the work."""
PATIENCE = 20_000
"""Milliseconds in which a page must come to what is expected of it, on a loaded machine too."""
expect.set_options(timeout=PATIENCE)

THIS_MACHINE_ONLY = "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"

WIDE = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=375, height=800)


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


@pytest.fixture
def new_page(browser: Browser) -> Iterator[Open]:
    """Make pages that must not complain, each in another context, to a reader in Berlin.

    Options are a context's.
    """
    used: list[BrowserContext] = []
    complaints: list[str] = []

    def make(
        *,
        viewport: ViewportSize = WIDE,
        color_scheme: Any = "light",
        reduced_motion: Any = "no-preference",
        **options: Any,
    ) -> Page:
        defaults = {"timezone_id": "Europe/Berlin", "locale": "de-DE"}
        context = browser.new_context(**defaults | options)
        used.append(context)
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=color_scheme, reduced_motion=reduced_motion)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: complaints.append(message.text))
        return page

    yield make
    for context in used:
        context.close()
    # An address that cannot be had is the test's doing, never a script's.
    assert [text for text in complaints if "Failed to load resource" not in text] == []


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.go()
