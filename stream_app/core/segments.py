"""Tiers: how warm a customer still is, as one word, and the bounds between them; and segments.

    prospect   never bought
    new        one purchase day, less than `new_days` ago: too early to tell
    active     P(alive) >= `alive`
    at_risk    P(alive) >= `at_risk`
    lost       below

Without a model the last three go by days since the last order. A customer in silence falls from
active to at_risk to lost and never rises.

Segments are the marketers' names for fields of the grid of recency and frequency digits (`rfm`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PROSPECT: Final = 0
NEW: Final = 1
ACTIVE: Final = 2
AT_RISK: Final = 3
LOST: Final = 4
TIERS: Final = ("prospect", "new", "active", "at_risk", "lost")
"""Names, by the codes above; a larger code is a colder customer."""


@dataclass(frozen=True)
class TierBounds:
    """Where tiers begin and end."""

    alive: float = 0.60
    """Least P(alive) of `active`. The MBG/NBD starts a one-time buyer at .644 on CDNOW."""
    at_risk: float = 0.33
    """Least P(alive) of `at_risk`."""
    new_days: int = 30
    """Days that `new` lasts: the first that it does not is this many after the first order."""
    formula_days: tuple[int, int] = (90, 180)
    """Without a model: most days since the last order of `active` and of `at_risk`."""


_GRID: Final = {
    # Frequency 1 to 5, in rows of recency: who bought long ago first.
    1: ("hibernating", "hibernating", "slipping", "slipping", "can't lose"),
    2: ("hibernating", "hibernating", "slipping", "slipping", "can't lose"),
    3: ("about to sleep", "about to sleep", "need attention", "loyal", "loyal"),
    4: ("promising", "potentially loyal", "potentially loyal", "loyal", "loyal"),
    5: ("new", "potentially loyal", "potentially loyal", "champions", "champions"),
}
SEGMENTS: Final = (
    "champions",
    "loyal",
    "potentially loyal",
    "new",
    "promising",
    "need attention",
    "about to sleep",
    "slipping",
    "can't lose",
    "hibernating",
)
"""The warmest first."""


def segment_of(rfm: int) -> str:
    """The segment of three digits; monetary value has no say in it.

    >>> segment_of(555), segment_of(511), segment_of(153)
    ('champions', 'new', "can't lose")
    """
    return _GRID[rfm // 100][rfm // 10 % 10 - 1]
