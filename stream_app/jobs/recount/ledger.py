"""What one customer did, entered record by record, and the facts that follow by definition.

A customer is a plain dict of days; everything else is worked out at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from stream_app.jobs.recount.instant import month_of
from stream_app.jobs.recount.read import Entry

DUPLICATE_BOUND = 1_024


Day = tuple[int, int, int, int]
"""A day since 1970 and its orders, gross and refunds, signed; money in base minor units."""


@dataclass(frozen=True)
class Facts:
    """What is true of one customer; what is not stored follows from what is, by definition.

    Two customers are the same when all of it is equal, day by day.
    """

    rev: int
    """Distinct money events and signups, and months with an activity record."""
    days: tuple[Day, ...]
    """In order, without those on which everything cancelled out."""
    signup: tuple[int, str, str] | None
    """Instant in microseconds, event id, and channel ("" where there is none)."""
    months: tuple[int, ...]
    """With an activity record, counted from 1970-01."""
    foreign: tuple[tuple[str, int, int], ...]
    """Currency, gross and refunds of what came without a rate, in its own minor units."""

    @cached_property
    def purchase_days(self) -> tuple[Day, ...]:
        """Days with at least one order left: they carry dates, frequency and repeat gross."""
        return tuple(day for day in self.days if day[1] >= 1)

    @property
    def orders(self) -> int:
        """Purchases less cancellations."""
        return sum(day[1] for day in self.days)

    @property
    def gross(self) -> int:
        """Money of purchases less that of cancellations."""
        return sum(day[2] for day in self.days)

    @property
    def revenue(self) -> int:
        """Purchases less refunds less cancellations."""
        return sum(day[2] - day[3] for day in self.days)

    @property
    def average_order(self) -> int | None:
        """Gross per order, rounded half even; None without an order."""
        orders = self.orders
        return round(Fraction(self.gross, orders)) if orders > 0 else None

    @property
    def first_day(self) -> int | None:
        """First purchase day; None for who never bought."""
        return self.purchase_days[0][0] if self.purchase_days else None

    @property
    def last_day(self) -> int | None:
        """Last purchase day; None for who never bought."""
        return self.purchase_days[-1][0] if self.purchase_days else None

    @property
    def frequency(self) -> int | None:
        """Purchase days less one; None for who never bought."""
        return len(self.purchase_days) - 1 if self.purchase_days else None

    @property
    def recency(self) -> int | None:
        """Days from the first to the last purchase day."""
        bought = self.purchase_days
        return bought[-1][0] - bought[0][0] if bought else None

    @property
    def repeat_gross(self) -> int:
        """Gross of the purchase days but the first."""
        return sum(day[2] for day in self.purchase_days[1:])

    @property
    def monetary_hundredths(self) -> int | None:
        """Hundredths of a minor unit of mean spend on a repeat day; None at frequency 0."""
        if not self.frequency:
            return None
        return round(Fraction(self.repeat_gross * 100, self.frequency))

    @property
    def channel(self) -> str | None:
        """Of the signup that counts."""
        return self.signup[2] or None if self.signup else None


class Ledger:
    """The entries of one customer, summed up by day."""

    __slots__ = ("days", "foreign", "identities", "months", "signup")

    def __init__(self) -> None:
        self.days: dict[int, tuple[int, int, int]] = {}  # orders, gross, refunds, signed
        self.foreign: dict[str, tuple[int, int]] = {}  # gross, refunds of what came without a rate
        self.identities = 0  # distinct money events and signups
        self.months: set[int] = set()  # with an activity record, months since 1970-01
        self.signup: tuple[int, str, str] | None = None  # instant, event id, channel or ""

    @property
    def past_the_duplicate_bound(self) -> bool:
        """Whether duplicates of this customer are recognised without promise."""
        return self.identities > DUPLICATE_BOUND

    def enter(self, entry: Entry) -> None:
        """Add one entry that is no duplicate."""
        if entry.type == "activity":
            self.months.add(month_of(entry.day))
            return
        self.identities += 1
        if entry.type == "signup":
            seen = (entry.at_us, entry.identity, entry.channel or "")
            self.signup = seen if self.signup is None else min(self.signup, seen)
        else:
            self._enter_money(entry)

    def _enter_money(self, entry: Entry) -> None:
        orders, gross, refunds = self.days.get(entry.day, (0, 0, 0))
        base = entry.base_minor or 0  # without a rate: the order counts, its money does not
        if entry.type == "refund":
            refunds += base
        else:
            sign = -1 if entry.type == "cancellation" else 1
            orders += sign
            gross += sign * base
        self.days[entry.day] = orders, gross, refunds
        if entry.base_minor is None:
            self._enter_foreign(entry)

    def _enter_foreign(self, entry: Entry) -> None:
        gross, refunds = self.foreign.get(entry.currency, (0, 0))
        if entry.type == "refund":
            refunds += entry.minor
        else:
            gross += -entry.minor if entry.type == "cancellation" else entry.minor
        self.foreign[entry.currency] = gross, refunds

    def facts(self) -> Facts:
        """Everything that can be said of the customer from these entries."""
        return Facts(
            rev=self.identities + len(self.months),
            days=tuple((day, *sums) for day, sums in sorted(self.days.items()) if any(sums)),
            signup=self.signup,
            months=tuple(sorted(self.months)),
            foreign=tuple(
                (code, *sums) for code, sums in sorted(self.foreign.items()) if any(sums)
            ),
        )
