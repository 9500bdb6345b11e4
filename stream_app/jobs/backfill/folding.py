"""A bucket of events into the states of its customers, and what was counted.

Nearly all customers are added up by columns (packing.py). Those with something out of the usual, an
event that came twice, money without a rate or sums beyond 64 bits, go through `Customer.apply`,
event by event in the order of their rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_app.core import facts
from stream_app.core.calendar import month_of
from stream_app.core.customer import Customer, Outcome
from stream_app.core.events import Activity, Cancellation, Event, Purchase, Refund, Signup
from stream_app.jobs.backfill.clock import Clock
from stream_app.jobs.backfill.odd import special_of
from stream_app.jobs.backfill.packing import Identities, Money, Sections, packed
from stream_app.jobs.backfill.plain import (
    ACTIVITY,
    CANCELLATION,
    CONTENT_ID,
    PURCHASE,
    REFUND,
    SIGNUP,
)
from stream_app.jobs.backfill.staging import UNKNOWN_DAY, Columns, Whole
from stream_app.settings import Settings
from stream_app.wire import state
from stream_app.wire.partitioner import PARTITIONERS

ROLES: Final = ("purchases", "signups", "activity")
ROLE_OF: Final = np.array([0, 0, 0, 1, 2])
"""By kind of event, which of the topics carries it."""
_LARGEST: Final = 1 << 62
_MIXED: Final = np.uint64(0x9E3779B97F4A7C15)


@dataclass
class Counted:
    """What the rows of one partition's customers came to."""

    applied: list[int] = field(default_factory=lambda: [0] * len(ROLES))
    """By role."""
    duplicate: list[int] = field(default_factory=lambda: [0] * len(ROLES))
    net_minor: int = 0
    max_at_us: int = 0
    customers: int = 0


class Entry(NamedTuple):
    """A customer as it goes into the changelog."""

    partition: int
    key: bytes
    state: bytes


class Folding:
    """Folds bucket after bucket."""

    def __init__(self, settings: Settings, until_us: int, with_ids: Sequence[bool]) -> None:
        """`with_ids`: by source, whether its rows have event ids."""
        partitioner = PARTITIONERS[settings.partitioner]
        assert partitioner is not None, "nobody knows where a trusted key lies"
        self._partition_of = partitioner
        self._until_us = until_us
        self._with_ids = with_ids
        self._clock = Clock(settings.time_zone)
        self.counted = [Counted() for _ in range(settings.partitions)]
        self.past_the_cut = 0
        """Rows that happened at the cut or after it, and are left to the stream."""

    def fold(
        self, columns: Columns, whole: Callable[[Sequence[str]], list[Whole]]
    ) -> Iterator[Entry]:
        """The customers of a bucket; `whole` reads the rest of all events of some of them."""
        if not columns.customers:
            return
        bucket = _Bucket(columns, self._clock, self._until_us)
        self.past_the_cut += int(len(bucket.taken) - bucket.taken.sum())
        keys = [customer.encode() for customer in columns.customers]
        places = [self._partition_of(key, len(self.counted)) for key in keys]
        unusual = bucket.unusual()
        bodies = bucket.packed(~unusual)
        self._count(bucket, ~unusual, np.array(places))
        for place, customer in self._applied(bucket, unusual, whole, places):
            bodies[place] = customer.facts
        for place, (key, body) in enumerate(zip(keys, bodies, strict=True)):
            if body != facts.EMPTY:
                self.counted[places[place]].customers += 1
                yield Entry(places[place], key, state.encode(Customer(body)))

    def _count(self, bucket: _Bucket, usual: NDArray[np.bool_], places: NDArray[np.int64]) -> None:
        """Count the events of usual customers: all of them are applied."""
        mask = bucket.taken & usual[bucket.customer]
        where = places[bucket.customer[mask]]
        roles = np.bincount(
            where * len(ROLES) + ROLE_OF[bucket.columns.kind[mask]],
            minlength=len(self.counted) * len(ROLES),
        ).reshape(-1, len(ROLES))
        latest = np.zeros(len(self.counted), np.int64)
        np.maximum.at(latest, where, bucket.at_us[mask])
        for number, counted in enumerate(self.counted):
            counted.applied = [
                had + int(more) for had, more in zip(counted.applied, roles[number], strict=True)
            ]
            counted.max_at_us = max(counted.max_at_us, int(latest[number]))
        for place, net in zip(places.tolist(), bucket.sums(bucket.net * mask), strict=True):
            self.counted[place].net_minor += net

    def _applied(
        self,
        bucket: _Bucket,
        unusual: NDArray[np.bool_],
        whole: Callable[[Sequence[str]], list[Whole]],
        places: Sequence[int],
    ) -> Iterator[tuple[int, Customer]]:
        """The unusual customers, by place, event by event."""
        chosen = np.flatnonzero(unusual)
        if not len(chosen):
            return
        rest = whole([bucket.columns.customers[place] for place in chosen.tolist()])
        own = np.flatnonzero(unusual[bucket.customer])
        assert len(own) == len(rest)
        customers = {place: Customer() for place in chosen.tolist()}
        made = _Made(self._with_ids)
        for at, more in zip(own.tolist(), rest, strict=True):
            identity = made.identity(more, int(bucket.columns.kind[at]))
            if bucket.taken[at]:
                place = int(bucket.customer[at])
                event = bucket.event(at, identity, more)
                outcome = customers[place].apply(event)
                self._note(event, outcome, bucket, at, self.counted[places[place]])
        yield from customers.items()

    def _note(
        self, event: Event, outcome: Outcome, bucket: _Bucket, at: int, counted: Counted
    ) -> None:
        role = int(ROLE_OF[bucket.columns.kind[at]])
        if outcome is Outcome.DUPLICATE:
            counted.duplicate[role] += 1
            return
        counted.applied[role] += 1
        counted.max_at_us = max(counted.max_at_us, event.at_us)
        if isinstance(event, Purchase | Refund | Cancellation):
            sign = 1 if isinstance(event, Purchase) else -1
            counted.net_minor += sign * (event.base_minor or 0)


class _Bucket:
    """The events of a bucket with what follows from them: instants, days, signed money."""

    def __init__(self, columns: Columns, clock: Clock, until_us: int) -> None:
        self.columns = columns
        self.customer = np.repeat(np.arange(len(columns.counts)), columns.counts)
        self.at_us = _instants(clock, columns.at_us, columns.at_local)
        self.taken = self.at_us < until_us
        kind = columns.kind
        self.own_day = clock.days(self.at_us)
        """On which it occurred; a cancellation's identity is filed under it."""
        self.day = self.own_day.copy()
        """On which it counts."""
        back = (kind == CANCELLATION) & (columns.day == UNKNOWN_DAY)
        if back.any():
            ordered = _instants(clock, columns.ordered_us[back], columns.ordered_local[back])
            self.day[back] = clock.days(ordered)
        given = columns.day != UNKNOWN_DAY
        self.day[given] = columns.day[given]
        sign = np.where(kind == PURCHASE, 1, np.where(kind <= CANCELLATION, -1, 0))
        self.net = sign * columns.minor
        self._starts = np.cumsum(columns.counts) - columns.counts

    def sums(self, numbers: NDArray[np.int64]) -> list[int]:
        """A number of each event, summed by customer."""
        summed: list[int] = np.add.reduceat(numbers, self._starts).tolist()
        return summed

    def unusual(self) -> NDArray[np.bool_]:
        """For each customer, whether it has to be folded event by event."""
        columns = self.columns
        found = np.zeros(len(columns.counts), np.bool_)
        found[self.customer[columns.special & self.taken]] = True
        largest = np.maximum.reduceat(columns.minor, self._starts)
        found |= largest > _LARGEST // columns.counts
        with_id = np.flatnonzero((columns.kind != ACTIVITY) & self.taken)
        # Equal in one customer: equal here. Equal here by chance: slower, and no harm.
        mixed = columns.hash[with_id] ^ self.customer[with_id].astype(np.uint64) * _MIXED
        order = np.argsort(mixed)
        twice = np.flatnonzero(mixed[order][1:] == mixed[order][:-1])
        found[self.customer[with_id[order[twice]]]] = True
        return found

    def packed(self, usual: NDArray[np.bool_]) -> list[bytes]:
        """The facts of the usual customers; of the others nothing."""
        columns, kind = self.columns, self.columns.kind
        mask = self.taken & usual[self.customer]
        money = np.flatnonzero(mask & (kind <= CANCELLATION))
        own, minor = kind[money], columns.minor[money]
        signs = np.where(own == PURCHASE, 1, np.where(own == CANCELLATION, -1, 0))
        filed = np.flatnonzero(mask & (kind != ACTIVITY))
        return packed(
            len(columns.counts),
            Money(
                self.customer[money],
                self.day[money],
                signs,
                signs * minor,
                np.where(own == REFUND, minor, 0),
            ),
            Identities(self.customer[filed], self.own_day[filed], columns.hash[filed]),
            Sections(self._signups(mask), self._months(mask)),
        )

    def _signups(self, mask: NDArray[np.bool_]) -> dict[int, bytes]:
        """The smallest signup of each customer that has one."""
        found: dict[int, bytes] = {}
        places = np.flatnonzero(self.columns.kind == SIGNUP)
        for at, (event_id, channel) in zip(places.tolist(), self.columns.signups, strict=True):
            if mask[at]:
                section = facts.pack_signup(
                    int(self.at_us[at]), int(self.day[at]), event_id, channel
                )
                place = int(self.customer[at])
                found[place] = min(found.get(place, section), section)
        return found

    def _months(self, mask: NDArray[np.bool_]) -> dict[int, bytes]:
        """The months in which each customer was active."""
        seen = np.flatnonzero(mask & (self.columns.kind == ACTIVITY))
        months: dict[int, set[int]] = {}
        pairs = np.unique(np.stack([self.customer[seen], self.day[seen]], axis=1), axis=0)
        for place, day in pairs.tolist():
            months.setdefault(place, set()).add(month_of(day))
        return {place: facts.pack_months(own) for place, own in months.items()}

    def event(self, at: int, identity: str, more: Whole) -> Event:
        """One event whole, as the decoder would have made it; what core does not look at is
        shortened."""
        kind = int(self.columns.kind[at])
        at_us, day = int(self.at_us[at]), int(self.day[at])
        if kind == ACTIVITY:
            return Activity("", identity, at_us, day, "login")
        if kind == SIGNUP:
            return Signup("", identity, at_us, day, more.channel)
        currency, minor, base = "", int(self.columns.minor[at]), int(self.columns.minor[at])
        money: tuple[str, int, int | None] = currency, minor, base
        if more.special is not None:
            special = special_of(more.special)
            own_base = None if special.base_minor is None else int(special.base_minor)
            money = special.currency, special.amount_minor, own_base
        ids = "", identity, identity
        if kind == CANCELLATION:
            return Cancellation(*ids, at_us, day, *money, int(self.own_day[at]))
        return (Purchase if kind == PURCHASE else Refund)(*ids, at_us, day, *money)


class _Made:
    """Ids that were made of a row's content: the same content again is another event."""

    def __init__(self, with_ids: Sequence[bool]) -> None:
        self._with_ids = with_ids
        self._seen: Counter[tuple[int, str]] = Counter()

    def identity(self, more: Whole, kind: int) -> str:
        """The id of an event, as `Messages` gives it; an odd row has had its own from there."""
        identity = more.identity or ""
        if self._with_ids[more.source] or kind in (CANCELLATION, ACTIVITY):
            return identity
        again = self._seen[more.source, identity]
        self._seen[more.source, identity] += 1
        if not again:
            return identity
        digest = bytes.fromhex(identity.removeprefix(CONTENT_ID))
        return CONTENT_ID + sha256(digest + again.to_bytes(8, "big")).digest()[:16].hex()


def _instants(
    clock: Clock, at_us: NDArray[np.int64], local: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Instants, where some of them are given on the business's clock."""
    if not local.any():
        return at_us
    instants = at_us.copy()
    instants[local] = clock.instants(at_us[local])
    return instants
