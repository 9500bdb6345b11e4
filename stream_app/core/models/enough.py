"""Is there enough to fit a model to? Where not, the first condition that fails is said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from stream_app.core.calendar import date_text
from stream_app.core.models.statistics import Statistics


@dataclass(frozen=True)
class Enough:
    """The least that a fit wants to see."""

    buyers: int = 100
    """Customers with a purchase day."""
    repeat_buyers: int = 30
    """Customers with more than one."""
    history_days: int = 90
    """From the first purchase day of all to as_of."""
    silence_days: int = 60
    """Days before as_of among which somebody must have bought."""

    def why_not(self, statistics: Statistics, as_of_day: int) -> str | None:
        """What is missing for a fit as of a day, in one sentence; None where nothing is.

        No purchase day may be later than as_of.
        """
        bought = statistics.purchase_days > 0
        buyers = int(bought.sum())
        if buyers < self.buyers:
            return (
                f"{_customers(buyers)} bought by {date_text(as_of_day)}, {self.buyers} are needed"
            )
        repeated = int((statistics.purchase_days > 1).sum())
        if repeated < self.repeat_buyers:
            return (
                f"{_customers(repeated)} bought on a second day by {date_text(as_of_day)},"
                f" {self.repeat_buyers} are needed"
            )
        first = int(np.min(statistics.first_day, where=bought, initial=as_of_day))
        if as_of_day - first < self.history_days:
            return (
                f"purchases go back {as_of_day - first} days from {date_text(as_of_day)}, to"
                f" {date_text(first)}; {self.history_days} days are needed"
            )
        last = int(np.max(statistics.last_day, where=bought, initial=0))
        if as_of_day - last >= self.silence_days:
            return (
                f"nobody has bought in the {self.silence_days} days before"
                f" {date_text(as_of_day)}; the last purchase was on {date_text(last)}"
            )
        return None


def _customers(count: int) -> str:
    """
    >>> _customers(0), _customers(1), _customers(1200)
    ('no customer has', 'only 1 customer has', 'only 1,200 customers have')
    """
    if count == 0:
        return "no customer has"
    return f"only {count:,} customer{' has' if count == 1 else 's have'}"
