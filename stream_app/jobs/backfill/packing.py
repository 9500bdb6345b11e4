"""The facts of many customers, packed at once: the bytes that `Customer.apply` would have made.

For customers whose events are all different, in sums that fit 64 bits. Of such a set of events the
order does not matter (core/customer.py), so that it can be added up by columns; a test holds the
two ways equal, byte by byte.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_app.core import facts
from stream_app.core.days import (
    DAY_BIAS,
    GROSS_WIDTHS,
    LAYOUTS,
    ORDERS_WIDTHS,
    REFUNDS_WIDTHS,
    Layout,
)
from stream_app.core.identities import KEPT, SIZE

Integers = NDArray[np.int64]
Hashes = NDArray[np.uint64]

_DAY_BITS: Final = 16
_ENTRY: Final = np.dtype([("day", ">u2"), ("hash", ">u8")])
_NATIVE: Final = 8
"""Bytes of the numbers that are summed here."""


class Money(NamedTuple):
    """Changes of days: each customer's place, and what is added to which day."""

    customer: Integers
    day: Integers
    orders: Integers
    gross: Integers
    refunds: Integers


class Identities(NamedTuple):
    """What was applied: each customer's place, the day it is filed under, and its hash."""

    customer: Integers
    day: Integers
    hash: Hashes


class Sections(NamedTuple):
    """Of the customers that have one: their signup, their months."""

    signups: dict[int, bytes]
    months: dict[int, bytes]


def packed(customers: int, money: Money, identities: Identities, sections: Sections) -> list[bytes]:
    """The facts of each customer, by place."""
    rows = _rows(customers, money)
    filed = _identities(customers, identities)
    signups, months = sections.signups.get, sections.months.get
    return [
        facts.joined(
            facts.Parts(
                layout=layout,
                rows=days,
                signup=signups(place, b""),
                months=months(place, b""),
                foreign=b"",
                identities=kept,
                applied=applied,
            )
        )
        for place, ((layout, days), (applied, kept)) in enumerate(zip(rows, filed, strict=True))
    ]


def _rows(customers: int, money: Money) -> list[tuple[int, bytes]]:
    """Layout and rows of each customer."""
    found: list[tuple[int, bytes]] = [(LAYOUTS[0].code, b"")] * customers
    customer, day, *sums = _summed(money)
    if not len(customer):
        return found
    starts = _starts(customer)
    codes = np.zeros(len(starts), np.int64)
    for numbers, widths in zip(sums, (ORDERS_WIDTHS, GROSS_WIDTHS, REFUNDS_WIDTHS), strict=True):
        codes = codes * len(widths) + np.maximum.reduceat(_places(numbers, widths), starts)
    counts = np.diff(np.append(starts, len(customer)))
    row_codes = np.repeat(codes, counts)
    for code in np.unique(codes).tolist():
        chosen = np.flatnonzero(row_codes == code)
        layout = LAYOUTS[code]
        written = _written(layout, day[chosen], [numbers[chosen] for numbers in sums])
        own = codes == code
        places, sizes = customer[starts[own]], counts[own] * layout.size
        for place, piece in zip(places.tolist(), _cut(written, sizes), strict=True):
            found[place] = code, piece
    return found


def _summed(money: Money) -> tuple[Integers, Integers, Integers, Integers, Integers]:
    """Customer, day, orders, gross and refunds of each day that is not all zero, in order."""
    key = money.customer << _DAY_BITS | (money.day + DAY_BIAS)
    order = np.argsort(key, kind="stable")
    key = key[order]
    starts = _starts(key)
    if not len(starts):
        return (key,) * 5
    orders, gross, refunds = (
        np.add.reduceat(numbers[order], starts)
        for numbers in (money.orders, money.gross, money.refunds)
    )
    key = key[starts]
    some = (orders != 0) | (gross != 0) | (refunds != 0)
    day = (key & (1 << _DAY_BITS) - 1) - DAY_BIAS
    return (key >> _DAY_BITS)[some], day[some], orders[some], gross[some], refunds[some]


def _places(numbers: Integers, widths: tuple[int, ...]) -> Integers:
    """Which of the widths each number needs, as its place among them."""
    magnitudes = np.where(numbers < 0, ~numbers, numbers)
    places = np.zeros(len(numbers), np.int64)
    for width in widths:
        if width == 0:
            places += numbers != 0
        elif width < _NATIVE:
            places += magnitudes >= 1 << 8 * width - 1
    return places


def _written(layout: Layout, day: Integers, sums: list[Integers]) -> bytes:
    """The rows in one layout, end to end."""
    columns = [_bytes_of(day + DAY_BIAS, 2)]
    widths = layout.orders_width, layout.gross_width, layout.refunds_width
    columns += [_bytes_of(numbers, width) for numbers, width in zip(sums, widths, strict=True)]
    return np.concatenate(columns, axis=1).tobytes()


def _bytes_of(numbers: Integers, width: int) -> NDArray[np.uint8]:
    """Numbers as so many little-endian bytes each, signed."""
    native = np.ascontiguousarray(numbers, "<i8").view(np.uint8).reshape(len(numbers), _NATIVE)
    if width <= _NATIVE:
        return native[:, :width]
    signs = np.where(numbers < 0, 0xFF, 0).astype(np.uint8)
    return np.concatenate([native, np.repeat(signs[:, None], width - _NATIVE, axis=1)], axis=1)


def _identities(customers: int, identities: Identities) -> list[tuple[int, bytes]]:
    """How many each customer has had, and the packed largest of them."""
    day = identities.day + DAY_BIAS
    order = np.lexsort((identities.hash, identities.customer << _DAY_BITS | day))
    entries = np.empty(len(order), _ENTRY)
    entries["day"], entries["hash"] = day[order], identities.hash[order]
    counts = np.bincount(identities.customer, minlength=customers)
    pieces = _cut(entries.tobytes(), counts * SIZE)
    return [
        (count, piece[-KEPT * SIZE :]) for count, piece in zip(counts.tolist(), pieces, strict=True)
    ]


def _cut(written: bytes, sizes: NDArray[Any]) -> Iterator[bytes]:
    """Bytes, cut into pieces of these sizes."""
    start = 0
    for size in sizes.tolist():
        yield written[start : start + size]
        start += size


def _starts(key: Integers) -> Integers:
    """Where each run of equal numbers begins."""
    if not len(key):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.append(True, key[1:] != key[:-1]))
