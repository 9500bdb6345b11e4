"""A customer's days, packed: sorted rows of day, orders, gross and refunds.

A row is little-endian: the day plus one as u16, then three signed numbers whose widths are the
same in all rows of a customer and are the smallest of their kind that hold every row, so equal
facts are equal bytes. Nearly every customer has the narrowest layout, 7 bytes a day; no sum is
ever too wide. A row whose three numbers are zero is left out: what was taken back leaves no trace.

All numbers are signed and exact: a cancellation may come before its purchase.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from struct import Struct
from typing import Final, NamedTuple

ORDERS_WIDTHS: Final = (1, 2, 4, 8)
GROSS_WIDTHS: Final = (4, 7, 16, 32)
REFUNDS_WIDTHS: Final = (0, 4, 7, 16, 32)
"""Bytes; 7 is what a day of 10^15 minor units needs, 32 what 10^9 x 10^15 needs 2^159 times."""

DAY_BIAS: Final = 1
"""Added to a day before it is packed, so that 1969-12-31, still seen west of Greenwich, fits."""
LAST_DAY: Final = 65_535 - DAY_BIAS
"""2149-06-05, the last day that can be packed."""
NARROWEST: Final = 0
"""Layout code of the narrowest rows, and of no rows."""


class Bucket(NamedTuple):
    """What happened on one day; money in minor units of the base currency."""

    day: int
    orders: int
    gross: int
    refunds: int


class Layout(NamedTuple):
    """Where the four numbers of a row lie."""

    code: int
    orders_width: int
    gross_width: int
    refunds_width: int
    size: int
    append_purchase: Callable[[int, int, int], bytes] | None
    """Packs (biased day, orders, gross), no refunds, in C; None where a width is not one of C's."""


def layout_code(orders: int, gross: int, refunds: int) -> int:
    """Code of the widths with these places in the three tables."""
    return (orders * len(GROSS_WIDTHS) + gross) * len(REFUNDS_WIDTHS) + refunds


def places(code: int) -> tuple[int, int, int]:
    """The three places in the tables of widths; the reverse of `layout_code`."""
    rest, refunds = divmod(code, len(REFUNDS_WIDTHS))
    orders, gross = divmod(rest, len(GROSS_WIDTHS))
    return orders, gross, refunds


def _layout(code: int) -> Layout:
    orders, gross, refunds = places(code)
    widths = ORDERS_WIDTHS[orders], GROSS_WIDTHS[gross], REFUNDS_WIDTHS[refunds]
    append = Struct(f"<H{'bhiq'[orders]}i{widths[2]}x").pack if gross == 0 else None
    return Layout(code, *widths, 2 + sum(widths), append)


LAYOUTS: Final = tuple(
    _layout(code) for code in range(len(ORDERS_WIDTHS) * len(GROSS_WIDTHS) * len(REFUNDS_WIDTHS))
)


def buckets(code: int, rows: bytes) -> list[Bucket]:
    """The rows, unpacked, in order of day."""
    return [bucket_at(code, rows, start) for start in range(0, len(rows), LAYOUTS[code].size)]


def bucket_at(code: int, rows: bytes, start: int) -> Bucket:
    """The row at the offset ``start``."""
    layout = LAYOUTS[code]
    orders = start + 2
    gross = orders + layout.orders_width
    refunds = gross + layout.gross_width
    end = start + layout.size
    number = int.from_bytes
    return Bucket(
        number(rows[start:orders], "little") - DAY_BIAS,
        number(rows[orders:gross], "little", signed=True),
        number(rows[gross:refunds], "little", signed=True),
        number(rows[refunds:end], "little", signed=True),
    )


def packed(code: int, bucket: Bucket) -> bytes:
    """One row; the bucket must fit the layout."""
    layout = LAYOUTS[code]
    return b"".join((
        (bucket.day + DAY_BIAS).to_bytes(2, "little"),
        bucket.orders.to_bytes(layout.orders_width, "little", signed=True),
        bucket.gross.to_bytes(layout.gross_width, "little", signed=True),
        bucket.refunds.to_bytes(layout.refunds_width, "little", signed=True),
    ))  # fmt: skip


def add(code: int, rows: bytes, change: Bucket) -> tuple[int, bytes]:
    """Add ``change`` to its day; returns the new layout code and rows.

    >>> code, rows = add(NARROWEST, b"", Bucket(day=20_000, orders=1, gross=1234, refunds=0))
    >>> len(rows), buckets(code, rows)
    (7, [Bucket(day=20000, orders=1, gross=1234, refunds=0)])
    >>> add(code, rows, Bucket(day=20_000, orders=-1, gross=-1234, refunds=0))
    (0, b'')
    """
    start = _position(code, rows, change.day)
    end = start
    old = Bucket(change.day, 0, 0, 0)
    if start < len(rows):
        found = bucket_at(code, rows, start)
        if found.day == change.day:
            old, end = found, start + LAYOUTS[code].size
    new = Bucket(
        old.day,
        old.orders + change.orders,
        old.gross + change.gross,
        old.refunds + change.refunds,
    )
    if not (new.orders or new.gross or new.refunds):
        return _without(code, rows, start, end, old)
    needed = _places_of(new)
    held = places(code)
    if _fits(needed, held) and not _gives_up_width(_places_of(old), needed, held):
        return code, rows[:start] + packed(code, new) + rows[end:]
    return pack_all([*buckets(code, rows[:start]), new, *buckets(code, rows[end:])])


def pack_all(filled: Iterable[Bucket]) -> tuple[int, bytes]:
    """Buckets, sorted by day and none all zero, in the narrowest layout that holds them."""
    listed = list(filled)
    if not listed:
        return NARROWEST, b""
    needed = [_places_of(bucket) for bucket in listed]
    code = layout_code(*(max(column) for column in zip(*needed, strict=True)))
    return code, b"".join([packed(code, bucket) for bucket in listed])


def merge(code: int, rows: bytes, other_code: int, other_rows: bytes) -> tuple[int, bytes]:
    """The sums, day by day, of two sets of rows."""
    days = {bucket.day: bucket for bucket in buckets(code, rows)}
    for bucket in buckets(other_code, other_rows):
        own = days.get(bucket.day)
        if own is not None:
            sums = [a + b for a, b in zip(own[1:], bucket[1:], strict=True)]
            bucket = Bucket(bucket.day, *sums)
        days[bucket.day] = bucket
    return pack_all(days[day] for day in sorted(days) if any(days[day][1:]))


def _position(code: int, rows: bytes, day: int) -> int:
    """Offset of the first row that is not before ``day``; looked for from the end, then halved."""
    size = LAYOUTS[code].size
    low, high = 0, len(rows) // size
    biased = day + DAY_BIAS
    if high and int.from_bytes(rows[-size : 2 - size], "little") < biased:
        return len(rows)
    while low < high:
        middle = (low + high) // 2
        start = middle * size
        if int.from_bytes(rows[start : start + 2], "little") < biased:
            low = middle + 1
        else:
            high = middle
    return low * size


def _without(code: int, rows: bytes, start: int, end: int, old: Bucket) -> tuple[int, bytes]:
    """The rows without the one between the offsets, in a narrower layout where that one was why."""
    left = rows[:start] + rows[end:]
    if not left:
        return NARROWEST, b""
    if _gives_up_width(_places_of(old), (0, 0, 0), places(code)):
        return pack_all(buckets(code, left))
    return code, left


def _places_of(bucket: Bucket) -> tuple[int, int, int]:
    """Which widths the three numbers of a bucket need, as places in the tables."""
    return (
        _place(bucket.orders, ORDERS_WIDTHS),
        _place(bucket.gross, GROSS_WIDTHS),
        _place(bucket.refunds, REFUNDS_WIDTHS),
    )


def _place(number: int, widths: tuple[int, ...]) -> int:
    bits = (number if number >= 0 else ~number).bit_length() + 1 if number else 0
    for place, width in enumerate(widths):
        if bits <= 8 * width:
            return place
    raise OverflowError(f"a sum of {bits} bits; no {len(widths)} widths of {widths} bytes hold it")


def _fits(needed: tuple[int, int, int], held: tuple[int, int, int]) -> bool:
    return needed[0] <= held[0] and needed[1] <= held[1] and needed[2] <= held[2]


def _gives_up_width(
    old: tuple[int, int, int], new: tuple[int, int, int], held: tuple[int, int, int]
) -> bool:
    """Whether the old row was as wide as the layout somewhere, and the new one is not."""
    return any(
        before == layout and after < layout
        for before, after, layout in zip(old, new, held, strict=True)
    )
