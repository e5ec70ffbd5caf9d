"""Check a server and print a verdict per point; ends with 1 when a point fails."""

import argparse
import sys
from collections import Counter

from tests.conformance.points import POINTS, Server

SIGNS = {"pass": "✔", "fail": "✘", "not seen": "–"}


def main() -> int:
    """Check what the command line names; return how the process ends."""
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("url", help="the stream, for example http://localhost:8000/stream")
    parser.add_argument("--interval", type=float, default=70, help="seconds until a further tick")
    parser.add_argument("--heartbeat", type=float, default=15, help="seconds of silence")
    parser.add_argument("--origin", help="an origin that may read the stream")
    parser.add_argument("--standard", action="store_true", help="only the standard's points")
    parser.add_argument("--only", action="append", help="only this point; may be repeated")
    options = vars(parser.parse_args())
    only, is_standard = options.pop("only"), options.pop("standard")
    server = Server(**options)
    counts: Counter[str] = Counter()
    for point in POINTS:
        if (is_standard and point.source != "standard") or (only and point.name not in only):
            continue
        outcome, seen = point.examine(server)
        counts[outcome] += 1
        print(f"{SIGNS[outcome]} {point.source:8}  {point.name}: {seen[:200]}", flush=True)  # noqa: T201
        if outcome == "fail":
            print(f"             {point.sentence}", flush=True)  # noqa: T201
    print("\n" + ", ".join(f"{counts[outcome]} {outcome}" for outcome in SIGNS))  # noqa: T201
    return 1 if counts["fail"] else 0


if __name__ == "__main__":
    sys.exit(main())
