"""A picture of lines over time, as an SVG that reads well in light and in dark. Pure."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from bench.growth import Line

WIDTH, PANEL, GAP = 860, 170, 46
LEFT, RIGHT, TOP = 64, 34, 96
COLOURS = ("#2f81f7", "#e5534b", "#2da44e", "#bf8700", "#a371f7", "#1b9e9e")
"""All with enough contrast on white and on black; the lines differ in dashes, too."""
DASHES = ("", "7 3", "2 3", "10 3 2 3", "4 2", "1 2")
MOST_SIGNS = 50
"""Marks with a letter each; with more, the letters would hide each other."""
STEPS = (1, 2, 2.5, 5, 10)
STYLE = """
  :root { color-scheme: light dark; --paper: #ffffff; --ink: #1f2328; --faint: #d0d7de; }
  @media (prefers-color-scheme: dark) {
    :root { --paper: #0d1117; --ink: #e6edf3; --faint: #30363d; }
  }
  text { fill: var(--ink); font: 12px system-ui, sans-serif; }
  .title { font-size: 15px; font-weight: 600; }
  .panel { font-weight: 600; }
  .paper { fill: var(--paper); }
  .grid { stroke: var(--faint); }
  .mark { stroke: var(--ink); opacity: .45; stroke-dasharray: 1 3; }
  .line { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
""".strip("\n")


class Panel(NamedTuple):
    """One set of axes: a line for each name."""

    title: str
    lines: Mapping[str, Line]


class Mark(NamedTuple):
    """Something that happened: a vertical line with the sign of what it was."""

    at: float
    what: str


def svg(title: str, panels: Sequence[Panel], marks: Sequence[Mark], *, until: float) -> str:
    """Return the picture of *panels* below each other, from 0 to *until* seconds.

    Each kind of mark is a letter, explained below the title.
    """
    names = list(dict.fromkeys(name for panel in panels for name in panel.lines))
    signs = _signs(marks)
    height = TOP + len(panels) * (PANEL + GAP)
    body = [
        f'<text class="title" x="{LEFT}" y="26">{escape(title)}</text>',
        *_legend(names),
        _explanation(signs),
    ]
    for number, panel in enumerate(panels):
        top = TOP + number * (PANEL + GAP)
        named = number == 0 and len(marks) <= MOST_SIGNS
        body += _panel(panel, names, top, until)
        body += _marks(marks, signs if named else {}, top, until)
    label = escape(f"{title}: {', '.join(panel.title for panel in panels)}", quote=True)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
            f' role="img" aria-label="{label}">',
            f"<style>\n{STYLE}\n</style>",
            f'<rect class="paper" width="{WIDTH}" height="{height}" rx="8"/>',
            *body,
            "</svg>\n",
        ]
    )


def ceiling(value: float) -> float:
    """Return the next round number from *value* on: 1, 2, 2.5, 5 times a power of ten."""
    power = 1.0
    while power * STEPS[-1] < value:
        power *= 10
    return next(power * step for step in STEPS if power * step >= value)


def _legend(names: Sequence[str]) -> list[str]:
    found, x = [], float(LEFT)
    for number, name in enumerate(names):
        found.append(f'<path class="line" {_look(number)} d="M{x:.0f} 44h22"/>')
        found.append(f'<text x="{x + 28:.0f}" y="48">{escape(name)}</text>')
        x += 48 + 7 * len(name)
    return found


def _signs(marks: Sequence[Mark]) -> dict[str, str]:
    """Return the letter of each kind of mark, in the order of the alphabet."""
    kinds = list(dict.fromkeys(mark.what for mark in marks))
    return {what: chr(ord("a") + number) for number, what in enumerate(kinds)}


def _explanation(signs: Mapping[str, str]) -> str:
    said = "   ".join(f"{sign} {what}" for what, sign in signs.items())
    return f'<text x="{LEFT}" y="68" xml:space="preserve">{escape(said)}</text>'


def _panel(panel: Panel, names: Sequence[str], top: float, until: float) -> list[str]:
    highest = ceiling(max((p.value for line in panel.lines.values() for p in line), default=1))
    found = [f'<text class="panel" x="{LEFT}" y="{top - 6}">{escape(panel.title)}</text>']
    for part in range(5):
        y = top + PANEL * (1 - part / 4)
        found.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        label = f"{highest * part / 4:g}"
        found.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{label}</text>')
    for part in range(6):
        x, minutes = _x(until * part / 5, until), until * part / 5 / 60
        words = f"{minutes:.3g} min"
        found.append(
            f'<text x="{x:.1f}" y="{top + PANEL + 17}" text-anchor="middle">{words}</text>'
        )
    for name, line in panel.lines.items():
        if line:
            d = "M" + "L".join(
                f"{_x(p.at, until):.1f} {top + PANEL * (1 - p.value / highest):.1f}" for p in line
            )
            found.append(f'<path class="line" {_look(names.index(name))} d="{d}"/>')
    return found


def _marks(marks: Sequence[Mark], signs: Mapping[str, str], top: float, until: float) -> list[str]:
    found = []
    for mark in marks:
        x = _x(mark.at, until)
        found.append(f'<path class="mark" d="M{x:.1f} {top}v{PANEL}"/>')
        if sign := signs.get(mark.what):
            found.append(f'<text x="{x + 3:.1f}" y="{top + 11}">{sign}</text>')
    return found


def _look(number: int) -> str:
    dash = DASHES[number % len(DASHES)]
    return f'stroke="{COLOURS[number % len(COLOURS)]}"' + (
        f' stroke-dasharray="{dash}"' if dash else ""
    )


def _x(at: float, until: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * at / until
