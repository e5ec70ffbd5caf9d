"""The table, for the terminal and for docs/performance.md."""

from collections.abc import Sequence
from pathlib import Path

from bench.goals import FULL, goals
from bench.runs import Result

Level = tuple[int, Sequence[Result]]
"""The number of readers, and what was measured with them."""

HEADINGS = (
    "server",
    "readers",
    "CPU/event",
    "floor",
    "p50",
    "p99",
    "max",
    "idle reader",
    "connects",
    "bytes/event",
    "all back",
)
BEGIN, END = "<!-- bench: written by `make bench ARGS=--write` -->", "<!-- bench: end -->"


def rows(level: Level) -> list[list[str]]:
    """Return the table's lines for one *level*."""
    floor = next((one for one in level[1] if one.contender.key == "floor"), None)
    return [_row(result, floor) for result in level[1] if result.turns]


def plain(levels: Sequence[Level]) -> str:
    """Return the table for a terminal."""
    lines = [list(HEADINGS)]
    for level in levels:
        lines += [[], *rows(level)]
    widths = [max(len(line[i]) for line in lines if line) for i in range(len(HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=False))
        )
        for line in lines
    )


def verdicts(levels: Sequence[Level]) -> str:
    """Return each goal, and whether it was reached, with the most readers there were."""
    asked, results = max(levels, key=lambda level: level[0])
    found = {result.contender.key: result for result in results if result.turns}
    title = f"Goals, with {asked:,} readers:"
    if asked < FULL:
        title = f"Goals (they are set for {FULL:,} readers; these are {asked:,}):"
    return "\n".join([title, *map(str, goals(found))])


def markdown(levels: Sequence[Level], machine: Sequence[str], remarks: Sequence[str]) -> str:
    """Return the whole as a section in Markdown."""
    lines = [HEADINGS, ["---", *["---:"] * (len(HEADINGS) - 1)]]
    for level in levels:
        lines += rows(level)
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    said = "\n".join(f"- {remark}" for remark in remarks)
    return "\n\n".join(filter(None, ["  \n".join(machine), table, verdicts(levels), said]))


def write(path: Path, section: str) -> None:
    """Put *section* between the marks in *path*, or at its end."""
    text = path.read_text() if path.exists() else "# Performance\n"
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2].lstrip("\n")
    path.write_text("\n\n".join([before.rstrip(), BEGIN, section, END, after]).rstrip() + "\n")


def _row(result: Result, floor: Result | None) -> list[str]:
    return [
        result.contender.title,
        f"{result.readers:,}",
        f"{result.cpu:.1f} µs",
        f"{result.cpu_against(floor):.2f}×" if floor and floor.turns else "–",
        *(f"{latency:.0f} ms" for latency in (result.p50, result.p99, result.worst)),
        _memory(result.memory),
        "–" if result.connects is None else f"{result.connects:,.0f}/s",
        f"{result.size:,.0f}",
        "–" if result.returned is None else f"{result.returned:.1f} s",
    ]


def _memory(size: float | None) -> str:
    return "–" if size is None else f"{size / 1024:.1f} KB"
