"""`ltv fit`: fit every model to the customers of now, compare them, publish the chosen one.

The state is read from the changelog, read-only, while workers go on. Days after as_of are not
looked at, so that with LTV_AS_OF a fit as of any day in the past can be made. What is published is
a record of the models topic; workers take it up within seconds, as champion or as challenger.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from stream_app import __version__
from stream_app.core.calendar import Calendar, date_text
from stream_app.core.models.fitted import Fitted, fit, inputs
from stream_app.core.models.parameters import Kind, ModelParameters
from stream_app.core.models.statistics import Statistics
from stream_app.core.models.validation import Validation, validate
from stream_app.jobs.fit_report import as_object, print_fit
from stream_app.jobs.models_topic import (
    append_entries,
    append_model,
    challenge,
    check_topic,
    read_models,
)
from stream_app.jobs.population_reader import Known, least_data, read_population
from stream_app.settings import Settings
from stream_app.wire.models import parameters_to_json

HOLD_OUT_CUSTOMERS: Final = 200_000
"""Customers that the comparison on held-out days looks at, at most: it fits everything again."""
HOLD_OUT_DAYS: Final = 182
"""Length of the hold-out at most; at most half of the history."""


@dataclass(frozen=True)
class Fit:
    """What one run found, and what it made of it."""

    as_of: int
    """Unix seconds."""
    as_of_day: int
    customers: int
    buyers: int
    repeat_buyers: int
    fitted: Fitted | None
    """None where there was not enough to fit to."""
    hold_out: Validation | None
    """The same models, fitted to earlier days and graded on later ones; None where too short."""
    chosen: Kind | None
    parameters: ModelParameters | None
    """Of the chosen model; None where nothing can be published."""
    reason: str | None
    """Why not; None where there is something."""
    fit_seconds: float


def run(
    settings: Settings, *, kind: Kind | None, challenger: bool, dry_run: bool, as_json: bool
) -> int:
    """Fit, print, publish; 0 also where there was nothing to publish."""
    answer = fit_and_publish(settings, kind, challenger=challenger, dry_run=dry_run)
    print_fit(answer, settings, as_json=as_json)
    return 0


def fit_and_publish(
    settings: Settings, kind: Kind | None, *, challenger: bool = False, dry_run: bool = False
) -> dict[str, Any]:
    """Read the state, fit, publish; what came of it, as `ltv fit --json` tells it."""
    began = time.monotonic()
    known = asyncio.run(_read(settings))
    read_seconds = time.monotonic() - began
    found = fit_population(settings, known, kind, now=time.time())
    if found.parameters is not None and challenger:
        found = replace(found, parameters=replace(found.parameters, role="challenger"))
    published = found.parameters is not None and not dry_run
    if found.parameters is not None and not dry_run:
        asyncio.run(_publish(settings, found.parameters, challenger=challenger))
    return as_object(found, settings, published=published, read_seconds=read_seconds)


async def _publish(settings: Settings, parameters: ModelParameters, *, challenger: bool) -> None:
    value = parameters_to_json(parameters)
    if not challenger:
        await append_model(settings, parameters.id, value)
        return
    models = await read_models(settings)
    await append_entries(settings, challenge(parameters.id.encode(), value, models))


async def _read(settings: Settings) -> Known:
    await check_topic(settings)  # rather before the work than after it
    return await read_population(settings)


def fit_population(settings: Settings, known: Known, kind: Kind | None, *, now: float) -> Fit:
    """Fit to what is known; `kind` None: MBG/NBD, or the likeliest where that has no fit."""
    began = time.monotonic()
    as_of = known.as_of_seconds(settings, now)
    as_of_day = Calendar(settings.time_zone).day_of(as_of * 1_000_000)
    statistics = known.histories.statistics(as_of_day)
    fitted, hold_out, chosen, parameters = None, None, None, None
    reason = least_data(settings).why_not(statistics, as_of_day)
    if reason is None:
        seen = inputs(statistics, as_of_day, settings.currency)
        fitted = fit(seen)
        hold_out = _held_out(settings, known, as_of_day, int(seen.buyers.first_day.min()))
        chosen = kind or fitted.best()
        reason = fitted.problem(chosen or "mbg")
    if chosen is not None and fitted is not None and reason is None:
        lineage = _lineage(settings, known, fitted, as_of, statistics, hold_out)
        parameters = _parameters(settings, fitted, chosen, now, lineage)
        reason = parameters.problem()
    return Fit(
        as_of=as_of,
        as_of_day=as_of_day,
        customers=known.histories.size,
        buyers=int((statistics.purchase_days > 0).sum()),
        repeat_buyers=int((statistics.purchase_days > 1).sum()),
        fitted=fitted,
        hold_out=hold_out,
        chosen=chosen,
        parameters=parameters if reason is None else None,
        reason=reason,
        fit_seconds=time.monotonic() - began,
    )


def _held_out(
    settings: Settings, known: Known, as_of_day: int, first_day: int
) -> Validation | None:
    """Grades on the last days, by fits to those before; None where these are not enough."""
    days = min(HOLD_OUT_DAYS, (as_of_day - first_day) // 2)
    cut_day = as_of_day - days
    some = known.histories.thinned(HOLD_OUT_CUSTOMERS)
    if not days or least_data(settings).why_not(some.statistics(cut_day), cut_day) is not None:
        return None
    return validate(some, cut_day, as_of_day, settings.currency)


def _parameters(
    settings: Settings, fitted: Fitted, kind: Kind, now: float, lineage: dict[str, Any]
) -> ModelParameters:
    numbers: dict[str, Any] = {**fitted.buying[kind].parameters, **fitted.spend.parameters}
    parameters = ModelParameters(
        id="",
        kind=kind,
        currency=settings.currency,
        time_zone=settings.time_zone,
        net_ratio=fitted.net_ratio,
        fitted_at=int(now),
        lineage=lineage,
        **numbers,
    )
    # Two fits within one second have names of their own unless they are one and the same.
    content = sha256(parameters_to_json(parameters)).hexdigest()[:6]
    when = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    return replace(parameters, id=f"{kind}-{when}-{content}")


def _lineage(
    settings: Settings,
    known: Known,
    fitted: Fitted,
    as_of: int,
    statistics: Statistics,
    hold_out: Validation | None,
) -> dict[str, Any]:
    """Where the parameters come from, for people."""
    likelihoods: dict[str, float | None] = {
        kind: None if one.model is None else round(one.log_likelihood, 4)
        for kind, one in fitted.buying.items()
    }
    likelihoods["gamma_gamma"] = round(fitted.spend.log_likelihood, 4)
    lineage: dict[str, Any] = {
        "source": f"ltv fit {__version__}",
        "as_of": as_of,
        "state": settings.changelog_topic,
        "offsets": known.offsets,
        "customers": known.histories.size,
        "buyers": int((statistics.purchase_days > 0).sum()),
        "repeat_buyers": int((statistics.purchase_days > 1).sum()),
        "spend_buyers": fitted.spend.buyers,
        "log_likelihoods": likelihoods,
        "net_ratio": fitted.net_ratio,
        "correlation": {**asdict(fitted.correlation), "warning": fitted.correlation.warning},
    }
    if fitted.spend.note is not None:
        lineage["spend"] = fitted.spend.note
    if hold_out is not None:
        lineage["hold_out"] = {
            "cut": date_text(hold_out.cut_day),
            "end": date_text(hold_out.end_day),
            "mae": {name: grade.mae for name, grade in hold_out.grades.items()},
        }
    return lineage
