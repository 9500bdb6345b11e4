"""The time of customers cut into forecasts: what was known when, and what then came.

A forecast says how likely a purchase day is within the next HORIZON_DAYS. For each customer one is
made on each purchase day, and another one after every HORIZON_DAYS of silence since; for customers
whose last purchase lies before the first day that counts, one on that day. So every day of silence
is forecast, once.

A forecast that is too young to be over looks ahead to today alone. Its horizon never depends on
what came of it: were young forecasts counted only once they have come true, purchases would be
graded before silence is, and every model would look timid on its first days.

Facts are those of now: a late purchase counts as if it had come in time, a cancelled one as if it
had not been. Days after today, which clocks that run ahead make, have not been yet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_app.core.models.arrays import Floats
from stream_app.core.models.histories import Histories
from stream_app.core.models.packed_rows import Integers, Money

HORIZON_DAYS: Final = 30
"""That of the published `churn_30`: what customers were told is what is graded."""
_NEVER: Final = 1 << 17  # after every day


@dataclass(frozen=True)
class PurchaseDays:
    """Columns over purchase days up to today; those of one customer together, in order."""

    owner: Integers
    """Places of customers, ascending."""
    day: Integers
    """Days since 1970-01-01, as all days here."""
    place: Integers
    """0 for a customer's first one, then 1, 2 and so on: the frequency that it made."""
    gross: Money
    """Minor units."""

    def __len__(self) -> int:
        return len(self.day)

    @property
    def first_day(self) -> Integers:
        """The customer's first purchase day."""
        return self.day[self.heads]

    @property
    def heads(self) -> Integers:
        """Where the customer's first purchase day stands."""
        heads: Integers = np.arange(len(self)) - self.place
        return heads

    @property
    def next_day(self) -> Integers:
        """The customer's next one; after every day where none has come."""
        same = np.roll(self.place, -1) > 0  # after the last row comes the first, whose place is 0
        return np.where(same, np.roll(self.day, -1), _NEVER)


def purchase_days(histories: Histories, today: int) -> PurchaseDays:
    """Those of these customers, up to and including today."""
    kept = (histories.rows.orders >= 1) & (histories.rows.day <= today)
    owner = histories.owner[kept]
    is_head = np.diff(owner, prepend=-1) != 0
    numbers = np.arange(len(owner))
    heads = np.maximum.accumulate(np.where(is_head, numbers, 0))
    return PurchaseDays(
        owner, histories.rows.day[kept], numbers - heads, histories.rows.gross[kept]
    )


class Forecasts(NamedTuple):
    """Columns over forecasts: what the model is asked, and the answer of time."""

    made: Integers
    """Day after which nothing was known."""
    horizon_days: Integers
    """Days looked ahead, from the one after `made`: 1 to HORIZON_DAYS."""
    x: Floats
    """Frequency as of `made`."""
    t_x_days: Floats
    T_days: Floats
    bought: NDArray[np.bool_]
    """Whether a purchase day came within the horizon."""


def forecasts(purchases: PurchaseDays, from_day: int, today: int) -> Forecasts:
    """All that are made on `from_day` or later, and have had a day to come true."""
    next_day, first_day = purchases.next_day, purchases.first_day
    start = np.maximum(purchases.day, from_day)
    end = np.minimum(next_day, today)
    counts = np.maximum(-((start - end) // HORIZON_DAYS), 0)
    of = np.repeat(np.arange(len(purchases)), counts)
    earlier = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
    made = start[of] + HORIZON_DAYS * earlier
    horizon = np.minimum(HORIZON_DAYS, today - made)
    recency = (purchases.day - first_day).astype(np.float64)
    return Forecasts(
        made=made,
        horizon_days=horizon,
        x=purchases.place.astype(np.float64)[of],
        t_x_days=recency[of],
        T_days=(made - first_day[of]).astype(np.float64),
        bought=next_day[of] <= made + horizon,
    )
