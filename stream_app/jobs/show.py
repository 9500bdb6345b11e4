"""`ltv show ID`: a customer's scores as a storefront reads them, with their units.

Redis alone is asked. A customer of whom nothing is published is exit 1.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import click

from stream_app.core.money import EXPONENTS
from stream_app.errors import Fault, NotFound
from stream_app.settings import Settings
from stream_app.settings.declaration import url_without_password
from stream_app.stores.reader import score_reader
from stream_app.wire.score_fields import FIELDS, Field
from stream_app.wire.scores import ScoreHash, parse_hash

MONEY: Final = frozenset(
    {"revenue", "aov", "repeat_gross", "monetary", "ltv_365", "ltv", "ltv_formula"}
)


def run(settings: Settings, customer_id: str, *, as_json: bool) -> int:
    """Print one customer's scores; NotFound when there are none."""
    scores = read(settings, customer_id)
    if as_json:
        click.echo(json.dumps(as_object(customer_id, scores), indent=2, default=_plain))
    else:
        _print(customer_id, scores)
    return 0


def read(settings: Settings, customer_id: str) -> ScoreHash:
    """The published scores of a customer."""
    shown = url_without_password(settings.redis_url)
    prefix, build = settings.key_prefix, settings.build
    with score_reader(settings.redis_url, shown, prefix, build) as reader:
        stored = reader.customer(customer_id.encode())
    if stored is None:
        raise NotFound(
            f"Nothing is published of customer {customer_id!a} under {prefix!r} at {shown}."
        )
    try:
        return parse_hash(stored)
    except ValueError as error:
        raise Fault(f"The hash of customer {customer_id!a} can't be read: {error}.") from None


def as_object(customer_id: str, scores: ScoreHash) -> dict[str, Any]:
    """The fields that are there, typed, by the names they have in Redis."""
    named = ((field.name, getattr(scores, field.name)) for field in FIELDS)
    there = {name: value for name, value in named if value is not None}
    return {"customer_id": customer_id, **there}


def _plain(value: object) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    assert isinstance(value, Decimal)
    return float(value)


def _print(customer_id: str, scores: ScoreHash) -> None:
    click.secho(ascii(customer_id)[1:-1], bold=True)
    wide = max(len(field.name) for field in FIELDS)
    for field in FIELDS:
        value = getattr(scores, field.name)
        if value is None:
            continue
        shown = _shown(field, value, scores.currency or "")
        meaning = click.style(field.meaning, dim=True)
        click.echo(f"  {field.name:{wide}}  {shown:>24}  {meaning}")


def _shown(field: Field, value: Any, currency: str) -> str:
    """A value with its unit, in a form for people."""
    if field.name in MONEY:
        major = Decimal(value).scaleb(-EXPONENTS.get(currency, 0))
        return f"{major:,} {currency}"
    if field.kind == "seconds":
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    if field.kind == "float":
        return f"{value:.4f}"
    if field.kind == "integer":
        return f"{value:,}"
    return ascii(str(value))[1:-1]
