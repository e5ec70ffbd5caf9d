"""What a terminal shows, as HTML for a picture: each character in its own cell of the grid."""

import html
import re

import wcwidth

STYLES = {
    "1": "font-weight:bold;color:#f0f4f8", "2": "color:#8b98a5", "31": "color:#ff6b6b",
    "32": "color:#3fcf7f", "33": "color:#e8b339",
}  # fmt: skip
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #10151c; }}
pre {{
  display: inline-block; margin: 0; padding: 18px 22px; color: #d5dde5; background: #10151c;
  font: 15px/19px "DejaVu Sans Mono", monospace;
}}
i {{ display: inline-block; font-style: normal; height: 19px; vertical-align: top; }}
</style><pre>{}</pre>"""


def page(text: str) -> str:
    """Return a page with *text*, which has no other control sequences than SGR."""
    shown = ""
    for style, words in re.findall(r"(?:\x1b\[(\d+)m)?([^\x1b]*)", text):
        shown += f'<span style="{STYLES.get(style, "")}">{"".join(map(_cell, words))}</span>'
    return PAGE.format(shown)


def _cell(letter: str) -> str:
    if letter.isascii():
        return html.escape(letter)
    return f'<i style="width:{wcwidth.wcwidth(letter)}ch">{letter}</i>'
