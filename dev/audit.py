"""`make lint`'s last step: are there known vulnerabilities in what is pinned?

    python -m dev.audit

pip-audit asks OSV about each package of the requirements and the constraints. A vulnerability
fails; a network that does not let it ask is told in one line, and fails nothing: who has none
wants to lint, too.

The trap: pip-audit ends with 1 for both, but writes a report only if it was answered.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from tempfile import NamedTemporaryFile
from textwrap import shorten
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OSV = "https://api.osv.dev/v1/query"
PATIENCE = 20.0
"""Seconds for all of it."""
PATIENCE_FOR_ONE = 5
"""Seconds without a byte from the service."""


def main(osv: str = OSV, patience: float = PATIENCE) -> int:
    """Audit what is pinned by the service at *osv*; return the exit status."""
    try:
        report, error = _report(osv, patience)
    except subprocess.TimeoutExpired:
        report, error = None, f"{osv} did not answer all questions within {patience:.0f} s"
    if report is None:
        sys.stderr.write(f"Dependencies were not audited: {error}\n")
        return 0
    asked = [one for one in report["dependencies"] if "skip_reason" not in one]
    found = [_told(one, bug) for one in asked for bug in one["vulns"]]
    sys.stderr.write("\n\n".join([*found, f"{len(asked)} packages audited, {len(found)} bugs.\n"]))
    return 1 if found else 0


def pinned() -> list[str]:
    """Return every `name==version` of the requirements and the constraints, sorted."""
    files = [*ROOT.glob("requirements*.txt"), ROOT / "constraints.txt"]
    lines = {line.strip() for file in files for line in file.read_text().splitlines()}
    return sorted(line for line in lines if line and not line.startswith(("#", "-")))


def _report(osv: str, patience: float) -> tuple[Any, str]:
    """Return pip-audit's report, or None and why there is none. Raises `TimeoutExpired`."""
    with NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(pinned()))
        file.flush()
        command = [
            sys.executable, "-m", "pip_audit", "--requirement", file.name, "--no-deps",
            "--disable-pip", "--vulnerability-service", "osv", "--osv-url", osv, "--format", "json",
            "--progress-spinner", "off", "--timeout", str(PATIENCE_FOR_ONE),
        ]  # fmt: skip
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=patience, check=False
        )
    try:
        return json.loads(done.stdout), ""
    except ValueError:
        lines = done.stderr.strip().splitlines()
        last = lines[-1] if lines else f"pip-audit ended with {done.returncode}"
        return None, shorten(last, 120)


def _told(package: dict[str, Any], bug: dict[str, Any]) -> str:
    mended = ", ".join(bug["fix_versions"]) or "no version yet"
    names = " ".join([bug["id"], *bug["aliases"]])
    return (
        f"{package['name']} {package['version']}: {names}; mended in {mended}\n{bug['description']}"
    )


if __name__ == "__main__":
    sys.exit(main())
