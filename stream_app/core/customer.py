"""One customer: a set of facts that events are added to, in any order, each once.

>>> from stream_app.core.events import Purchase
>>> customer = Customer()
>>> bought = Purchase("c-1", "e-1", "o-1", at_us=0, day=0, currency="USD", amount_minor=5,
...                   base_minor=5)
>>> customer.apply(bought), customer.apply(bought)
(<Outcome.APPLIED: 'applied'>, <Outcome.DUPLICATE: 'duplicate'>)
>>> customer.revenue_minor, customer.orders, customer.frequency
(5, 1, 0)
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from struct import Struct as Packing
from typing import Any, Final

from msgspec import Struct

from stream_app.core import days, facts, identities
from stream_app.core.calendar import month_of
from stream_app.core.days import Bucket
from stream_app.core.events import Activity, Cancellation, Event, Purchase, Refund, Signup


class Outcome(Enum):
    """What an event did to its customer."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"


_APPLIED: Final = Outcome.APPLIED
_DUPLICATE: Final = Outcome.DUPLICATE
_HEADER: Final = facts.HEADER.unpack_from
_PACK_HEADER: Final = facts.HEADER.pack
_HEADER_SIZE: Final = facts.HEADER_SIZE
_DAY: Final = Packing("<H").unpack_from
_ENTRY: Final = Packing(">H8s").pack
_APPEND: Final = tuple((layout.size, layout.append_purchase) for layout in days.LAYOUTS)
_KEPT: Final = identities.KEPT
_ID_SIZE: Final = identities.SIZE
_sha256: Final = identities.sha256
_BIAS: Final = days.DAY_BIAS
_I32: Final = 2**31


class SignedUp(Struct, frozen=True, gc=False):
    """The signup that counts: the smallest by instant, event id and channel."""

    at_us: int
    day: int
    event_id: str
    channel: str | None


class Customer(Struct, gc=False, eq=False):
    """A customer's facts as bytes (see facts.py), and where the changelog holds them.

    The bytes are replaced, never changed: a `copy` taken before an event stays as it was.
    ``pos`` is bookkeeping, no fact: the changelog offset of the record that shows this version, -1
    before there is one.  Two customers are equal when their facts are.
    """

    facts: bytes = facts.EMPTY
    pos: int = -1

    def apply(self, event: Event) -> Outcome:
        """Add an event. Never fails on an event that the decoder lets through.

        A purchase on a later day than any before, the common case, is spliced in here; everything
        else takes the facts apart.
        """
        if event.__class__ is not Purchase:
            return _APPLY[event.__class__](self, event)
        held = self.facts
        code, bits, count, applied = _HEADER(held)
        entry = _ENTRY(event.day + _BIAS, _sha256(b"purchase\0" + event.event_id.encode()).digest())
        hashed = entry[2:]
        if hashed in held and self._has(hashed):
            return _DUPLICATE
        base = event.base_minor
        size, append = _APPEND[code]
        end = _HEADER_SIZE + size * count
        if (
            base is None
            or append is None
            or not -_I32 <= base < _I32
            or applied >= _KEPT
            or (count and _DAY(held, end - size)[0] > event.day)
            or held[-_ID_SIZE:] >= entry
        ):
            return self._add(entry, event, Bucket(event.day, 1, base or 0, 0))
        self.facts = b"".join(
            (
                _PACK_HEADER(code, bits, count + 1, applied + 1),
                held[_HEADER_SIZE:end],
                append(event.day + _BIAS, 1, base),
                held[end:],
                entry,
            )
        )
        return _APPLIED

    def copy(self) -> Customer:
        """The same facts and position; shares the bytes."""
        return Customer(self.facts, self.pos)

    def merge(self, other: Customer) -> Customer:
        """The customer of both sets of events, which must be disjoint; ``pos`` is unset.

        ValueError where an event is seen to be in both.
        """
        return Customer(
            facts.joined(facts.united(facts.split(self.facts), facts.split(other.facts)))
        )

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Customer) and self.facts == other.facts

    def __ne__(self, other: object) -> bool:
        # A msgspec struct without an equality of its own answers this by identity.
        return not self == other

    __hash__ = None  # type: ignore[assignment]

    @property
    def size(self) -> int:
        """Bytes of the facts."""
        return len(self.facts)

    @property
    def buckets(self) -> list[Bucket]:
        """Every day with something on it, in order: orders, gross and refunds, signed."""
        parts = facts.split(self.facts)
        return days.buckets(parts.layout, parts.rows)

    @property
    def orders(self) -> int:
        """Purchases less cancellations."""
        return sum(bucket.orders for bucket in self.buckets)

    @property
    def gross_minor(self) -> int:
        """Money of purchases less that of cancellations."""
        return sum(bucket.gross for bucket in self.buckets)

    @property
    def refunds_minor(self) -> int:
        """Money of refunds."""
        return sum(bucket.refunds for bucket in self.buckets)

    @property
    def revenue_minor(self) -> int:
        """Gross less refunds."""
        return sum(bucket.gross - bucket.refunds for bucket in self.buckets)

    @property
    def purchase_buckets(self) -> list[Bucket]:
        """The purchase days: those whose purchases less cancellations are at least one."""
        return [bucket for bucket in self.buckets if bucket.orders >= 1]

    @property
    def purchase_days(self) -> int:
        """Number of purchase days."""
        return len(self.purchase_buckets)

    @property
    def first_day(self) -> int | None:
        """First purchase day; None where there is none."""
        bought = self.purchase_buckets
        return bought[0].day if bought else None

    @property
    def last_day(self) -> int | None:
        """Last purchase day; None where there is none."""
        bought = self.purchase_buckets
        return bought[-1].day if bought else None

    @property
    def frequency(self) -> int | None:
        """Purchase days less one; None for who never bought."""
        bought = self.purchase_buckets
        return len(bought) - 1 if bought else None

    @property
    def recency_days(self) -> int | None:
        """Days from the first to the last purchase day; None for who never bought."""
        bought = self.purchase_buckets
        return bought[-1].day - bought[0].day if bought else None

    @property
    def repeat_gross_minor(self) -> int | None:
        """Gross of all purchase days but the first; None for who never bought."""
        bought = self.purchase_buckets
        return sum(bucket.gross for bucket in bought[1:]) if bought else None

    @property
    def negative_days(self) -> int:
        """Days with more cancellations than purchases."""
        return sum(bucket.orders < 0 for bucket in self.buckets)

    @property
    def signup(self) -> SignedUp | None:
        """The signup that counts; None without one."""
        section = facts.split(self.facts).signup
        return SignedUp(*facts.unpack_signup(section)) if section else None

    @property
    def active_months(self) -> list[int]:
        """Months since 1970-01 with an activity record, in order."""
        return facts.unpack_months(facts.split(self.facts).months)

    @property
    def unconverted(self) -> dict[str, tuple[int, int]]:
        """Gross and refunds by currency of what came without a rate, in its own minor units."""
        return facts.unpack_foreign(facts.split(self.facts).foreign)

    @property
    def applied(self) -> int:
        """Distinct money events and signups."""
        return int(_HEADER(self.facts)[3])

    @property
    def rev(self) -> int:
        """Distinct money events and signups, and months with an activity record."""
        if not self.facts[1] & facts.MONTHS:
            return self.applied
        return self.applied + facts.count_months(facts.split(self.facts).months)

    @property
    def saturated(self) -> bool:
        """Whether there were more events than identities are kept, so that duplicates may pass."""
        return self.applied > _KEPT

    def _apply_refund(self, event: Refund) -> Outcome:
        hashed = identities.digest(b"refund\0", event.event_id)
        if self._has(hashed):
            return _DUPLICATE
        entry = _ENTRY(event.day + _BIAS, hashed)
        return self._add(entry, event, Bucket(event.day, 0, 0, event.base_minor or 0))

    def _apply_cancellation(self, event: Cancellation) -> Outcome:
        hashed = identities.digest(b"cancellation\0", event.order_id)
        if self._has(hashed):
            return _DUPLICATE
        entry = _ENTRY(event.occurred_day + _BIAS, hashed)
        return self._add(entry, event, Bucket(event.day, -1, -(event.base_minor or 0), 0))

    def _apply_signup(self, event: Signup) -> Outcome:
        hashed = identities.digest(b"signup\0", event.event_id)
        if self._has(hashed):
            return _DUPLICATE
        parts = facts.split(self.facts)
        section = facts.pack_signup(event.at_us, event.day, event.event_id, event.channel)
        parts.signup = min(parts.signup or section, section)
        parts.identities = identities.added(parts.identities, _ENTRY(event.day + _BIAS, hashed))
        parts.applied += 1
        self.facts = facts.joined(parts)
        return _APPLIED

    def _apply_activity(self, event: Activity) -> Outcome:
        parts = facts.split(self.facts)
        section = facts.with_month(parts.months, month_of(event.day))
        if section != parts.months:
            parts.months = section
            self.facts = facts.joined(parts)
        return _APPLIED

    def _has(self, hashed: bytes) -> bool:
        held = self.facts
        kept = min(self.applied, _KEPT)
        return identities.has(held, hashed, len(held) - _ID_SIZE * kept)

    def _add(
        self, entry: bytes, event: Purchase | Refund | Cancellation, change: Bucket
    ) -> Outcome:
        """Any money event on any day, by taking the facts apart."""
        parts = facts.split(self.facts)
        parts.layout, parts.rows = days.add(parts.layout, parts.rows, change)
        if event.base_minor is None:
            parts.foreign = _with_foreign(parts.foreign, event)
        parts.identities = identities.added(parts.identities, entry)
        parts.applied += 1
        self.facts = facts.joined(parts)
        return _APPLIED


_APPLY: Final[dict[type, Callable[[Customer, Any], Outcome]]] = {
    Refund: Customer._apply_refund,
    Cancellation: Customer._apply_cancellation,
    Signup: Customer._apply_signup,
    Activity: Customer._apply_activity,
}


def _with_foreign(section: bytes, event: Purchase | Refund | Cancellation) -> bytes:
    totals = facts.unpack_foreign(section)
    gross, refunds = totals.get(event.currency, (0, 0))
    if isinstance(event, Refund):
        refunds += event.amount_minor
    else:
        gross += event.amount_minor if isinstance(event, Purchase) else -event.amount_minor
    totals[event.currency] = gross, refunds
    return facts.pack_foreign(totals)
