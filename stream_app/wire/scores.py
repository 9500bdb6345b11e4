"""Scores as Redis holds them: the texts of a flat hash, and back again for readers.

Formatting goes by column and zips the columns into rows: 3 us a customer for all fields, nearly
half of it the 17 digits of four floats. What the fields are stands in `score_fields`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import chain, compress, repeat
from typing import Any, Final

from msgspec import Struct

from stream_app.core import facts
from stream_app.core.calendar import date_text
from stream_app.core.customer import Customer
from stream_app.core.models.day_starts import ABSENT
from stream_app.core.population import Ranks, standing
from stream_app.core.score import Scores
from stream_app.core.segments import TIERS
from stream_app.wire.score_fields import FIELDS, Kind

Rows = list[list[str]]
Mask = Sequence[bool]
"""Who has a field; None: everybody."""

_SMALL: Final = tuple(map(str, range(4096)))
_CENTS: Final = tuple(f".{cents:02d}" for cents in range(100))


class _DateTexts(dict[int, str]):
    """Days as texts, each made once: there can be 65,536."""

    def __missing__(self, day: int) -> str:
        text = self[day] = date_text(day)
        return text


_DATES: Final = _DateTexts()


def redis_rows(
    customers: Sequence[Customer], scores: Scores, gen: int, ranks: Ranks | None = None
) -> Rows:
    """For each customer the fields of its hash, flat: field, value, field, value...

    `scores` must be those of `customers`, in the same order. Without `ranks` nobody knows where
    they stand among all.
    """
    for_all: list[Iterable[str]] = []
    for_some: list[tuple[str, Iterable[str], Mask]] = []
    for name, texts, values, mask in chain(
        _columns(customers, scores, gen), _columns_of_rank(scores, ranks)
    ):
        if mask is None or all(mask):
            for_all += (repeat(name), texts(values))
        else:
            for_some.append((name, texts(list(compress(values, mask))), mask))
    rows = list(map(list, zip(*for_all, strict=False)))
    for name, found, mask in for_some:
        for row, text in zip(compress(rows, mask), found, strict=True):
            row += (name, text)
    for row, customer in zip(rows, customers, strict=True):
        if customer.facts[1] & facts.SIGNUP:
            row += _signup_fields(customer.facts)
    return rows


_Column = tuple[str, Callable[[list[Any]], Iterable[str]], list[Any], Mask | None]
"""A field's name, what makes texts of its values, the values, and who has it."""


def _columns(customers: Sequence[Customer], scores: Scores, gen: int) -> Iterator[_Column]:
    """Every column that a batch has."""
    same = _same(len(scores))
    yield "rev", _small, [customer.rev for customer in customers], None
    yield "gen", same, [str(gen)], None
    yield "pos", _digits, [customer.pos for customer in customers], None
    yield "as_of", same, [str(scores.as_of)], None
    yield "currency", same, [scores.currency], None
    yield "revenue", _digits, scores.revenue_minor.tolist(), None
    yield "orders", _small, scores.statistics.orders.tolist(), None
    yield "tier", _tiers, scores.tier.tolist(), None
    yield "basis", same, ["formula" if scores.model is None else "model"], None
    if scores.model is not None:
        yield "model", same, [scores.model], None
    elif scores.basis_reason:
        yield "basis_reason", same, [scores.basis_reason], None
    yield from _columns_of_some(scores)


def _columns_of_some(scores: Scores) -> Iterator[_Column]:
    """Those that only some have: buyers, who buy again, who can still fall."""
    bought, ordered = scores.bought.tolist(), scores.ordered.tolist()
    valued, repeated = scores.valued.tolist(), (scores.frequency > 0).tolist()
    yield "first_order", _dates, scores.statistics.first_day.tolist(), bought
    yield "last_order", _dates, scores.statistics.last_day.tolist(), bought
    yield "frequency", _small, scores.frequency.tolist(), bought
    yield "recency", _small, scores.recency_days.tolist(), bought
    yield "repeat_gross", _digits, scores.statistics.repeat_gross_minor.tolist(), bought
    yield "monetary", _hundredths, scores.monetary_hundredths.tolist(), repeated
    if scores.model is not None:
        for name in ("p_alive", "churn_30", "churn_90", "orders_365"):
            yield name, _floats, getattr(scores, name).tolist(), bought
    yield "aov", _digits, scores.aov_minor.tolist(), ordered
    yield "ltv_365", _digits, scores.ltv_365_minor.tolist(), valued
    yield "ltv", _digits, scores.ltv_minor.tolist(), valued
    yield "ltv_formula", _digits, scores.ltv_formula_minor.tolist(), ordered
    for name in ("at_risk_at", "lost_at", "next_order_at"):
        instants = getattr(scores, name)
        yield name, _digits, instants.tolist(), (instants != ABSENT).tolist()


def _columns_of_rank(scores: Scores, ranks: Ranks | None) -> Iterator[_Column]:
    """Those that depend on all other customers."""
    if ranks is None:
        return
    rfm, value_rank = standing(scores, ranks)
    yield "rfm", _small, rfm.tolist(), scores.bought.tolist()
    yield "value_rank", _floats, value_rank.tolist(), scores.valued.tolist()


def _same(size: int) -> Callable[[list[str]], Iterable[str]]:
    return lambda only: repeat(only[0], size)


def _digits(numbers: list[int]) -> Iterable[str]:
    return map(str, numbers)


def _small(numbers: list[int]) -> Iterable[str]:
    """The same for numbers that are mostly small: three times as fast when they all are."""
    if numbers and min(numbers) >= 0 and max(numbers) < len(_SMALL):
        return map(_SMALL.__getitem__, numbers)
    return map(str, numbers)


def _dates(days: list[int]) -> Iterable[str]:
    return map(_DATES.__getitem__, days)


def _tiers(codes: list[int]) -> Iterable[str]:
    return map(TIERS.__getitem__, codes)


def _floats(numbers: list[float]) -> Iterable[str]:
    """17 significant digits of each; as one text that is cut again, a fifth faster than one by one.

    >>> _floats([0.1, 1.0, 1e-301])
    ['0.10000000000000001', '1', '1.0000000000000001e-301']
    """
    return (b"%.17g " * len(numbers) % tuple(numbers)).decode().split()


def _hundredths(numbers: list[int]) -> Iterable[str]:
    """Counts of hundredths as decimals.

    >>> _hundredths([1205, -5])
    ['12.05', '-0.05']
    """
    return [
        str(number // 100) + _CENTS[number % 100]
        if number >= 0
        else "-" + str(-number // 100) + _CENTS[-number % 100]
        for number in numbers
    ]


def _signup_fields(held: bytes) -> tuple[str, ...]:
    _, day, _, channel = facts.unpack_signup(facts.signup_section(held))
    text = _DATES[day]
    if channel is None:
        return "signup", text, "cohort", text[:7]
    return "signup", text, "cohort", text[:7], "channel", channel


class ScoreHash(Struct, frozen=True, kw_only=True, gc=False):
    """A customer's hash as values; None: absent. Meanings stand in `score_fields`."""

    rev: int | None = None
    gen: int | None = None
    pos: int | None = None
    as_of: int | None = None
    currency: str | None = None
    revenue: int | None = None
    orders: int | None = None
    aov: int | None = None
    first_order: date | None = None
    last_order: date | None = None
    signup: date | None = None
    cohort: str | None = None
    channel: str | None = None
    frequency: int | None = None
    recency: int | None = None
    repeat_gross: int | None = None
    monetary: Decimal | None = None
    p_alive: float | None = None
    churn_30: float | None = None
    churn_90: float | None = None
    orders_365: float | None = None
    ltv_365: int | None = None
    ltv: int | None = None
    ltv_formula: int | None = None
    tier: str | None = None
    at_risk_at: int | None = None
    lost_at: int | None = None
    next_order_at: int | None = None
    rfm: str | None = None
    value_rank: float | None = None
    model: str | None = None
    basis: str | None = None
    basis_reason: str | None = None


_READ: Final[dict[Kind, Callable[[str], Any]]] = {
    "integer": int,
    "float": float,
    "hundredths": Decimal,
    "date": date.fromisoformat,
    "month": str,
    "seconds": int,
    "text": str,
}
_READERS: Final = {field.name.encode(): (field.name, _READ[field.kind]) for field in FIELDS}


def parse_hash(stored: Mapping[bytes, bytes]) -> ScoreHash:
    """Values of what HGETALL answers; fields that this version does not know are left out.

    ValueError, naming the field, where a text is not of its kind.
    """
    return ScoreHash(**parse_fields(stored))


def parse_fields(stored: Mapping[bytes, bytes]) -> dict[str, Any]:
    """The same as values by name; what is absent has no entry."""
    values: dict[str, Any] = {}
    for key, text in stored.items():
        if key in _READERS:
            name, read = _READERS[key]
            try:
                values[name] = read(text.decode())
            except (ValueError, ArithmeticError):
                raise ValueError(f"{name} is {text!r}, which can't be read") from None
    return values
