"""Is there enough to fit a model to? Where not, the first condition that fails is said."""

from __future__ import annotations

from dataclasses import dataclass

from stream_app.core.calendar import date_text
from stream_app.core.models.statistics import Statistics


@dataclass(frozen=True)
class Enough:
    """The least that a fit wants to see; the usual numbers are defaults of settings."""

    buyers: int
    """Customers with a purchase day."""
    repeat_buyers: int
    """Customers with more than one."""
    history_days: int
    """From the first purchase day of all to as_of."""
    silence_days: int
    """Days before as_of among which somebody must have bought."""

    def why_not(self, statistics: Statistics, as_of_day: int) -> str | None:
        """What is missing for a fit as of a day, in one sentence; None where nothing is.

        No purchase day may be later than as_of.
        """
        bought, day = statistics.purchase_days > 0, date_text(as_of_day)
        buyers = int(bought.sum())
        if buyers < self.buyers:
            return f"{_customers(buyers)} bought by {day}, {self.buyers:,} are needed"
        repeated = int((statistics.purchase_days > 1).sum())
        if repeated < self.repeat_buyers:
            return (
                f"{_customers(repeated)} bought on a second day by {day},"
                f" {self.repeat_buyers:,} are needed"
            )
        if not buyers:
            return f"nobody has bought by {day}"
        return self._why_not_then(statistics.of(bought), as_of_day)

    def _why_not_then(self, buyers: Statistics, as_of_day: int) -> str | None:
        """What is missing of the time that they are known for."""
        day, first, last = date_text(as_of_day), buyers.first_day.min(), buyers.last_day.max()
        if as_of_day - first < self.history_days:
            return (
                f"purchases go back {_days(as_of_day - first)} from {day}, to"
                f" {date_text(int(first))}; {_days(self.history_days)} are needed"
            )
        if as_of_day - last >= self.silence_days:
            return (
                f"nobody has bought in the {_days(self.silence_days)} before {day}; the last"
                f" purchase was on {date_text(int(last))}"
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


def _days(count: int) -> str:
    """
    >>> _days(1), _days(60)
    ('1 day', '60 days')
    """
    return f"{count:,} day{'' if count == 1 else 's'}"
