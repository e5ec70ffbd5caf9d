"""Break the code in each way of the list; ends with 1 if no test notices one of them.

Prints for each its name, its file, the test, and the seconds that it took.
"""

from __future__ import annotations

import argparse
import sys

from tests.mutations.check import Verdict, try_all, try_unbroken
from tests.mutations.mutations import MUTATIONS
from tests.support.tools import ROOT


def main() -> int:
    """Try what the command line names; return how the process ends."""
    options = _options()
    chosen = [one for one in MUTATIONS if not options.names or _is_named(one.name, options.names)]
    if not chosen:
        print(f"no mutation has any of these in its name: {', '.join(options.names)}")  # noqa: T201
        return 2
    unbroken = try_unbroken(chosen, ROOT)
    if unbroken.status != 0:
        print(unbroken.output)  # noqa: T201
        print("these tests fail though nothing is broken: mend that first")  # noqa: T201
        return 1
    verdicts = [_print(verdict, show=options.show) for verdict in try_all(chosen, ROOT)]
    good = sum(verdict.is_good for verdict in verdicts)
    print(f"\n{good} of {len(verdicts)} mutations are noticed")  # noqa: T201
    return 0 if good == len(verdicts) else 1


def _print(verdict: Verdict, *, show: bool) -> Verdict:
    sign = "✔" if verdict.is_good else "✘"
    mutation = verdict.mutation
    line = f"{sign} {verdict.outcome:8} {verdict.seconds:5.1f} s  {mutation.name}"
    print(f"{line}\n    {mutation.file}, caught by {mutation.caught_by}", flush=True)  # noqa: T201
    if show or not verdict.is_good:
        print(verdict.output, flush=True)  # noqa: T201
    return verdict


def _is_named(name: str, wanted: list[str]) -> bool:
    return any(one.lower() in name.lower() for one in wanted)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument("names", nargs="*", help="words of a mutation's name; all without any")
    parser.add_argument("--show", action="store_true", help="what pytest prints of each")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
