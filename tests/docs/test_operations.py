"""docs/operations.md, the dashboard and the alerts speak of the metrics that there are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import takewhile
from typing import Any, NamedTuple

import pytest
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from tests.support.tools import ROOT, wait_for
from tests.support.web_process import tick
from tracker.services import services

HEADER = "| metric | type | labels | meaning |"
MADE_OF = {"_bucket", "_count", "_sum"}
"""What Prometheus adds to a histogram's name."""


class Documented(NamedTuple):
    """One metric: its labels in order of their names."""

    name: str
    type: str
    labels: tuple[str, ...]


def documented() -> set[Documented]:
    lines = (ROOT / "docs" / "operations.md").read_text().splitlines()
    rows = takewhile(lambda line: line.startswith("|"), lines[lines.index(HEADER) + 2 :])
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    return {
        Documented(name.strip("`"), type, tuple(sorted(re.findall(r"`(\w+)`", labels))))
        for _, name, type, labels, *_ in cells
    }


@pytest.fixture
def served(app: Flask) -> set[Documented]:
    """What a live scrape holds, after a refresh and a request."""
    services(app).relay.start()
    tick(app)
    with services(app).backend.refresh_stats.counted() as outcome:
        outcome.what = "tick"
    wait_for(lambda: services(app).relay.state.tick)
    client = app.test_client()
    client.get("/healthz")
    text = client.get("/metrics").text
    return {
        Documented(
            family.name + ("_total" if family.type == "counter" else ""),
            family.type,
            tuple(
                sorted({*(label for sample in family.samples for label in sample.labels)} - {"le"})
            ),
        )
        for family in text_string_to_metric_families(text)
    }


def test_every_metric_served_is_documented_and_every_one_documented_is_served(
    served: set[Documented],
) -> None:
    assert served == documented()


def names_in(expression: str) -> set[str]:
    """Return the metrics that an expression of PromQL asks for."""
    names = set(re.findall(r"\b(?:tracker|process)_[a-z_]+\b", re.sub(r'"[^"]*"', "", expression)))
    return {re.sub("(_bucket|_count|_sum)$", "", name) for name in names}


def known() -> set[str]:
    return {metric.name for metric in documented()}


def expressions(part: Any) -> Iterator[str]:
    """Yield every `expr` within *part* of the dashboard."""
    if isinstance(part, dict):
        if isinstance(part.get("expr"), str):
            yield part["expr"]
        for inner in part.values():
            yield from expressions(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from expressions(inner)


def test_the_dashboard_is_json_and_asks_for_what_there_is() -> None:
    dashboard = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())
    asked = [names_in(expression) for expression in expressions(dashboard)]
    assert len(asked) > 20
    assert all(asked)
    assert set().union(*asked) <= known()
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))


def test_the_dashboard_shows_every_metric_but_those_that_others_stand_for() -> None:
    dashboard = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())
    shown = set().union(*map(names_in, expressions(dashboard)))
    assert {name for name in known() - shown if not name.endswith("_timestamp_seconds")} == set()


def test_the_alerts_ask_for_what_there_is() -> None:
    rules = (ROOT / "deploy" / "prometheus-rules.yml").read_text()
    asked = names_in("\n".join(line for line in rules.splitlines() if "summary:" not in line))
    assert len(asked) > 10
    assert asked <= known()


def test_the_queries_in_the_text_ask_for_what_there_is() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    queries = "\n".join(re.findall(r"```promql\n(.*?)```", text, re.DOTALL))
    queries += "\n".join(
        re.findall(r"`([^`\n]*tracker_[^`\n]*)`", text.replace("tracker_refresh…", ""))
    )
    assert names_in(queries) <= known()
