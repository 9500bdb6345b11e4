"""The customers of a partition in the order of their latest changes, without a standstill.

Sorting a hundred thousand keys at once would hold the event loop for 60 ms and more. Here they are
sorted in runs of a few milliseconds, one a call, and merged while they are taken. The cost is about
3 us a customer, an eighth of what publishing it costs.
"""

from __future__ import annotations

from collections.abc import Iterator
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
    >>> keys = NewestFirst({b"a": first, b"b": second, b"c": third})
    >>> while not keys.sorted:
    ...     keys.sort()
    >>> keys.take(2), keys.take(2), keys.remaining
    ([b'b', b'c'], [b'a'], 0)
    """

    def __init__(self, customers: dict[bytes, Customer]) -> None:
        """Those there now; one whose record comes meanwhile keeps its place, or one nearby."""
        self._customers = customers
        self._unsorted = list(customers)
        self._runs: list[list[bytes]] = []
        self._merged: Iterator[bytes] = iter(())
        self.remaining = len(customers)
        """Keys not taken yet."""

    @property
    def sorted(self) -> bool:
        """Whether keys can be taken."""
        return not self._unsorted

    def sort(self) -> None:
        """Sort some more."""
        run = self._unsorted[-RUN:]
        del self._unsorted[-RUN:]
        run.sort(key=self._age)
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
