"""What a mutation is: a text of the product's, what it is replaced by, and who must notice."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Mutation(NamedTuple):
    """One way to break the code, named `where: what is wrong then`."""

    name: str
    file: str
    """From the root of the project."""
    text: str
    """What is replaced: it occurs once in the file."""
    broken: str
    caught_by: str
    """The quickest test that fails then, by its node id in pytest."""
    hangs: bool = False
    """Whether that test may fail by never ending."""

    def matches(self, root: Path) -> bool:
        """Return whether its text occurs once in the tree at *root*."""
        return (root / self.file).read_text().count(self.text) == 1

    def apply(self, root: Path) -> None:
        """Break the tree at *root*."""
        path = root / self.file
        path.write_text(path.read_text().replace(self.text, self.broken))
