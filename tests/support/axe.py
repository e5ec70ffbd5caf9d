"""axe-core, which looks a page over: WCAG 2.2 AA and good practice."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.support.tools import ROOT

AXE = ROOT / "tests" / "npm" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

needs_axe = pytest.mark.skipif(
    not AXE.exists(), reason="needs axe-core: `make test` installs it with npm"
)


def violations(page: Page, rules: list[str] = RULES) -> list[str]:
    """Return what axe finds wrong, one line per element."""
    if not page.evaluate("() => 'axe' in globalThis"):
        page.evaluate(AXE.read_text())
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    found: list[dict[str, Any]] = page.evaluate(
        "options => axe.run(document, options).then(({ violations }) => violations)", options
    )
    return [
        f"{rule['id']}: {' '.join(node['target'])}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
