"""Where a customer stands among all: quantiles of the population, in sketches that add up.

Each worker sketches the customers of its partitions; the sketches of all partitions merged are the
population. `Ranks` are read off it: the share of customers with a lower `ltv`, and the digits 1-5
of recency, frequency and monetary value.

These three are the marketer's, not those of the models: recency is the last purchase day (later is
better), frequency counts purchase days with the first one, monetary is the mean spend of a purchase
day, the first one included.

References
----------
Z. Karnin, K. Lang, E. Liberty (2016), "Optimal quantile approximation in streams", FOCS 2016.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

import numpy as np
from datasketches import kll_doubles_sketch
from numpy.typing import NDArray

from stream_app.core.models.arrays import Floats
from stream_app.core.score import Scores

NAMES: Final = ("ltv", "last_day", "purchase_days", "spend")
SIZES: Final = {"ltv": 3000, "last_day": 400, "purchase_days": 400, "spend": 400}
"""Of the sketches: ranks by `ltv` within .001, the others within .007, with a chance of .99; 70 and
10 KB a partition."""
RANK_STEP: Final = 0.004
"""`value_rank` has levels of this width: who is on another one than before is published again."""
TOLERANCES: Final = {"ltv": 0.003, "last_day": 0.03, "purchase_days": 0.03, "spend": 0.03}
"""By how much a rank may have moved before the tables are other ones: above the sketches' noise."""
STEPS: Final = 1000
"""Quantiles that a table has; from one to the next it is a step of .001."""
FIFTHS: Final = [STEPS // 5 * fifth for fifth in range(1, 5)]
"""Places in a table where a digit ends and the next one begins."""


@dataclass(frozen=True, eq=False)
class Ranks:
    """The population's quantiles at 0, 1/STEPS ... 1, as tables to look customers up in."""

    ltv: Floats
    last_day: Floats
    purchase_days: Floats
    spend: Floats

    def value_rank(self, ltv: Floats) -> Floats:
        """Share of customers with a lower ltv, 0-1, to four digits."""
        return np.round(_share_below(self.ltv, ltv), 4)

    def rfm(self, last_day: Floats, purchase_days: Floats, spend: Floats) -> NDArray[np.int64]:
        """Three digits as a number: 555 bought lately, often, and for much."""
        digits = (
            1 + np.searchsorted(table[FIFTHS], values, side="left")
            for table, values in (
                (self.last_day, last_day),
                (self.purchase_days, purchase_days),
                (self.spend, spend),
            )
        )
        recency, frequency, monetary = digits
        return np.asarray(100 * recency + 10 * frequency + monetary)

    def to_bytes(self) -> bytes:
        """The tables, one behind the other: little-endian doubles."""
        return b"".join(getattr(self, name).astype("<f8").tobytes() for name in NAMES)

    @classmethod
    def from_bytes(cls, stored: bytes) -> Ranks:
        """The tables of `to_bytes`; ValueError where they are none."""
        if len(stored) != 8 * len(NAMES) * (STEPS + 1):
            raise ValueError(f"{len(stored)} bytes are no tables of ranks")
        tables = np.frombuffer(stored, "<f8").reshape(len(NAMES), STEPS + 1)
        return cls(**dict(zip(NAMES, tables, strict=True)))

    @cached_property
    def id(self) -> str:
        """A name for these very tables."""
        return sha256(self.to_bytes()).hexdigest()[:16]

    def moved(self, other: Ranks) -> bool:
        """Whether some rank is another one by the other tables, by more than is tolerated."""
        return any(
            float(np.abs(_share_below(mine, mine) - _share_below(theirs, mine)).max()) > most
            for mine, theirs, most in (
                (getattr(self, name), getattr(other, name), most)
                for name, most in TOLERANCES.items()
            )
        )


@dataclass
class Population:
    """Sketches of some customers; those who never bought are not in it."""

    sketches: dict[str, Any] = field(
        default_factory=lambda: {name: kll_doubles_sketch(size) for name, size in SIZES.items()}
    )

    def add(self, scores: Scores) -> None:
        """Take in customers as they were scored."""
        for name, column in columns(scores).items():
            self.sketches[name].update(column)

    def merge(self, other: Population) -> None:
        """Take in the customers of another one; no customer may be in both."""
        for name, sketch in other.sketches.items():
            self.sketches[name].merge(sketch)

    @property
    def customers(self) -> int:
        """How many were taken in, of those who have an ltv."""
        return int(self.sketches["ltv"].n)

    def ranks(self) -> Ranks | None:
        """The tables; None where nobody has bought."""
        if any(sketch.is_empty() for sketch in self.sketches.values()):
            return None
        return Ranks(**{name: _table(sketch) for name, sketch in self.sketches.items()})

    def to_bytes(self) -> dict[str, bytes]:
        """The sketches in the compact form of Apache DataSketches, which other languages read."""
        return {name: bytes(sketch.serialize()) for name, sketch in self.sketches.items()}

    @classmethod
    def from_bytes(cls, stored: dict[str, bytes]) -> Population:
        """The sketches of `to_bytes`; ValueError where they are none."""
        try:
            return cls({name: kll_doubles_sketch.deserialize(stored[name]) for name in NAMES})
        except (KeyError, RuntimeError, ValueError, IndexError) as error:
            raise ValueError(f"no sketches of a population: {error}") from error


def standing(scores: Scores, ranks: Ranks) -> tuple[NDArray[np.int64], Floats]:
    """`rfm` and `value_rank` of customers; the first has meaning where they have bought, the other
    where they have an ltv."""
    found = columns(scores)
    rfm, value_rank = np.zeros(len(scores), np.int64), np.zeros(len(scores))
    rfm[scores.bought] = ranks.rfm(found["last_day"], found["purchase_days"], found["spend"])
    value_rank[scores.valued] = ranks.value_rank(found["ltv"])
    return rfm, value_rank


def displaced(scores: Scores, before: Ranks | None, now: Ranks) -> NDArray[np.bool_]:
    """Who stands elsewhere by the tables of now than by those of before, or had no place.

    Elsewhere is on another level, not so far from before: small steps would add up unseen.
    """
    if before is None:
        return scores.bought
    was, where = standing(scores, before), standing(scores, now)
    levels = (np.floor(ranks / RANK_STEP) for ranks in (was[1], where[1]))
    return np.asarray((was[0] != where[0]) | np.not_equal(*levels))


def columns(scores: Scores) -> dict[str, Floats]:
    """What is sketched of those who have bought, and of `ltv` of those who have one."""
    found, bought = scores.statistics, scores.bought
    days = found.purchase_days[bought]
    return {
        "ltv": scores.ltv_minor[scores.valued].astype(np.float64),
        "last_day": found.last_day[bought].astype(np.float64),
        "purchase_days": days.astype(np.float64),
        "spend": found.gross_minor[bought].astype(np.float64) / days,
    }


def _table(sketch: Any) -> Floats:
    at = np.arange(STEPS + 1) / STEPS
    return np.asarray(sketch.get_quantiles(at, inclusive=True), np.float64)


def _share_below(table: Floats, values: Floats) -> Floats:
    return np.searchsorted(table, values, side="left") / (STEPS + 1)
