"""`make lint`'s last step: are there known vulnerabilities in what is pinned?

    python -m dev.audit

OSV (https://osv.dev) is asked once about all pinned packages. A vulnerability fails; a service
that does not answer is reported in one line and fails nothing: `make lint` must work offline.
See https://google.github.io/osv.dev/post-v1-querybatch/
"""

import json
import sys
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OSV = "https://api.osv.dev/v1/querybatch"
TIMEOUT_S = 10.0  # without a byte from OSV


def main(url: str = OSV, timeout_s: float = TIMEOUT_S) -> int:
    """Check what is pinned with the service at *url*; return the exit status."""
    packages = [line.split("==") for line in pinned()]
    queries = [
        {"package": {"name": name.partition("[")[0], "ecosystem": "PyPI"}, "version": version}
        for name, version in packages
    ]
    request = urllib.request.Request(url, json.dumps({"queries": queries}).encode())  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as response:  # noqa: S310
            results = json.load(response)["results"]
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"Dependencies were not audited: {url}: {error}\n")
        return 0
    found = [
        f"{name} {version}: https://osv.dev/vulnerability/{vulnerability['id']}\n"
        for (name, version), result in zip(packages, results, strict=True)
        for vulnerability in result.get("vulns", ())
    ]
    sys.stderr.writelines(found)
    sys.stderr.write(f"{len(packages)} packages audited, {len(found)} vulnerabilities.\n")
    return 1 if found else 0


def pinned() -> list[str]:
    """Return every `name==version` of the requirements and the constraints, sorted."""
    files = [*ROOT.glob("requirements*.txt"), ROOT / "constraints.txt"]
    lines = {line.partition("#")[0].strip() for f in files for line in f.read_text().splitlines()}
    return sorted(line for line in lines if line and not line.startswith("-"))


if __name__ == "__main__":
    sys.exit(main())
