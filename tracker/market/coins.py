"""`Coins`: which coins are followed, as `TRACKER_COINS` says it.

What a name turns out to be is the source's matter; nothing here knows any coin.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Coins:
    """The *top* coins by market cap, and those of the *names*, which are ids or symbols."""

    top: int = 0
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Return them as the setting has them: `10,monero,kaspa`."""
        return ",".join([str(self.top)] * bool(self.top) + list(self.names))

    @property
    def most(self) -> int:
        """How many coins these are at most: some names may be among the top."""
        return self.top + len(self.names)

    def heading(self, shown: int) -> str:
        """Return what a table of *shown* coins is; `static/js/table/heading.js` does the same."""
        if not self.top:
            return "Your coin" if shown == 1 else f"Your {shown} coins"
        if shown > self.top:
            return f"Top {self.top} and {shown - self.top} more"
        return f"Top {shown} by market cap"
