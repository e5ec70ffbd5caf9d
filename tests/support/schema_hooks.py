"""What schemathesis is told beyond the description: which coins there are.

A string that names none of them is as described, and refused all the same.
"""

from typing import Any

import schemathesis
from hypothesis import strategies

KNOWN = ("bitcoin", "ethereum")
NAMED = strategies.lists(strategies.sampled_from(KNOWN), max_size=3).map(",".join)

schemathesis.openapi.format("ids-of-coins", NAMED)


@schemathesis.hook
def before_load_schema(context: Any, schema: dict[str, Any]) -> None:
    """Give the parameters that name coins that format."""
    for methods in schema["paths"].values():
        for parameter in methods["get"].get("parameters", []):
            if parameter["name"] == "coins":
                parameter["schema"]["format"] = "ids-of-coins"
