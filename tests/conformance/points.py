"""The points that a server is checked against: the standard's, then the contract's."""

from __future__ import annotations

from tests.conformance import contract, standard
from tests.conformance.point import Point

POINTS: tuple[Point, ...] = (*standard.POINTS, *contract.POINTS)
