"""Check a server and print a verdict per point; ends with 1 when a point fails."""

from __future__ import annotations

import argparse
import sys

from tests.conformance.point import Point, Server, Verdict
from tests.conformance.points import POINTS

SIGNS = {"pass": "✔", "fail": "✘", "not seen": "–"}


def main() -> int:
    """Check what the command line names; return how the process ends."""
    options = _options()
    server = Server(
        url=options.url,
        interval=options.interval,
        heartbeat=options.heartbeat,
        origin=options.origin,
    )
    chosen = [
        point
        for point in POINTS
        if (point.source == "standard" or not options.standard)
        and (not options.only or point.name in options.only)
    ]
    verdicts = [_print(point, examine(point, server)) for point in chosen]
    counts = {sign: sum(v.outcome == sign for v in verdicts) for sign in SIGNS}
    print(f"\n{counts['pass']} pass, {counts['fail']} fail, {counts['not seen']} not seen")  # noqa: T201
    return 1 if counts["fail"] else 0


def examine(point: Point, server: Server) -> Verdict:
    """Return the verdict on one *point*; a server that breaks off fails it."""
    try:
        return point.check(server)
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        return Verdict("fail", f"{type(error).__name__}: {error}")


def _print(point: Point, verdict: Verdict) -> Verdict:
    line = f"{SIGNS[verdict.outcome]} {point.source:8}  {point.name}: {verdict.seen[:200]}"
    print(line, flush=True)  # noqa: T201
    if verdict.outcome == "fail":
        print(f"             {point.sentence}", flush=True)  # noqa: T201
    return verdict


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("url", help="the stream, for example http://localhost:8000/stream")
    parser.add_argument("--interval", type=float, default=70, help="seconds until a further tick")
    parser.add_argument("--heartbeat", type=float, default=15, help="seconds of silence")
    parser.add_argument("--origin", help="an origin that may read the stream")
    parser.add_argument("--standard", action="store_true", help="only the standard's points")
    parser.add_argument("--only", action="append", help="only this point; may be repeated")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
