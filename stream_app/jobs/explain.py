"""`ltv explain ID`: every number of a customer's scores, from its inputs.

What Redis shows says as of when, with which model and from which version of the state; that version
is read from the changelog, and each number is worked out again from it, with its rule written
down and filled in.  A number that Redis shows differently is marked.

The changelog has no index by customer: one partition of it is read, some 200,000 records a second.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import click

from stream_app.core.calendar import Calendar, date_text, month_text
from stream_app.core.customer import Customer
from stream_app.core.explanation import Explained, explain
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.statistics import statistics
from stream_app.errors import Fault, NotFound
from stream_app.jobs.changelog_reader import Version, partition_counts, read_customer
from stream_app.jobs.explain_lineage import Origin, origin_lines, read_origin
from stream_app.jobs.progress import Progress
from stream_app.jobs.show import read
from stream_app.jobs.verification.printing import amount
from stream_app.jobs.verification.rescoring import score_settings
from stream_app.settings import Settings
from stream_app.settings.declaration import url_without_password
from stream_app.stores.log_reader import log_reader
from stream_app.stores.reader import score_reader
from stream_app.wire.models import parameters_from_hash
from stream_app.wire.partitioner import PARTITIONERS
from stream_app.wire.scores import ScoreHash
from stream_app.wire.state import decode

TOLERANCE = 1e-9
"""Relative difference of a float below which Redis shows the same number."""


@dataclass(frozen=True)
class Explanation:
    """A customer's state, and each number that follows from it."""

    customer_id: str
    customer: Customer
    shown: ScoreHash
    parameters: ModelParameters | None
    origin: Origin | None
    """Where the model came from; None where there is no model."""
    lines: list[Explained]

    def differs(self, line: Explained) -> bool:
        """Whether Redis shows another value; numbers in between are not in Redis."""
        if line.field not in ScoreHash.__struct_fields__:
            return False
        return not _same(getattr(self.shown, line.field), line.value)


def run(settings: Settings, customer_id: str, *, as_json: bool) -> int:
    """Print the explanation; 0 when Redis shows what it says, 1 where a number differs."""
    found = asyncio.run(explained(settings, customer_id))
    if as_json:
        click.echo(json.dumps(as_object(found), indent=2))
    else:
        _print(found, settings)
    return 1 if any(map(found.differs, found.lines)) else 0


async def explained(settings: Settings, customer_id: str) -> Explanation:
    """Read hash, model and state, and work everything out.

    Raises NotFound where nothing is published of the customer, Fault where the changelog has not
    the version that Redis shows.
    """
    shown = await asyncio.to_thread(read, settings, customer_id)
    parameters = await asyncio.to_thread(_parameters, settings, shown.model)
    origin = None if parameters is None else await read_origin(settings, parameters)
    version = await _version(settings, customer_id, shown.pos or 0)
    customer = decode(version.body)
    calendar = Calendar(settings.time_zone)
    as_of = shown.as_of or 0
    lines = explain(
        statistics([customer]),
        as_of_seconds=as_of,
        as_of_day=calendar.day_of(as_of * 1_000_000),
        calendar=calendar,
        parameters=parameters,
        basis_reason=shown.basis_reason,
        settings=score_settings(settings),
    )
    lines += _of_all(shown)
    return Explanation(customer_id, customer, shown, parameters, origin, lines)


def _of_all(shown: ScoreHash) -> list[Explained]:
    """Numbers that one customer's facts do not tell; they are shown as they are."""
    fields = (("rfm", shown.rfm), ("value_rank", shown.value_rank))
    return [
        Explained(name, value, "depends on all customers", "", {})
        for name, value in fields
        if value is not None
    ]


def _parameters(settings: Settings, model_id: str | None) -> ModelParameters | None:
    if model_id is None:
        return None
    where = url_without_password(settings.redis_url)
    with score_reader(settings.redis_url, where, settings.key_prefix, settings.build) as reader:
        stored = reader.model(model_id)
    if stored is None:
        raise Fault(f"Redis at {where} names the model {model_id!r}, but has no parameters of it.")
    return parameters_from_hash(stored)


async def _version(settings: Settings, customer_id: str, pos: int) -> Version:
    """The state that was the newest at changelog offset `pos`."""
    key, topic = customer_id.encode(), settings.changelog_topic
    count = (await partition_counts(settings, topic))[topic]
    choose = PARTITIONERS[settings.partitioner]
    numbers = range(count) if choose is None else [choose(key, count)]
    async with log_reader(settings) as log:
        with Progress("reading the changelog", "records") as progress:
            for number in numbers:
                view = await read_customer(log, settings, number, key, progress.advance)
                if pos in view.history:
                    return Version(pos, view.history[pos][1])
    raise NotFound(
        f"Redis shows customer {customer_id!a} as of offset {pos} of {topic!r}, and no state is"
        " there: it has been compacted away by a newer one, or LTV_APP_ID or LTV_BUILD is another."
        " Try again; if it stays so, `ltv verify` tells more."
    )


def _same(shown: Any, value: Any) -> bool:
    """
    >>> _same(None, None), _same(0.5, 0.5 + 1e-12), _same(7, 8), _same("lost", "lost")
    (True, True, False, True)
    """
    if isinstance(value, float) and shown is not None:
        return abs(float(shown) - value) <= TOLERANCE * max(abs(value), 1e-300)
    return bool(shown == value)


def as_object(found: Explanation) -> dict[str, Any]:
    """For scripts; `equal` is whether Redis shows each number as it is worked out here."""
    customer, signup = found.customer, found.customer.signup
    return {
        "customer_id": found.customer_id,
        "equal": not any(map(found.differs, found.lines)),
        "as_of": found.shown.as_of,
        "pos": found.shown.pos,
        "model": _model(found),
        "lineage_missing": found.origin.why_not if found.origin else None,
        "basis_reason": found.shown.basis_reason,
        "days": [
            {"day": date_text(day), "orders": orders, "gross": gross, "refunds": refunds}
            for day, orders, gross, refunds in customer.buckets
        ],
        "signup": {"day": date_text(signup.day), "channel": signup.channel} if signup else None,
        "active_months": [month_text(month) for month in customer.active_months],
        "unconverted": customer.unconverted,
        "lines": [_line(line, found) for line in found.lines],
    }


def _model(found: Explanation) -> dict[str, Any] | None:
    if found.parameters is None or found.origin is None:
        return None
    return {**asdict(found.parameters), "lineage": found.origin.lineage}


def _line(line: Explained, found: Explanation) -> dict[str, Any]:
    return {
        "field": line.field,
        "value": line.value,
        "rule": line.rule,
        "filled": line.filled,
        "inputs": dict(line.inputs),
        "equal": not found.differs(line),
    }


def _print(found: Explanation, settings: Settings) -> None:
    as_of = datetime.fromtimestamp(found.shown.as_of or 0, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    click.secho(ascii(found.customer_id)[1:-1], bold=True, nl=False)
    click.echo(f" as of {as_of}, from changelog offset {found.shown.pos}")
    click.echo(f"by {_basis(found)}")
    if found.origin is not None and found.parameters is not None:
        for told in origin_lines(found.origin, found.parameters.fitted_at):
            click.secho(f"  {told}", dim=True)
    click.echo()
    _print_state(found.customer, settings.currency)
    click.echo()
    wide = max(len(line.field) for line in found.lines)
    for line in found.lines:
        click.echo(f"{line.field:>{wide}} = {_shown(line.value)}   {line.rule}")
        if line.filled not in ("", line.rule):
            click.secho(f"{'':{wide}} = {line.filled}", dim=True)
        if found.differs(line):
            other = _shown(getattr(found.shown, line.field))
            click.secho(f"{'':{wide}}   Redis shows {other}", fg="red")


def _basis(found: Explanation) -> str:
    model = found.parameters
    if model is None:
        return f"the formula, because: {found.shown.basis_reason or 'no reason given'}"
    named: Mapping[str, Any] = asdict(model)
    skipped = {"id", "kind", "currency", "time_zone", "fitted_at", "lineage", "role"}
    numbers = (f"{k} {v:g}" for k, v in named.items() if v is not None and k not in skipped)
    role = "" if model.role == "champion" else f", {model.role}"
    return f"model {model.id} ({model.kind}{role}): {', '.join(numbers)}"


def _print_state(customer: Customer, currency: str) -> None:
    """The state: all that the numbers below start from."""
    for day, orders, gross, refunds in customer.buckets:
        words = [f"{orders} order{'' if orders == 1 else 's'}, {amount(gross, currency)}"]
        words += [f"refunds {amount(refunds, currency)}"] if refunds else []
        click.echo(f"  {date_text(day)}  {', '.join(words)}")
    if customer.signup is not None:
        channel = customer.signup.channel
        through = f" through {channel!a}" if channel is not None else ""
        click.echo(f"  {date_text(customer.signup.day)}  signed up{through}")
    for month in customer.active_months:
        click.echo(f"  {month_text(month)}     active")
    for code, (gross, refunds) in customer.unconverted.items():
        click.echo(f"  {amount(gross, code)}, refunds {amount(refunds, code)}: without a rate")


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.8g}"
    return "absent" if value is None else str(value)
