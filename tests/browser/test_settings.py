"""The look that a reader chooses: theme and colors, in a real browser."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Literal

from playwright.sync_api import Locator, Page, expect

from tests.support.browser import Open
from tests.support.fake_site import (
    BITCOIN,
    ETHER,
    Site,
    cell,
    expect_state,
    make_tick,
    open_live,
)

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


def menu(page: Page) -> Locator:
    return page.locator("[data-settings]")


def choose(page: Page, words: str) -> None:
    page.get_by_role("button", name="Settings").click()
    menu(page).locator("label", has_text=words).click()
    page.keyboard.press("Escape")


def expect_look(page: Page, theme: str, palette: str = "green-red") -> None:
    html = page.locator("html")
    expect(html).to_have_attribute("data-bs-theme", theme)
    expect(html).to_have_attribute("data-palette", palette)


def colors(page: Page, *names: str) -> dict[str, list[int]]:
    """Return the named custom properties of the page, as red, green and blue."""
    probe = """names => {
        const probe = document.body.appendChild(document.createElement("i"));
        const found = names.map((name) => {
            probe.style.color = `var(--${name})`;
            return getComputedStyle(probe).color;
        });
        probe.remove();
        return found;
    }"""
    found = page.evaluate(probe, list(names))
    return {
        name: [int(part) for part in re.findall(r"\d+", rgb)[:3]]
        for name, rgb in zip(names, found, strict=True)
    }


def luminance(rgb: list[int]) -> float:
    parts = [part / 255 for part in rgb]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: list[int], other: list[int]) -> float:
    """Return the contrast of two colors, as WCAG 2.2 defines it."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_a_choice_holds_against_the_system_in_all_tabs_and_for_the_next_visit(
    site: Site, new_page: Open
) -> None:
    page = new_page(viewport={"width": 375, "height": 700}, color_scheme="light")
    page.goto(site.url)
    expect_look(page, "light")
    page.emulate_media(color_scheme="dark")
    expect_look(page, "dark")
    other = page.context.new_page()
    other.goto(site.url)
    other.get_by_role("button", name="Settings").click()
    choose(page, "Light")
    choose(page, "Blue, orange")
    for tab in (page, other):
        expect_look(tab, "light", "blue-orange")
    expect(menu(other).get_by_label("Light")).to_be_checked()
    page.reload()
    expect_look(page, "light", "blue-orange")
    page.get_by_role("button", name="Settings").click()
    expect(menu(page).get_by_label("Light")).to_be_checked()
    expect(menu(page).get_by_label("Blue, orange")).to_be_checked()
    menu(page).locator("label", has_text="System").click()
    expect_look(page, "dark", "blue-orange")


def test_the_choice_is_there_before_anything_is_painted(site: Site, new_page: Open) -> None:
    page = new_page(color_scheme="light")
    page.add_init_script(
        """localStorage.setItem("tracker:theme", '"dark"');
        new MutationObserver(() => {
            if (document.body) window.atBody ??= document.documentElement.dataset.bsTheme;
        }).observe(document, { childList: true, subtree: true });"""
    )
    page.goto(site.url)
    assert page.evaluate("window.atBody") == "dark"


def test_the_menu_works_by_keyboard_and_gives_the_focus_back(site: Site, new_page: Open) -> None:
    page = new_page(color_scheme="light")
    page.goto(site.url)
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
    button.click()
    expect(menu(page)).to_be_visible()
    page.get_by_role("heading", level=1).click()
    expect(menu(page)).to_be_hidden()


def test_top_bar_and_menu_fit_the_screen(site: Site, new_page: Open) -> None:
    page = new_page()
    page.goto(site.url)
    site.go()
    expect(page.locator("[data-indicator]")).to_have_text(re.compile("Reconnecting"))
    page.get_by_role("button", name="Settings").click()
    for width in (320, 375, 1280):
        page.set_viewport_size({"width": width, "height": 600})
        box = menu(page).bounding_box()
        assert box
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    site.come()


def test_without_javascript_the_systems_theme_holds_and_there_is_no_menu(
    site: Site, new_page: Open
) -> None:
    with_script, without = new_page(), new_page(java_script_enabled=False)
    with_script.goto(site.url)
    without.goto(site.url)
    expect(without.get_by_role("button", name="Settings")).to_be_hidden()
    names = sorted({*GROUNDS, *(ground for grounds in GROUNDS.values() for ground in grounds)})
    painted = "element => getComputedStyle(element).backgroundColor"
    for scheme in SCHEMES:
        for page in (with_script, without):
            page.emulate_media(color_scheme=scheme)
        expect_look(with_script, scheme)
        assert colors(without, *names) == colors(with_script, *names)
        ground = without.locator("body").evaluate(painted)
        assert ground == with_script.locator("body").evaluate(painted)


def test_every_text_has_its_contrast_in_every_look(site: Site, new_page: Open) -> None:
    """The second pair of colors differs in blue, not in green."""
    page = new_page()
    page.goto(site.url)
    for palette in ("green-red", "blue-orange"):
        choose(page, palette.capitalize().replace("-", ", "))
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            expect_look(page, scheme, palette)
            for text, grounds in GROUNDS.items():
                found = colors(page, text, *grounds)
                for ground in grounds:
                    assert contrast(found[text], found[ground]) >= 4.5, f"{text} on {ground}"
            found = colors(page, "control", "surface", "bs-body-bg")
            for ground in ("surface", "bs-body-bg"):
                assert contrast(found["control"], found[ground]) >= 3
            up, down = colors(page, "up", "down").values()
            if palette == "green-red":
                assert up[1] > max(up[0], up[2])
                assert down[0] > max(down[1:])
            else:
                assert up[2] > max(up[:2])
                assert down[0] > down[1] > down[2]


def test_prices_that_are_not_live_are_grey(site: Site, new_page: Open) -> None:
    site.tick = make_tick(replace(BITCOIN, direction="up"), ETHER)
    page = new_page()
    open_live(page, site)
    cells = [cell(page, "bitcoin", "price"), cell(page, "ethereum", "change_24h")]
    for price in cells:
        expect(price).not_to_have_css("color", css(page, "quiet"))
    for state in ("stale", "offline"):
        site.send_status(replace(site.told, state=state))
        expect_state(page, state)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            expect_look(page, scheme)
            for price in cells:
                expect(price).to_have_css("color", css(page, "quiet"))


def css(page: Page, name: str) -> str:
    """Return a custom property's color as the browser writes it."""
    red, green, blue = colors(page, name)[name]
    return f"rgb({red}, {green}, {blue})"


def test_a_browser_that_refuses_storage_keeps_the_choice_for_the_page(
    site: Site, new_page: Open
) -> None:
    page = new_page(color_scheme="light")
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


def test_what_is_stored_and_makes_no_sense_is_ignored(site: Site, new_page: Open) -> None:
    site.tick = make_tick(BITCOIN, ETHER)
    page = new_page(color_scheme="dark")
    page.goto(site.url)
    for stored in ("{", "7", "null", '"neon"', '[{"id": "a"}]', '{"column": "beauty"}'):
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
        expect_look(page, "dark")
        rows = page.locator("[data-rows] [data-coin]")
        expect(rows.first).to_have_attribute("data-coin", "bitcoin")
        expect(page.get_by_role("button", name="Alerts", exact=True)).to_be_visible()


def test_a_page_with_a_theme_of_its_own_keeps_it(site: Site, new_page: Open) -> None:
    page = new_page(color_scheme="dark")
    page.add_init_script("""localStorage.setItem("tracker:theme", '"dark"');
        localStorage.setItem("tracker:palette", '"blue-orange"')""")
    page.goto(f"{site.root}/embed?theme=light")
    expect_look(page, "light", "blue-orange")


def test_paper_is_white_and_has_no_buttons(site: Site, new_page: Open) -> None:
    page = new_page(color_scheme="dark")
    page.goto(site.url)
    page.emulate_media(media="print")
    assert colors(page, "bs-body-bg")["bs-body-bg"] == [255, 255, 255]
    assert luminance(colors(page, "bs-body-color")["bs-body-color"]) < 0.1
    expect(page.get_by_role("button", name="Settings")).to_be_hidden()
