"""What one customer did, entered record by record, and the facts that follow by definition.

A customer is a plain dict of days; everything else is worked out at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from stream_app.jobs.recount.instant import month_of
from stream_app.jobs.recount.read import Entry

DUPLICATE_BOUND = 1_024


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts of one customer; money in minor units of the base currency, None is unknown.

    `purchase_days` are those with at least one order left; they carry the dates, the frequency and
    the repeat gross.  `orders`, `gross` and `refunds` are signed sums over all days.
    """

    rev: int
    orders: int
    gross: int
    refunds: int
    purchase_days: int
    first_day: int | None
    last_day: int | None
    repeat_gross: int
    signup_us: int | None
    channel: str | None
    months: tuple[int, ...]
    foreign: tuple[tuple[str, int, int], ...]

    @property
    def revenue(self) -> int:
        """Purchases less refunds less cancellations."""
        return self.gross - self.refunds

    @property
    def average_order(self) -> int | None:
        """Gross per order, rounded half even; None without an order."""
        return round(Fraction(self.gross, self.orders)) if self.orders > 0 else None

    @property
    def frequency(self) -> int | None:
        """Purchase days less one; None for who never bought."""
        return self.purchase_days - 1 if self.purchase_days else None

    @property
    def recency(self) -> int | None:
        """Days from the first to the last purchase day."""
        if self.first_day is None or self.last_day is None:
            return None
        return self.last_day - self.first_day

    @property
    def monetary_hundredths(self) -> int | None:
        """Hundredths of a minor unit of mean spend on a repeat day; None at frequency 0."""
        if not self.frequency:
            return None
        return round(Fraction(self.repeat_gross * 100, self.frequency))


class Ledger:
    """The entries of one customer, summed up by day."""

    __slots__ = ("days", "foreign", "identities", "months", "signup")

    def __init__(self) -> None:
        self.days: dict[int, list[int]] = {}  # day -> [orders, gross, refunds], signed
        self.foreign: dict[str, list[int]] = {}  # currency -> [gross, refunds], no rate given
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
        sign = -1 if entry.type == "cancellation" else 1
        if entry.base_minor is None:
            abroad = self.foreign.setdefault(entry.currency, [0, 0])
            abroad[1 if entry.type == "refund" else 0] += sign * entry.minor
        day = self.days.get(entry.day)
        if day is None:
            day = self.days[entry.day] = [0, 0, 0]
        if entry.type == "refund":
            day[2] += entry.base_minor or 0
        else:
            day[0] += sign
            day[1] += sign * (entry.base_minor or 0)

    def facts(self) -> Facts:
        """Everything that can be said of the customer from these entries."""
        bought = sorted(day for day, sums in self.days.items() if sums[0] >= 1)
        abroad = sorted(self.foreign.items())
        return Facts(
            rev=self.identities + len(self.months),
            orders=sum(sums[0] for sums in self.days.values()),
            gross=sum(sums[1] for sums in self.days.values()),
            refunds=sum(sums[2] for sums in self.days.values()),
            purchase_days=len(bought),
            first_day=bought[0] if bought else None,
            last_day=bought[-1] if bought else None,
            repeat_gross=sum(self.days[day][1] for day in bought[1:]),
            signup_us=self.signup[0] if self.signup else None,
            channel=(self.signup[2] or None) if self.signup else None,
            months=tuple(sorted(self.months)),
            foreign=tuple((code, *sums) for code, sums in abroad if any(sums)),
        )
