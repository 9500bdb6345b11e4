"""schemas/model.schema.json, from the parameters that the code knows."""

from __future__ import annotations

from typing import Any, Final

from stream_app.core.models.parameters import (
    KINDS,
    LARGEST,
    LARGEST_GAMMA,
    LATEST,
    OF_KIND,
    OF_SPEND,
    ROLES,
    SMALLEST,
    TAKEN_IDS,
)

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

_MEANINGS: Final = {
    "r": "Shape of how purchase rates differ between customers.",
    "alpha": "Scale of the same, weeks.",
    "a": "mbg, bg: first shape of how drop-out probabilities differ.",
    "b": "mbg, bg: second shape of the same.",
    "s": "pareto: shape of how drop-out rates differ.",
    "beta": "pareto: scale of the same, weeks.",
    "p": "Shape of what one customer spends on a purchase day.",
    "q": "Shape of how that differs between customers; above 1.",
    "gamma": "Scale of the same, major units of `currency`.",
}


def model_schema() -> dict[str, Any]:
    """A model as it lies in the topic `ltv-models` and in a parameters file."""
    needed = ["id", "kind", "currency", "time_zone", *OF_SPEND]
    kinds = [
        {
            "properties": {"kind": {"const": kind}} | {name: _bounds(name) for name in names},
            "required": [*names],
        }
        for kind, names in OF_KIND.items()
    ]
    return {
        "$schema": DIALECT,
        "$id": "model.schema.json",
        "title": "Model",
        "description": "Parameters of one fitted model: when customers buy (weeks), what they"
        " spend (Gamma-Gamma, major units), how much of it stays. In Redis each is a field of"
        " a hash. Unknown fields are ignored.",
        "type": "object",
        "properties": {
            "id": {
                "description": "Names the model in scores; two names are taken.",
                "type": "string",
                "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
                "not": {"enum": list(TAKEN_IDS)},
            },
            "kind": {
                "description": "MBG/NBD, BG/NBD or Pareto/NBD.",
                "enum": list(KINDS),
            },
            "currency": {
                "description": "ISO 4217 code of the money it was fitted on.",
                "type": "string",
                "pattern": "^[A-Z]{3}$",
            },
            "time_zone": {"description": "Whose days were counted.", "type": "string"},
            **{name: _parameter(name) for name in _MEANINGS},
            "net_ratio": {
                "description": "Share of gross that is left after refunds; 1 where absent.",
                "type": "number",
                "minimum": 0,
                "maximum": 1,
            },
            "fitted_at": {
                "description": "Unix seconds; null where the parameters were not fitted by us.",
                "type": ["integer", "null"],
                "minimum": 0,
                "maximum": LATEST,
            },
            "lineage": {
                "description": "Where it came from, for people: source, offsets, customers.",
                "type": "object",
            },
            "role": {
                "description": "champion, also where absent: the last one scores everybody."
                " challenger: the last one is graded beside it, and scores the share of customers"
                " that LTV_CHALLENGER_SHARE gives it. retired: neither.",
                "enum": list(ROLES),
            },
        },
        "required": needed,
        "oneOf": kinds,
    }


def _parameter(name: str) -> dict[str, Any]:
    """Of another kind's parameters only the type is looked at."""
    if name in OF_SPEND:
        return {"description": _MEANINGS[name]} | _bounds(name)
    of_all = all(name in names for names in OF_KIND.values())
    return {"description": _MEANINGS[name], "type": "number" if of_all else ["number", "null"]}


def _bounds(name: str) -> dict[str, Any]:
    if name == "q":
        return {"type": "number", "exclusiveMinimum": 1, "maximum": LARGEST}
    largest = LARGEST_GAMMA if name == "gamma" else LARGEST
    return {"type": "number", "minimum": SMALLEST, "maximum": largest}
