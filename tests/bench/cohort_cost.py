"""What cohort totals cost, in microseconds an event, and a report from them, in milliseconds.

`python -m tests.bench.cohort_cost`. CPU time, and the smallest of several rounds, call by call, for
machines are noisy; the first line is a yardstick of the same run (sha256 of 200 bytes).
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from stream_app.core.calendar import Calendar
from stream_app.core.cohorts.cells import CELLS, FIELDS, OFFSETS, TABLES
from stream_app.core.cohorts.columns import Columns, summed
from stream_app.core.cohorts.lines import Known
from stream_app.core.cohorts.report import Asked, report
from stream_app.core.cohorts.report_object import report_as_object
from stream_app.core.cohorts.totals import Totals
from stream_app.core.customer import Customer
from stream_app.core.events import Activity, Event, Purchase, Refund, Signup
from stream_app.wire.cohorts import Meta, decode, encode
from stream_app.wire.events import Decoder
from tests.bench.fold_cost import log

ROUNDS = 7
CUSTOMERS = 20_000
SCANNED = 2_000
CHANNELS = ("ads", "search", "newsletter", "organic", "paid-social")
META = Meta(currency="USD", time_zone="UTC", partitions=8)


class Batch(NamedTuple):
    """Customers that a flush found changed, by so many events."""

    before: list[Customer | None]
    after: list[Customer]
    events: int


def purchases() -> list[Event]:
    """2.94 a customer, in order of time, as in CDNOW."""
    decode_ = Decoder("purchases", Calendar("UTC"), "USD", 983_040).decode
    events: Any = [decode_(record) for record in log(CUSTOMERS)]
    return list(events)


def a_shop(bought: list[Event]) -> list[Event]:
    """The same, each customer with a signup, some with visits and refunds."""
    rng, seen = random.Random(3), set[str]()
    events: list[Event] = []
    for one in bought:
        who, at = one.customer_id, (one.at_us, one.day)
        if who not in seen:
            seen.add(who)
            events.append(Signup(who, f"s-{one.event_id}", *at, rng.choice(CHANNELS)))
        events.append(one)
        if rng.random() < 0.3:
            events.append(Activity(who, f"a-{one.event_id}", *at, "visit"))
        if rng.random() < 0.05:
            events.append(Refund(who, f"r-{one.event_id}", "o", *at, "USD", 100, 100))
    return events


def batches(events: list[Event], size: int) -> Iterator[Batch]:
    """Batches of so many changed customers, as they come while the events are folded."""
    table: dict[str, Customer] = {}
    before: dict[str, Customer | None] = {}
    counted = 0
    for event in events:
        who = event.customer_id
        if who not in before:
            known = before[who] = table.get(who)
            table[who] = Customer() if known is None else known.copy()
        table[who].apply(event)
        counted += 1
        if len(before) == size:
            yield Batch(list(before.values()), [table[one] for one in before], counted)
            before, counted = {}, 0


def change_cost_us(found: list[Batch]) -> float:
    """An event, of changing totals batch by batch."""
    best = [float("inf")] * len(found)
    for _ in range(ROUNDS):
        totals = Totals()
        for number, batch in enumerate(found):
            begun = time.process_time()
            totals.change(batch.before, batch.after)
            best[number] = min(best[number], time.process_time() - begun)
    return sum(best) / sum(batch.events for batch in found) * 1e6


def scan_cost_us(customers: list[Customer]) -> float:
    """A customer, of counting all of them."""

    def scan() -> None:
        totals = Totals()
        for start in range(0, len(customers), SCANNED):
            totals.add(customers[start : start + SCANNED])

    return best_seconds(scan) / len(customers) * 1e6


def long_cost_us(days: int) -> float:
    """A changed customer who has bought on so many days, of one more."""
    rng, size = random.Random(1), 1_000
    before, after = [], []
    for number in range(size):
        customer = Customer()
        for day in range(19_000, 19_000 + 3 * days, 3):
            customer.apply(_bought(f"{number}-{day}", day))
        before.append(customer)
        changed = customer.copy()
        changed.apply(_bought(f"{number}-new", 19_000 + 3 * days + rng.randrange(9)))
        after.append(changed)
    totals = Totals()
    totals.add(before)

    def there_and_back() -> None:
        totals.change(before, after)
        totals.change(after, before)

    return best_seconds(there_and_back) / 2 / size * 1e6


def full(cohorts: int, channels: int, seed: int) -> Columns:
    """Totals of one partition in which no cell is empty."""
    rng = np.random.default_rng(seed)
    month, channel = (
        each.ravel() for each in np.meshgrid(range(300, 300 + cohorts), range(channels))
    )
    numbers = np.zeros((len(month), CELLS, FIELDS), np.int64)
    numbers[:, :OFFSETS, :4] = rng.integers(0, 200, (len(month), OFFSETS, 4))
    numbers[:, :OFFSETS, 4:] = rng.integers(0, 900_000, (len(month), OFFSETS, 2))
    head = np.full((len(month), 2), 250)
    second = np.unique(rng.integers(0, len(month) * 700, 10_000))
    return Columns(
        [None, *(f"channel-{n}" for n in range(1, channels))],
        channel.astype(np.int64),
        month.astype(np.int64),
        np.concatenate((head, numbers.reshape(len(month), -1)), axis=1),
        {},
        second // 700,
        second % 700,
        np.ones(len(second), np.int64),
    )


class Full(Totals):
    """Totals made of columns, to be encoded."""

    def __init__(self, cohorts: int, channels: int, seed: int) -> None:
        super().__init__()
        self._made = full(cohorts, channels, seed)

    def columns(self, table: object) -> Columns:
        """The same for both tables."""
        return self._made


def report_costs(cohorts: int, channels: int) -> None:
    """A line a step: what a worker does a partition, what a reader does with all eight."""
    parts = [Full(cohorts, channels, seed) for seed in range(META.partitions)]
    values = [encode(part, META) for part in parts]
    known, asked = Known(as_of_month=300 + cohorts, from_month=300), Asked("signup", offsets=35)

    def read() -> Columns:
        return summed([decode(value, TABLES[0])[1] for value in values], by_channel=True)

    columns = read()
    made = report(columns, asked, known)
    print(f"{cohorts} cohorts x {OFFSETS} offsets x {channels} channels")
    print(f"  bytes a partition        {len(values[0]):,}")
    steps: dict[str, Callable[[], object]] = {
        "encode a partition": lambda: encode(parts[0], META),
        f"read and sum {len(values)}": read,
        "report of it": lambda: report(columns, asked, known),
        "as an object": lambda: report_as_object(made),
    }
    for name, step in steps.items():
        print(f"  {name:24} {best_seconds(step) * 1e3:.1f} ms")


def best_seconds(work: Callable[[], object]) -> float:
    """The fewest of several rounds."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        work()
        best = min(best, time.process_time() - begun)
    return best


def _bought(name: str, day: int) -> Purchase:
    return Purchase("c", name, "o", 0, day, "USD", 500, 500)


def main() -> None:
    """Print a line a figure."""
    block = b"x" * 200
    yardstick = best_seconds(lambda: [hashlib.sha256(block) for _ in range(10_000)]) / 10_000
    print(f"yardstick: sha256          {yardstick * 1e6:.2f}")
    bought = purchases()
    for name, events in (("purchases alone", bought), ("a whole shop", a_shop(bought))):
        for size in (100, 1_000, 4_000):
            found = list(batches(events, size))
            cost = change_cost_us(found)
            print(f"an event, {name:16} {cost:.2f}   {size:,} changed customers a call")
        last = {id(one): one for batch in batches(events, 1_000) for one in batch.after}
        print(f"scan, a customer           {scan_cost_us(list(last.values())[-CUSTOMERS:]):.2f}")
    for days in (1, 10, 100, 1_000):
        print(f"a customer of {days:5} days    {long_cost_us(days):.2f}")
    report_costs(36, 6)
    report_costs(300, 10)


if __name__ == "__main__":
    main()
