"""The bytes that are a customer: the one place that knows how they are laid out.

    header      layout code u8, section bits u8, number of days u16, identities ever applied u64
    days        rows, see days.py
    sections    each a u16 length and its bytes, present when its bit is set:
      1 signup  instant in us u64, day + 1 u16 (both big-endian), event id, zero byte, channel
      2 months  months with an activity: the first, plus 1, u16, and a bit for each from there on
      4 foreign money of other currencies: code, gross, refunds, the sums with a length byte each
    identities  the largest 1,024, see identities.py; `applied` says how many there are

Integers are little-endian unless said otherwise. Equal sets of events give equal bytes. A customer
is kept in memory as these very bytes: one object, nothing to encode, nothing for the garbage
collector.
"""

from __future__ import annotations

from struct import Struct as Packing
from typing import Final

from msgspec import Struct

from stream_app.core import days, identities

HEADER: Final = Packing("<BBHQ")
HEADER_SIZE: Final = HEADER.size
SIGNUP, MONTHS, FOREIGN = 1, 2, 4
EMPTY: Final = HEADER.pack(days.NARROWEST, 0, 0, 0)

_LENGTH: Final = Packing("<H")
_NO_MONTHS: Final = b""
_FIRST_MONTH: Final = 2  # bytes


class Parts(Struct, gc=False):
    """A customer's facts, taken apart."""

    layout: int
    rows: bytes
    signup: bytes
    months: bytes
    foreign: bytes
    identities: bytes
    applied: int


def check(facts: bytes) -> None:
    """ValueError says where bytes are not facts; counts and lengths alone are looked at.

    What lies between the lengths is guarded by Kafka's checksum of each batch; sorting it out again
    would double the time that a million customers take to come back.
    """
    size = len(facts)
    if size < HEADER_SIZE:
        raise ValueError(f"{size} bytes, fewer than the header's {HEADER_SIZE}")
    code, bits, count, applied = HEADER.unpack_from(facts)
    if code >= len(days.LAYOUTS) or bits > SIGNUP | MONTHS | FOREIGN:
        raise ValueError(f"layout {code} with section bits {bits} is none of ours")
    end = HEADER_SIZE + count * days.LAYOUTS[code].size
    while bits:
        end += 2 + int.from_bytes(facts[end : end + 2], "little")
        bits &= bits - 1
    kept = applied if applied < identities.KEPT else identities.KEPT
    if size != end + kept * identities.SIZE:
        raise ValueError(f"{size} bytes do not end with {applied} identities from {end} on")


def split(facts: bytes) -> Parts:
    """Take facts apart."""
    code, bits, count, applied = HEADER.unpack_from(facts)
    start = HEADER_SIZE + count * days.LAYOUTS[code].size
    rows = facts[HEADER_SIZE:start]
    sections = [b"", b"", b""]
    for place, bit in enumerate((SIGNUP, MONTHS, FOREIGN)):
        if bits & bit:
            end = start + 2 + int.from_bytes(facts[start : start + 2], "little")
            sections[place] = facts[start + 2 : end]
            start = end
    signup, months, foreign = sections
    return Parts(code, rows, signup, months, foreign, facts[start:], applied)


def signup_section(facts: bytes) -> bytes:
    """The signup alone, for `unpack_signup`; no bytes without one."""
    code, bits, count, _ = HEADER.unpack_from(facts)
    if not bits & SIGNUP:
        return b""
    start = HEADER_SIZE + count * days.LAYOUTS[code].size
    return facts[start + 2 : start + 2 + int.from_bytes(facts[start : start + 2], "little")]


def joined(parts: Parts) -> bytes:
    """Put facts together; the reverse of `split`."""
    layout = days.LAYOUTS[parts.layout]
    bits = 0
    pieces = [b"", parts.rows]
    for bit, section in (
        (SIGNUP, parts.signup),
        (MONTHS, parts.months),
        (FOREIGN, parts.foreign),
    ):
        if section:
            bits |= bit
            pieces += (_LENGTH.pack(len(section)), section)
    pieces[0] = HEADER.pack(parts.layout, bits, len(parts.rows) // layout.size, parts.applied)
    pieces.append(parts.identities)
    return b"".join(pieces)


def united(mine: Parts, theirs: Parts) -> Parts:
    """The facts of both sets of events; ValueError where an event is seen to be in both."""
    code, rows = days.merge(mine.layout, mine.rows, theirs.layout, theirs.rows)
    foreign = unpack_foreign(mine.foreign)
    for currency, (gross, refunds) in unpack_foreign(theirs.foreign).items():
        own_gross, own_refunds = foreign.get(currency, (0, 0))
        foreign[currency] = own_gross + gross, own_refunds + refunds
    return Parts(
        layout=code,
        rows=rows,
        signup=min((one.signup for one in (mine, theirs) if one.signup), default=b""),
        months=pack_months({*unpack_months(mine.months), *unpack_months(theirs.months)}),
        foreign=pack_foreign(foreign),
        identities=identities.united(mine.identities, theirs.identities),
        applied=mine.applied + theirs.applied,
    )


def pack_signup(at_us: int, day: int, event_id: str, channel: str | None) -> bytes:
    """A signup as bytes that sort as (instant, event id, channel), an absent channel first.

    Ids and channels have no control characters and a channel is never empty, so the zero byte sorts
    before whatever goes on; UTF-8 sorts as code points do.
    """
    return (
        at_us.to_bytes(8, "big")
        + (day + days.DAY_BIAS).to_bytes(2, "big")
        + event_id.encode()
        + b"\0"
        + (channel or "").encode()
    )


def unpack_signup(section: bytes) -> tuple[int, int, str, str | None]:
    """Instant in us, day, event id and channel of the signup that counts."""
    event_id, _, channel = section[10:].partition(b"\0")
    return (
        int.from_bytes(section[:8], "big"),
        int.from_bytes(section[8:10], "big") - days.DAY_BIAS,
        event_id.decode(),
        channel.decode() or None,
    )


def with_month(section: bytes, month: int) -> bytes:
    """The set of months with one more (months since 1970-01, -1 being the month before)."""
    return pack_months({*unpack_months(section), month})


def pack_months(months: set[int]) -> bytes:
    """A set of months as its first, plus one, and a bit for each month from there on."""
    if not months:
        return _NO_MONTHS
    first = min(months)
    bits = sum(1 << (month - first) for month in months)
    return (first + 1).to_bytes(2, "little") + bits.to_bytes(bits.bit_length() + 7 >> 3, "little")


def unpack_months(section: bytes) -> list[int]:
    """The months, in order."""
    first = int.from_bytes(section[:_FIRST_MONTH], "little") - 1
    bits = int.from_bytes(section[_FIRST_MONTH:], "little")
    return [first + place for place in range(bits.bit_length()) if bits >> place & 1]


def count_months(section: bytes) -> int:
    """How many months have an activity."""
    return int.from_bytes(section[_FIRST_MONTH:], "little").bit_count()


def pack_foreign(totals: dict[str, tuple[int, int]]) -> bytes:
    """Gross and refunds by currency, in order of its code; a currency back at zero is left out."""
    pieces: list[bytes] = []
    for code, amounts in sorted(totals.items()):
        if any(amounts):
            pieces.append(code.encode("ascii"))
            for amount in amounts:
                size = (amount if amount >= 0 else ~amount).bit_length() // 8 + 1 if amount else 0
                pieces += (bytes((size,)), amount.to_bytes(size, "little", signed=True))
    return b"".join(pieces)


def unpack_foreign(section: bytes) -> dict[str, tuple[int, int]]:
    """Gross and refunds by currency, in minor units of that currency."""
    totals: dict[str, tuple[int, int]] = {}
    start = 0
    while start < len(section):
        code = section[start : start + 3].decode("ascii")
        gross_end = start + 4 + section[start + 3]
        refunds_end = gross_end + 1 + section[gross_end]
        gross = int.from_bytes(section[start + 4 : gross_end], "little", signed=True)
        refunds = int.from_bytes(section[gross_end + 1 : refunds_end], "little", signed=True)
        totals[code] = gross, refunds
        start = refunds_end
    return totals
