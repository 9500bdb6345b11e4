"""Scores as Redis holds them: the texts of a flat hash, and back again for readers.

Formatting goes by column and zips the columns into rows: 3 us a customer for all fields, nearly
half of it the 17 digits of four floats. What the fields are stands in `score_fields`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import compress, repeat
from typing import Any, Final

from msgspec import Struct

from stream_app.core import facts
from stream_app.core.calendar import date_text
from stream_app.core.customer import Customer, SignedUp
from stream_app.core.models.day_starts import ABSENT
from stream_app.core.score import Scores
from stream_app.core.segments import TIERS
from stream_app.wire.score_fields import FIELDS, Kind

Rows = list[list[str]]
Mask = Sequence[bool]
"""Who has a field; None: everybody."""

_SMALL: Final = tuple(map(str, range(4096)))


class _DateTexts(dict[int, str]):
    """Days as texts, each made once: there can be 65,536."""

    def __missing__(self, day: int) -> str:
        text = self[day] = date_text(day)
        return text


_DATES: Final = _DateTexts()


def redis_rows(customers: Sequence[Customer], scores: Scores, gen: int) -> Rows:
    """For each customer the fields of its hash, flat: field, value, field, value...

    `scores` must be those of `customers`, in the same order.
    """
    for_all: list[Iterable[str]] = []
    for_some: list[tuple[str, Iterable[str], Mask]] = []
    for name, texts, mask in _columns(customers, scores, gen):
        if mask is None or all(mask):
            for_all += (repeat(name), texts)
        else:
            for_some.append((name, texts, mask))
    rows = list(map(list, zip(*for_all, strict=False)))
    for name, texts, mask in for_some:
        for row, text in compress(zip(rows, texts, strict=True), mask):
            row += (name, text)
    for row, customer in zip(rows, customers, strict=True):
        if customer.facts[1] & facts.SIGNUP:
            row += _signup_fields(customer.signup)
    return rows


def _columns(
    customers: Sequence[Customer], scores: Scores, gen: int
) -> Iterable[tuple[str, Iterable[str], Mask | None]]:
    """Every column that a batch has: name, texts, and who has it."""
    yield "rev", _integers([customer.rev for customer in customers]), None
    yield "gen", repeat(str(gen), len(scores)), None
    yield "pos", map(str, [customer.pos for customer in customers]), None
    yield "as_of", repeat(str(scores.as_of), len(scores)), None
    yield "currency", repeat(scores.currency, len(scores)), None
    yield "revenue", map(str, scores.revenue_minor.tolist()), None
    yield "orders", _integers(scores.statistics.orders.tolist()), None
    yield "tier", map(TIERS.__getitem__, scores.tier.tolist()), None
    yield from _basis(scores)
    bought = scores.bought.tolist()
    yield "first_order", map(_DATES.__getitem__, scores.statistics.first_day.tolist()), bought
    yield "last_order", map(_DATES.__getitem__, scores.statistics.last_day.tolist()), bought
    yield "frequency", _integers(scores.frequency.tolist()), bought
    yield "recency", _integers(scores.recency_days.tolist()), bought
    yield "repeat_gross", map(str, scores.statistics.repeat_gross_minor.tolist()), bought
    hundredths = scores.monetary_hundredths.tolist()
    yield "monetary", map(_hundredths, hundredths), (scores.frequency > 0).tolist()
    if scores.model is not None:
        for name in ("p_alive", "churn_30", "churn_90", "orders_365"):
            yield name, _floats(getattr(scores, name).tolist()), bought
    ordered, valued = scores.ordered.tolist(), scores.valued.tolist()
    yield "aov", map(str, scores.aov_minor.tolist()), ordered
    yield "ltv_365", map(str, scores.ltv_365_minor.tolist()), valued
    yield "ltv", map(str, scores.ltv_minor.tolist()), valued
    yield "ltv_formula", map(str, scores.ltv_formula_minor.tolist()), ordered
    for name in ("at_risk_at", "lost_at", "next_order_at"):
        instants = getattr(scores, name)
        yield name, map(str, instants.tolist()), (instants != ABSENT).tolist()


def _basis(scores: Scores) -> Iterable[tuple[str, Iterable[str], None]]:
    yield "basis", repeat("formula" if scores.model is None else "model", len(scores)), None
    if scores.model is not None:
        yield "model", repeat(scores.model, len(scores)), None
    elif scores.basis_reason:
        yield "basis_reason", repeat(scores.basis_reason, len(scores)), None


def _floats(numbers: list[float]) -> list[str]:
    """17 significant digits of each; as one text that is cut again, a fifth faster than one by one.

    >>> _floats([0.1, 1.0, 1e-301])
    ['0.10000000000000001', '1', '1.0000000000000001e-301']
    """
    return (b"%.17g " * len(numbers) % tuple(numbers)).decode().split()


def _integers(numbers: list[int]) -> Iterable[str]:
    """Texts of numbers that are mostly small: three times as fast when they all are."""
    if numbers and min(numbers) >= 0 and max(numbers) < len(_SMALL):
        return map(_SMALL.__getitem__, numbers)
    return map(str, numbers)


def _hundredths(number: int) -> str:
    """A count of hundredths as a decimal.

    >>> _hundredths(1205), _hundredths(-5)
    ('12.05', '-0.05')
    """
    sign = "-" if number < 0 else ""
    units, rest = divmod(abs(number), 100)
    return f"{sign}{units}.{rest:02d}"


def _signup_fields(signup: SignedUp | None) -> tuple[str, ...]:
    if signup is None:
        return ()
    text = _DATES[signup.day]
    if signup.channel is None:
        return "signup", text, "cohort", text[:7]
    return "signup", text, "cohort", text[:7], "channel", signup.channel


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
    values: dict[str, Any] = {}
    for key, text in stored.items():
        if key in _READERS:
            name, read = _READERS[key]
            try:
                values[name] = read(text.decode())
            except (ValueError, ArithmeticError):
                raise ValueError(f"{name} is {text!r}, which can't be read") from None
    return ScoreHash(**values)
