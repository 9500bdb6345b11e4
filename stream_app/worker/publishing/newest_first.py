"""The customers of a partition in the order of their latest changes, without a standstill.

Sorting a hundred thousand keys at once would hold the event loop for 60 ms and more. Here they are
sorted in runs of a few milliseconds, one a call, and merged while they are taken. The cost is about
3 us a customer, an eighth of what publishing it costs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import islice
from typing import Final

from stream_app.core.customer import Customer

RUN: Final = 2048
"""Keys sorted by one call: 2 to 4 ms."""


class NewestFirst:
    """Keys, to be taken from the largest changelog position down.

    >>> first, second, third = Customer(), Customer(), Customer()
    >>> first.pos, second.pos, third.pos = 10, 30, 20
    >>> keys = NewestFirst({b"a": first, b"b": second, b"c": third, b"d": Customer()}, {b"d"})
    >>> while not keys.sorted:
    ...     keys.sort()
    >>> keys.take(2), keys.take(2), keys.remaining
    ([b'b', b'c'], [b'a'], 0)
    """

    def __init__(self, customers: dict[bytes, Customer], without: Iterable[bytes] = ()) -> None:
        """Those there now, but for some; one that changes meanwhile may keep its place."""
        self._customers = customers
        self._without = set(without)
        self._unsorted = list(customers)
        self._runs: list[list[bytes]] = []
        self._merged: Iterator[bytes] = iter(())
        self.remaining = len(customers)
        """Keys not taken yet; until all are sorted, with those left out."""

    @property
    def sorted(self) -> bool:
        """Whether keys can be taken."""
        return not self._unsorted

    def sort(self) -> None:
        """Sort some more."""
        some = self._unsorted[-RUN:]
        del self._unsorted[-RUN:]
        run = sorted((key for key in some if key not in self._without), key=self._age)
        self.remaining -= len(some) - len(run)
        self._runs.append(run)
        if self.sorted:
            self._merged, self._runs = merge(*self._runs, key=self._age), []

    def take(self, most: int) -> list[bytes]:
        """The next keys, and no more of them."""
        taken = list(islice(self._merged, most))
        self.remaining -= len(taken)
        return taken

    def _age(self, key: bytes) -> int:
        customer = self._customers.get(key)
        return -customer.pos if customer is not None else 0
