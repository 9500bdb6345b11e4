"""What one event costs in core and wire, in microseconds; `python -m tests.bench.fold_cost`.

CPU time, and the smallest of several rounds, for machines are noisy; the last line is a yardstick
of the same run (sha256 of 200 bytes through hashlib) to hold the others against.
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable, Iterable
from typing import Any

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.models.statistics import statistics
from stream_app.wire import state
from stream_app.wire.events import Decoder
from stream_app.wire.record import Record

ROUNDS = 7
CUSTOMERS = 20_000
DAY_MS = 86_400_000
START_MS = 1_704_110_400_000


def purchase(number: int, customer: str, at_ms: int, rng: random.Random) -> Record:
    """A purchase of about 200 bytes, as a shop would write it."""
    seconds, millis = divmod(at_ms, 1000)
    text = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
    event = {
        "type": "purchase",
        "event_id": f"e-{number:010d}",
        "customer_id": customer,
        "occurred_at": text,
        "order_id": f"o-{number:010d}",
        "amount": f"{rng.randrange(100, 20_000) / 100:.2f}",
        "currency": "USD",
        "note": "free text",
    }
    return Record("purchases", 0, number, at_ms + millis, customer.encode(), _json(event))


def _json(event: dict[str, Any]) -> bytes:
    return json.dumps(event).encode()


def log(customers: int, seed: int = 1) -> list[Record]:
    """2.94 purchases a customer on average, in order of time, as in CDNOW."""
    rng = random.Random(seed)
    buyers = [f"c-{n:07d}" for n in range(customers)]
    drawn = buyers + [rng.choice(buyers) for _ in range(int(1.94 * customers))]
    rng.shuffle(drawn)
    step = 546 * DAY_MS // len(drawn)
    return [purchase(n, who, START_MS + n * step, rng) for n, who in enumerate(drawn)]


def cost_us(work: Callable[[Any], Any], inputs: Iterable[Any]) -> float:
    """The smallest mean over the rounds, loop included."""
    listed = list(inputs)
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        for one in listed:
            work(one)
        best = min(best, time.process_time() - begun)
    return best / len(listed) * 1e6


def apply_cost_us(records: list[Record], decode: Callable[[Record], Any]) -> float:
    """Applying every event to a fresh table, in order of time."""
    events = [decode(record) for record in records]
    best = float("inf")
    for _ in range(ROUNDS):
        table = {event.customer_id: Customer() for event in events}
        pairs = [(table[event.customer_id], event) for event in events]
        begun = time.process_time()
        for customer, event in pairs:
            customer.apply(event)
        best = min(best, time.process_time() - begun)
    return best / len(events) * 1e6


def statistics_cost_us(customers: list[Customer]) -> float:
    """All columns of all customers at once, per customer."""
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        statistics(customers)
        best = min(best, time.process_time() - begun)
    return best / len(customers) * 1e6


def main() -> None:
    """Print a line a figure."""
    decode = Decoder("purchases", Calendar("UTC"), "USD", 983_040).decode
    zoned = Decoder("purchases", Calendar("Europe/Berlin"), "USD", 983_040).decode
    by_rules = Decoder("purchases", Calendar("UTC"), "USD", 983_040).decode_by_rules
    records = log(CUSTOMERS)
    table: dict[str, Customer] = {}
    for record in records:
        event: Any = decode(record)
        table.setdefault(event.customer_id, Customer()).apply(event)
    customers = list(table.values())
    states = [state.encode(customer) for customer in customers]
    again = random.Random(2).sample(records, 20_000)
    print(f"value bytes                {len(records[0].value or b'')}")
    print(f"decode a purchase          {cost_us(decode, again):.2f}")
    print(f"  in Europe/Berlin         {cost_us(zoned, again):.2f}")
    print(f"  by the rules alone       {cost_us(by_rules, again[:5_000]):.2f}")
    print(f"apply, in order of time    {apply_cost_us(records, decode):.2f}")
    print(f"copy                       {cost_us(Customer.copy, customers):.2f}")
    print(f"encode                     {cost_us(state.encode, customers):.2f}")
    print(f"decode a state             {cost_us(state.decode, states):.2f}")
    print(f"statistics, a customer     {statistics_cost_us(customers):.2f}")
    block = b"x" * 200
    print(f"yardstick: sha256          {cost_us(lambda _: hashlib.sha256(block), again):.2f}")


if __name__ == "__main__":
    main()
