"""What schemathesis is told beyond the description: which coins and currencies there are.

A string that names none of them is as described, and refused all the same.
"""

from typing import Any

import schemathesis
from hypothesis import strategies

KNOWN = ("bitcoin", "ethereum")
NAMED = strategies.lists(strategies.sampled_from(KNOWN), max_size=3).map(",".join)

UNITS = strategies.sampled_from((*KNOWN, "eur", "USD"))

schemathesis.openapi.format("ids-of-coins", NAMED)
schemathesis.openapi.format("units", UNITS)


@schemathesis.hook
def before_load_schema(context: Any, schema: dict[str, Any]) -> None:
    """Give the parameters that name coins or currencies that format."""
    formats = {"coins": "ids-of-coins", "currency": "units", "from": "units", "to": "units"}
    for methods in schema["paths"].values():
        for parameter in methods["get"].get("parameters", []):
            if kind := formats.get(parameter["name"]):
                parameter["schema"]["format"] = kind
