"""Seeded logs of a shop, as they would lie in Kafka, with as much trouble in them as a test wants.

`generate(Shape(...))` gives records one by one, the same for the same shape. A `Ledger` is told
where each record came to lie and then knows, by the oracle, what must come of the whole log.
"""

from __future__ import annotations

import json
import random
from bisect import bisect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from tests.core.naive_decoder import RawRecord
from tests.poison import POISONS

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_MS = 86_400_000
CHANNELS = (None, "ads", "search", "newsletter", "friend", "übermut")
RATES = {"KRW": ("0.00072", 13_900), "KWD": ("3.2500", 4_213), "EUR": ("1.0871", 1_150)}


@dataclass(frozen=True)
class Shape:
    """What a log looks like. Shares are probabilities of a record, 0 to 1."""

    seed: int
    customers: int = 100
    records: int = 1_000
    first_day: int = 19_000  # days since 1970: 2022-01-08
    days: int = 700
    prefix: str = "c"
    signups: float = 0.08
    activity: float = 0.07
    refunds: float = 0.03
    cancellations: float = 0.02
    cancelled_first: float = 0.3  # of cancellations: they come before their purchase
    foreign: float = 0.0  # of orders: in another of three currencies
    unrated: float = 0.1  # of foreign orders: without a rate
    duplicates: float = 0.0  # an earlier record once more, at another offset
    late: float = 0.0  # came 90 days after it happened
    shuffle: bool = False  # the whole log in random order
    zipf: float = 0.0  # exponent of the customers' popularity; 0 is uniform
    hot: float = 0.0  # share of records of customer 0
    big: float = 0.0  # share of records with a field of big_bytes that nobody reads
    big_bytes: int = 900_000
    poison: Mapping[str, float] = field(default_factory=dict)  # reason -> share; see POISONS


def generate(shape: Shape) -> Iterator[RawRecord]:
    """The log, in the order in which it is produced; its length is `shape.records`."""
    if not shape.shuffle:
        yield from _in_order(shape)
        return
    records = list(_in_order(shape))
    random.Random(shape.seed + 1).shuffle(records)
    yield from records


def _in_order(shape: Shape) -> Iterator[RawRecord]:
    shop = _Shop(shape)
    past: list[RawRecord] = []
    remember = shape.duplicates > 0
    for _ in range(shape.records):
        if past and shop.random.random() < shape.duplicates:
            yield shop.random.choice(past)
            continue
        record = shop.next_record()
        if remember:
            _remember(past, record, shop.random)
        yield record


def _remember(past: list[RawRecord], record: RawRecord, rng: random.Random) -> None:
    """Keep a bounded sample of what went by."""
    if len(past) < 10_000:
        past.append(record)
    else:
        past[rng.randrange(10_000)] = record


class _Shop:
    """Makes records; time goes on evenly from the first day to the last."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.random = random.Random(shape.seed)
        self.step_ms = shape.days * DAY_MS / max(shape.records, 1)
        self.now_ms = float(shape.first_day * DAY_MS)
        self.number = 0
        self.orders: list[tuple[int, dict[str, Any]]] = []  # with their instants in ms
        self.due: list[dict[str, Any]] = []  # purchases whose cancellation came first
        self.reasons = list(shape.poison)
        self.poison_bounds = list(accumulate(shape.poison.values()))
        weights = (1 / (rank + 1) ** shape.zipf for rank in range(shape.customers))
        self.popularity = list(accumulate(weights)) if shape.zipf else []

    def next_record(self) -> RawRecord:
        """The next record; time moves on."""
        self.number += 1
        self.now_ms += self.step_ms * 2 * self.random.random()
        late_ms = 90 * DAY_MS if self.random.random() < self.shape.late else 0
        role, event = self._event(int(self.now_ms) - late_ms)
        if self.random.random() < self.shape.big:
            event = event | {"ballast": "x" * self.shape.big_bytes}
        value = json.dumps(event, ensure_ascii=False).encode()
        record = RawRecord(role, event["customer_id"].encode(), value, int(self.now_ms))
        reason = self._poisoned()
        return record if reason is None else POISONS[reason](event, record, self.random)

    def _poisoned(self) -> str | None:
        if not self.reasons:
            return None
        at = bisect(self.poison_bounds, self.random.random())
        return self.reasons[at] if at < len(self.reasons) else None

    def _event(self, at_ms: int) -> tuple[str, dict[str, Any]]:
        if self.due:
            return "purchases", self.due.pop()
        shape, draw = self.shape, self.random.random()
        common = {
            "event_id": f"{shape.seed}-{self.number}",
            "customer_id": self._customer(),
            "occurred_at": self._text(at_ms),
        }
        if draw < shape.signups:
            return "signups", self._signup(common)
        draw -= shape.signups
        if draw < shape.activity:
            return "activity", {"type": "activity", **common}
        draw -= shape.activity
        if draw < shape.refunds and self.orders:
            return "purchases", self._refund(common)
        draw -= shape.refunds
        if draw < shape.cancellations:
            return "purchases", self._cancellation(common, at_ms)
        return "purchases", self._purchase(common, at_ms)

    def _customer(self) -> str:
        if self.shape.hot and self.random.random() < self.shape.hot:
            return f"{self.shape.prefix}-0"
        if not self.popularity:
            return f"{self.shape.prefix}-{self.random.randrange(self.shape.customers)}"
        drawn = self.random.random() * self.popularity[-1]
        rank = min(bisect(self.popularity, drawn), self.shape.customers - 1)
        return f"{self.shape.prefix}-{rank}"

    def _text(self, at_ms: int) -> str:
        """An instant as producers write it: mostly UTC, some with an offset."""
        instant = EPOCH + timedelta(milliseconds=at_ms)
        if at_ms % 10:
            return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
        hours = at_ms // 10 % 23 - 11
        shifted = instant + timedelta(hours=hours)
        return f"{shifted:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03d}{hours:+03d}:00"

    def _signup(self, common: dict[str, Any]) -> dict[str, Any]:
        channel = self.random.choice(CHANNELS)
        return {"type": "signup", **common} | ({"channel": channel} if channel else {})

    def _purchase(self, common: dict[str, Any], at_ms: int) -> dict[str, Any]:
        event = {"type": "purchase", **common, "order_id": f"o{self.number}", **self._money()}
        if len(self.orders) < 5_000:
            self.orders.append((at_ms, event))
        else:
            self.orders[self.random.randrange(5_000)] = at_ms, event
        return event

    def _money(self) -> dict[str, str]:
        cents = int(self.random.lognormvariate(8.0, 0.8)) if self.random.random() > 0.002 else 0
        if self.random.random() >= self.shape.foreign:
            return {"amount": f"{cents // 100}.{cents % 100:02d}", "currency": "USD"}
        currency = self.random.choice(tuple(RATES))
        rate, unit = RATES[currency]
        amounts = {"KRW": f"{cents * unit // 1000}", "KWD": f"{cents // 3000}.{cents % 1000:03d}"}
        money = {"amount": amounts.get(currency, f"{cents / 100:.2f}"), "currency": currency}
        return money if self.random.random() < self.shape.unrated else money | {"fx_rate": rate}

    def _refund(self, common: dict[str, Any]) -> dict[str, Any]:
        _, order = self.random.choice(self.orders)
        return {"type": "refund", **common, **_kept(order), "customer_id": order["customer_id"]}

    def _cancellation(self, common: dict[str, Any], at_ms: int) -> dict[str, Any]:
        bought_ms = at_ms
        if self.orders and self.random.random() >= self.shape.cancelled_first:
            bought_ms, order = self.orders.pop(self.random.randrange(len(self.orders)))
        else:
            order = {"type": "purchase", **common, "order_id": f"o{self.number}", **self._money()}
            order["event_id"] += "-bought"
            self.due.append(order)
        event = {"type": "cancellation", **common, **_kept(order)}
        if bought_ms > at_ms:  # a late record is of before the order it drew: at once, then
            event["occurred_at"] = order["occurred_at"]
        return event | {"ordered_at": order["occurred_at"], "customer_id": order["customer_id"]}


def _kept(order: dict[str, Any]) -> dict[str, Any]:
    """What a refund or a cancellation repeats of its order."""
    return {k: order[k] for k in ("order_id", "amount", "currency", "fx_rate") if k in order}
