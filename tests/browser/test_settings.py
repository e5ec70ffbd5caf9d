"""The look that a reader chooses: theme and colors, in a real browser."""

import re
from dataclasses import replace
from typing import Literal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.support.browser import PHONE, Open, color
from tests.support.fake_site import BITCOIN, ETHER, Site, cell, expect_state, make_tick, open_live

SCHEMES: list[Literal["light", "dark"]] = ["light", "dark"]
GROUNDS = {
    "bs-body-color": ("bs-body-bg", "surface", "row-hover", "icon", "flash-up", "flash-down"),
    "quiet": ("bs-body-bg", "surface", "row-hover", "icon", "flash-up", "flash-down"),
    "up": ("bs-body-bg", "surface", "row-hover", "up-tint", "flash-up"),
    "down": ("bs-body-bg", "surface", "row-hover", "down-tint", "flash-down"),
    "warn": ("bs-body-bg", "surface", "warn-tint"),
    "link": ("bs-body-bg", "surface"),
    "surface": ("link", "warn"),
}
"""Each color of text, and what it may stand on."""


@pytest.fixture
def page(site: Site, new_page: Open) -> Page:
    """Return a page without prices, whose reader's system is light."""
    page = new_page()
    page.goto(site.url)
    return page


def menu(page: Page) -> Locator:
    return page.locator("[data-settings]")


def open_menu(page: Page) -> None:
    page.get_by_role("button", name="Settings").click()


def choose(page: Page, words: str) -> None:
    open_menu(page)
    menu(page).locator("label", has_text=words).click()
    page.keyboard.press("Escape")


def expect_look(page: Page, theme: str, palette: str = "green-red") -> None:
    html = page.locator("html")
    expect(html).to_have_attribute("data-bs-theme", theme)
    expect(html).to_have_attribute("data-palette", palette)


def rgb(page: Page, name: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", color(page, name))[:3]]


def luminance(rgb: list[int]) -> float:
    parts = [part / 255 for part in rgb]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(page: Page, one: str, other: str) -> float:
    """Return the contrast of two of the page's colors, as WCAG 2.2 defines it."""
    lighter, darker = sorted((luminance(rgb(page, name)) for name in (one, other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_a_choice_holds_against_the_system_in_all_tabs_and_for_the_next_visit(page: Page) -> None:
    expect_look(page, "light")
    page.emulate_media(color_scheme="dark")
    expect_look(page, "dark")
    other = page.context.new_page()
    other.goto(page.url)
    open_menu(other)
    choose(page, "Light")
    choose(page, "Blue, orange")
    for tab in (page, other):
        expect_look(tab, "light", "blue-orange")
    expect(menu(other).get_by_label("Light")).to_be_checked()
    page.add_init_script("""new MutationObserver(() => {
        if (document.body) window.atBody ??= document.documentElement.dataset.bsTheme;
    }).observe(document, { childList: true, subtree: true });""")
    page.reload()
    expect_look(page, "light", "blue-orange")
    assert page.evaluate("window.atBody") == "light", "it is there before anything is painted"
    open_menu(page)
    expect(menu(page).get_by_label("Light")).to_be_checked()
    expect(menu(page).get_by_label("Blue, orange")).to_be_checked()
    page.goto(page.url.replace("/cryptos/", "/embed?theme=dark"))
    expect_look(page, "dark", "blue-orange")
    page.go_back()
    open_menu(page)
    menu(page).locator("label", has_text="System").click()
    expect_look(page, "dark", "blue-orange")


def test_the_menu_fits_works_by_keyboard_and_gives_the_focus_back(site: Site, page: Page) -> None:
    button = page.get_by_role("button", name="Settings")
    button.focus()
    page.keyboard.press("Enter")
    expect(menu(page)).to_be_visible()
    page.keyboard.press("Tab")
    expect(menu(page).get_by_label("System")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect_look(page, "light")
    page.keyboard.press("ArrowRight")
    expect_look(page, "dark")
    page.keyboard.press("Escape")
    expect(menu(page)).to_be_hidden()
    expect(button).to_be_focused()
    site.is_refusing = True
    site.hang_up()
    expect(page.locator("[data-indicator]")).to_have_text(re.compile("Reconnecting"))
    button.click()
    for width in (320, 375, 1280):
        page.set_viewport_size({"width": width, "height": 600})
        box = menu(page).bounding_box()
        assert box
        assert 0 <= box["x"] <= box["x"] + box["width"] <= width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("heading", level=1).click()
    expect(menu(page)).to_be_hidden()


def test_without_javascript_the_systems_theme_holds_and_there_is_no_menu(
    site: Site, page: Page, new_page: Open
) -> None:
    without = new_page(java_script_enabled=False)
    without.goto(site.url)
    expect(without.get_by_role("button", name="Settings")).to_be_hidden()
    names = {*GROUNDS, *(ground for grounds in GROUNDS.values() for ground in grounds)}
    painted = "element => getComputedStyle(element).backgroundColor"
    for scheme in SCHEMES:
        for each in (page, without):
            each.emulate_media(color_scheme=scheme)
        expect_look(page, scheme)
        for name in names:
            assert color(without, name) == color(page, name)
        ground = without.locator("body").evaluate(painted)
        assert ground == page.locator("body").evaluate(painted)


def test_every_text_has_its_contrast_in_every_look(page: Page) -> None:
    """The second pair of colors differs in blue, not in green; paper is white."""
    for palette in ("green-red", "blue-orange"):
        choose(page, palette.capitalize().replace("-", ", "))
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            expect_look(page, scheme, palette)
            for text, grounds in GROUNDS.items():
                for ground in grounds:
                    assert contrast(page, text, ground) >= 4.5, f"{text} on {ground}"
            for ground in ("surface", "bs-body-bg"):
                assert contrast(page, "control", ground) >= 3
            up, down = rgb(page, "up"), rgb(page, "down")
            if palette == "green-red":
                assert up[1] > max(up[0], up[2])
                assert down[0] > max(down[1:])
            else:
                assert up[2] > max(up[:2])
                assert down[0] > down[1] > down[2]
    page.emulate_media(media="print")
    assert rgb(page, "bs-body-bg") == [255, 255, 255]
    assert luminance(rgb(page, "bs-body-color")) < 0.1
    expect(page.get_by_role("button", name="Settings")).to_be_hidden()


def test_prices_that_are_not_live_are_grey(site: Site, page: Page) -> None:
    site.tick = make_tick(replace(BITCOIN, direction="up"), ETHER)
    open_live(page, site)
    cells = [cell(page, "bitcoin", "price"), cell(page, "ethereum", "change_24h")]
    for price in cells:
        expect(price).not_to_have_css("color", color(page, "quiet"))
    for state in ("stale", "offline"):
        site.send_status(replace(site.told, state=state))
        expect_state(page, state)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            expect_look(page, scheme)
            for price in cells:
                expect(price).to_have_css("color", color(page, "quiet"))


def test_a_browser_that_refuses_storage_keeps_the_choice_for_the_page(
    site: Site, new_page: Open
) -> None:
    page = new_page(viewport=PHONE)
    page.add_init_script(
        """for (const way of ["getItem", "setItem"]) {
            Storage.prototype[way] = () => { throw new DOMException("no", "SecurityError"); };
        }"""
    )
    page.goto(site.url)
    expect_look(page, "light")
    choose(page, "Dark")
    choose(page, "Blue, orange")
    expect_look(page, "dark", "blue-orange")


def test_what_is_stored_and_makes_no_sense_is_ignored(site: Site, page: Page) -> None:
    """What each of the stores does with it is proved by `tests/js/`."""
    site.tick = make_tick(BITCOIN, ETHER)
    for stored in ("{", '"neon"', '[{"id": "a"}]'):
        page.evaluate(
            """text => {
                const keys = ["theme", "palette", "order", "favorites",
                    "alerts", "alerts-waiting", "alerts-judged"];
                for (const key of keys) localStorage.setItem(`tracker:${key}`, text);
            }""",
            stored,
        )
        page.reload()
        expect_state(page, "live")
        expect_look(page, "light")
        rows = page.locator("[data-rows] [data-coin]")
        expect(rows.first).to_have_attribute("data-coin", "bitcoin")
        expect(page.get_by_role("button", name="Alerts", exact=True)).to_be_visible()
