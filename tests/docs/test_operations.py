"""docs/operations.md, the dashboard and the alerts speak of the metrics that there are."""

import json
import re
from itertools import takewhile

import yaml
from flask import Flask
from prometheus_client.parser import text_string_to_metric_families

from tests.support.tools import ROOT, Script, alone, quote, wait_for
from tracker.services import services
from worker.jobs import refresh

HEADER = "| metric | type | labels | meaning |"
TEXT = (ROOT / "docs" / "operations.md").read_text()
DASHBOARD = json.loads((ROOT / "deploy" / "grafana-dashboard.json").read_text())


Documented = tuple[str, str, tuple[str, ...]]
"""A metric's name and type, and its labels in order of their names."""


def documented() -> set[Documented]:
    lines = TEXT.splitlines()
    rows = takewhile(lambda line: line.startswith("|"), lines[lines.index(HEADER) + 2 :])
    cells = [[cell.strip() for cell in row.split("|")] for row in rows]
    return {
        (name.strip("`"), type, tuple(sorted(re.findall(r"`(\w+)`", labels))))
        for _, name, type, labels, *_ in cells
    }


KNOWN = {name for name, _, _ in documented()}


def test_every_metric_served_is_documented_and_every_one_documented_is_served(app: Flask) -> None:
    """Served in a live scrape, after a refresh and a request."""
    services(app).relay.start()
    backend = services(app).backend
    with backend.refresh_stats.counted() as outcome:
        refresh(alone(Script([quote()])), backend, outcome=outcome)
    backend.refresh_stats.count_alerts("phone", sent=1)
    wait_for(lambda: services(app).relay.state.tick)
    client = app.test_client()
    client.get("/healthz")
    served = set()
    for family in text_string_to_metric_families(client.get("/metrics").text):
        labels = {label for sample in family.samples for label in sample.labels} - {"le"}
        name = family.name + ("_total" if family.type == "counter" else "")
        served.add((name, family.type, tuple(sorted(labels))))
    assert served == documented()


def names_in(expression: str) -> set[str]:
    """Return the metrics that an expression of PromQL asks for."""
    names = set(re.findall(r"\b(?:tracker|process)_[a-z_]+\b", re.sub(r'"[^"]*"', "", expression)))
    return {re.sub("(_bucket|_count|_sum)$", "", name) for name in names}


def test_the_dashboard_shows_every_metric_but_those_that_others_stand_for() -> None:
    panels = DASHBOARD["panels"]
    targets = [target for panel in panels for target in panel.get("targets", [])]
    marks = [mark for mark in DASHBOARD["annotations"]["list"] if "expr" in mark]
    asked = [names_in(one["expr"]) for one in (*targets, *marks)]
    assert len(asked) > 20
    assert all(asked)
    shown = set().union(*asked)
    assert shown <= KNOWN
    assert {name for name in KNOWN - shown if not name.endswith("_timestamp_seconds")} == set()
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_alerts_and_the_queries_in_the_text_ask_for_what_there_is() -> None:
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus-rules.yml").read_text())["groups"]
    asked = names_in("\n".join(rule["expr"] for group in groups for rule in group["rules"]))
    assert len(asked) > 10
    queries = re.findall(r"```promql\n(.*?)```", TEXT, re.DOTALL)
    queries += re.findall(r"`([^`\n]*tracker_[^`\n]*)`", re.sub("tracker_[a-z]+…", "", TEXT))
    assert asked | names_in("\n".join(queries)) <= KNOWN
