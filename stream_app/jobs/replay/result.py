"""What a replay found: counts and sums, and one hash of all states.

The state hash is SHA-256 over the sorted SHA-256 digests of all customers, each of the length of
the id (u32, little-endian), the id and the facts. So it depends on what is known of each customer
and on nothing else: not on the order of the log, nor on which partition somebody lies in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np

from stream_app.core.customer import Customer
from stream_app.wire.changelog import Watermark

DIGEST_BYTES = 32


@dataclass
class Totals:
    """Sums over customers; money in minor units of the base currency."""

    customers: int = 0
    buyers: int = 0
    orders: int = 0
    revenue_minor: int = 0
    ltv_minor: int = 0
    past_the_duplicate_bound: int = 0
    tiers: Counter[str] = field(default_factory=Counter)

    def add(self, other: Totals) -> None:
        """Those of other customers."""
        self.customers += other.customers
        self.buyers += other.buyers
        self.orders += other.orders
        self.revenue_minor += other.revenue_minor
        self.ltv_minor += other.ltv_minor
        self.past_the_duplicate_bound += other.past_the_duplicate_bound
        self.tiers += other.tiers


@dataclass
class Outcome:
    """What one partition came to, as its process tells it."""

    number: int
    watermark: Watermark
    refused: dict[str, int]
    digests: bytes
    """`DIGEST_BYTES` a customer."""
    totals: Totals
    written: int = 0
    """Customers written to the new build's changelog."""


def digests_of(customers: Mapping[bytes, Customer]) -> bytes:
    """The digests of some customers, one after the other."""
    return b"".join(
        sha256(len(key).to_bytes(4, "little") + key + customer.facts).digest()
        for key, customer in customers.items()
    )


def state_hash(digests: Iterable[bytes]) -> str:
    """Of all customers, from the digests of parts of them.

    >>> one, other = digests_of({b"a": Customer()}), digests_of({b"b": Customer()})
    >>> state_hash([one, other]) == state_hash([other + one])
    True
    """
    every = np.frombuffer(b"".join(digests), dtype=f"S{DIGEST_BYTES}")
    return sha256(np.sort(every).tobytes()).hexdigest()


def sum_up(outcomes: Sequence[Outcome]) -> Totals:
    """The totals of all partitions."""
    totals = Totals()
    for one in outcomes:
        totals.add(one.totals)
    return totals
