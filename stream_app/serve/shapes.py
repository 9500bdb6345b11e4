"""What answers look like, as JSON Schema 2020-12; every member there is, and no other."""

from __future__ import annotations

from typing import Any, Final

from stream_app.core.cohorts.cells import TABLES, Cell
from stream_app.core.cohorts.report_object import NAMES
from stream_app.core.segments import SEGMENTS, TIERS
from stream_app.wire.score_fields import FIELDS, Field, Kind

Shape = dict[str, Any]

INTEGER: Final[Shape] = {"type": "integer"}
COUNT: Final[Shape] = {"type": "integer", "minimum": 0}
NUMBER: Final[Shape] = {"type": "number"}
SHARE: Final[Shape] = {"type": "number", "minimum": 0, "maximum": 1}
TEXT: Final[Shape] = {"type": "string"}
FLAG: Final[Shape] = {"type": "boolean"}
DATE: Final[Shape] = {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}
MONTH: Final[Shape] = {"type": "string", "pattern": r"^[0-9]{4}-[0-9]{2}$"}
STATE: Final[Shape] = {"enum": ["complete", "incomplete", "partial"]}

_KINDS: Final[dict[Kind, Shape]] = {
    "integer": INTEGER,
    "float": NUMBER,
    "hundredths": NUMBER,
    "date": DATE,
    "month": MONTH,
    "seconds": INTEGER,
    "text": TEXT,
}


def schemas() -> dict[str, Shape]:
    """By name."""
    return {
        "Customer": _customer(),
        "Report": _report(),
        "Segments": _segments(),
        "Status": _status(),
        "Problem": _problem(),
    }


def whole(members: dict[str, Shape], *, optional: tuple[str, ...] = ()) -> Shape:
    """An object of these members and no others."""
    return {
        "type": "object",
        "properties": members,
        "required": [name for name in members if name not in optional],
        "additionalProperties": False,
    }


def maybe(shape: Shape) -> Shape:
    """It, or null where there is none."""
    return {"anyOf": [shape, {"type": "null"}]}


def many(shape: Shape) -> Shape:
    """A list of them."""
    return {"type": "array", "items": shape}


def named(shape: Shape) -> Shape:
    """Any number of them by name."""
    return {"type": "object", "additionalProperties": shape}


def _customer() -> Shape:
    members = {"customer_id": TEXT} | {field.name: _field(field) for field in FIELDS}
    members["not_evaluated"] = TEXT | {
        "description": "Why the fields are as published, at an earlier as_of; absent: they are not."
    }
    optional = tuple(field.name for field in FIELDS if field.absent)
    return whole(members, optional=(*optional, "not_evaluated"))


def _field(field: Field) -> Shape:
    absent = f" Absent {field.absent}." if field.absent else ""
    words = f"{field.meaning[0].upper()}{field.meaning[1:]}.{absent}"
    shape: Shape = {"enum": list(field.choices)} if field.choices else _KINDS[field.kind]
    return {"description": words, **shape}


def _cell() -> dict[str, Shape]:
    return dict.fromkeys((*Cell._fields, "net_minor"), INTEGER)


def _report() -> Shape:
    cell = whole(_cell())
    metrics = dict.fromkeys(NAMES.values(), maybe(NUMBER))
    told = {"offset": COUNT, "month": MONTH, "state": STATE, "state_so_far": STATE}
    every = _cell() | metrics
    offset = whole(told | every, optional=tuple(every))
    second = whole({"members": COUNT, "rate": maybe(SHARE), "median_days": maybe(NUMBER)})
    line = whole(
        {
            "cohort": TEXT,
            "members": COUNT,
            "buyers": COUNT,
            "offsets": many(maybe(offset)),
            "before": cell,
            "before_share": maybe(NUMBER),
            "later": cell,
            "total": cell,
            "arppu_minor": maybe(NUMBER),
            "second_purchase": second,
            "acquisition": maybe(_acquisition()),
        }
    )
    cost = whole({"month": MONTH, "cost_minor": INTEGER})
    pooled = {"offset": COUNT, **metrics, "net_minor": {"type": "null"}}
    return whole(
        {
            "currency": TEXT,
            "minor_units": COUNT,
            "time_zone": TEXT,
            "as_of": DATE,
            "published_at": INTEGER,
            "stale": {"type": "boolean"},
            "partitions": whole({"of": COUNT, "missing": many(COUNT)}),
            "channels": many(maybe(TEXT)),
            "by": {"enum": list(TABLES)},
            "channel": maybe(TEXT),
            "from": maybe(MONTH),
            "to": maybe(MONTH),
            "offsets": COUNT,
            "metric": TEXT,
            "as_of_month": MONTH,
            "data_from_month": maybe(MONTH),
            "members": COUNT,
            "buyers": COUNT,
            "total": cell,
            "cohorts": many(line),
            "undated": maybe(line),
            "pooled": many(whole(pooled, optional=(*metrics, "net_minor"))),
            "costs_without_cohort": many(cost),
        },
        optional=("metric",),
    )


def _acquisition() -> Shape:
    return whole(
        {
            "cost_minor": INTEGER,
            "cac_minor": NUMBER,
            "at_offset": maybe(COUNT),
            "ltr_less_cac_minor": maybe(NUMBER),
            "ltr_per_cac": maybe(NUMBER),
            "payback_offset": maybe(COUNT),
        }
    )


def _segments() -> Shape:
    money = dict.fromkeys(("revenue_minor", "ltv_365_minor"), INTEGER)
    tier = whole({"customers": COUNT, **money, "at_risk_minor": maybe(INTEGER)})
    second = {"buyers": COUNT, "members": COUNT, "rate": maybe(SHARE), "median_days": maybe(NUMBER)}
    return whole(
        {
            "currency": TEXT,
            "minor_units": COUNT,
            "as_of": INTEGER,
            "models": many(TEXT),
            "partitions": whole({"of": COUNT, "looked_over": COUNT}),
            "customers": COUNT,
            "tiers": whole(dict.fromkeys(TIERS, tier)),
            "at_risk": whole({"days": COUNT, "minor": maybe(INTEGER)}),
            "segments": whole(dict.fromkeys(SEGMENTS, COUNT)),
            "rfm": named(COUNT) | {"propertyNames": {"pattern": "^[1-5]{3}$"}},
            "top_share": whole({"of_customers": SHARE, "of_revenue": maybe(NUMBER)}),
            "second_purchase": whole(second),
        }
    )


def _status() -> Shape:
    counts = named(whole(dict.fromkeys(("applied", "duplicate", "refused"), COUNT)))
    shared = {
        "at": NUMBER,
        "customers": COUNT,
        "events": counts,
        "events_per_second": NUMBER,
        "lag": named(COUNT),
        "behind": COUNT,
        "late_seconds": maybe(NUMBER),
        "stale": FLAG,
    }
    one = {"partition": COUNT, "age_seconds": NUMBER, "worker": TEXT, "model": maybe(TEXT)}
    model = {
        "id": TEXT,
        "role": {"enum": ["champion", "challenger"]},
        "kind": TEXT,
        "fitted_at": maybe(INTEGER),
        "grades": maybe({"type": "object"}),
    }
    partitions = {
        "of": maybe(COUNT),
        "missing": many(COUNT),
        "each": many(whole(shared | one)),
    }
    return whole(
        {
            "build": COUNT,
            "gen": COUNT,
            **shared,
            "age_seconds": maybe(NUMBER),
            "partitions": whole(partitions),
            "models": many(whole(model)),
        }
    )


def _problem() -> Shape:
    wrong = whole({"field": TEXT, "detail": TEXT})
    return {
        "type": "object",
        "properties": {
            "type": TEXT,
            "title": TEXT,
            "status": INTEGER,
            "detail": TEXT,
            "errors": many(wrong),
        },
        "required": ["type", "title", "status", "detail"],
    }
