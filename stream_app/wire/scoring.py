"""What scores depend on besides a customer and a model, as the Redis hash `ltv:scoring`.

    currency              text      base currency, ISO 4217; its exponent makes minor units
    time_zone             text      IANA name of the zone whose days are counted
    alive at_risk         floats    tier bounds of p_alive, 17 significant digits
    new_days              integer   days that `new` lasts
    formula_active_days   integer   by formula: most days since the last order of `active`
    formula_at_risk_days  integer   by formula: most days since the last order of `at_risk`
    lifespan_years        decimal   years of `ltv_formula`, exactly as written
    models                text      names the models in use with their numbers, and all settings

Written by the publisher, read by `stream_app.reader`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Final, NamedTuple

from stream_app.core.money import EXPONENTS
from stream_app.core.score import ScoreSettings
from stream_app.core.segments import TierBounds


class BadScoring(ValueError):
    """These are no rules of scoring; one sentence says why."""


class Rules(NamedTuple):
    """What the hash holds."""

    settings: ScoreSettings
    time_zone: str


NAMES: Final = (
    "currency",
    "time_zone",
    "alive",
    "at_risk",
    "new_days",
    "formula_active_days",
    "formula_at_risk_days",
    "lifespan_years",
)


MODELS: Final = "models"
"""Another text here: what is known of models may be out of date."""


def scoring_fields(settings: ScoreSettings, time_zone: str, models: str = "") -> list[str]:
    """The flat hash: field, value, field, value...

    `lifespan_years` enters exact arithmetic as the decimal that people set, so it is written as
    the shortest that reads back as the same double, not with 17 digits.
    """
    tiers = settings.tiers
    values = (
        settings.currency,
        time_zone,
        format(tiers.alive, ".17g"),
        format(tiers.at_risk, ".17g"),
        str(tiers.new_days),
        *map(str, tiers.formula_days),
        repr(settings.lifespan_years),
    )
    pairs = [*zip(NAMES, values, strict=True), *([(MODELS, models)] if models else [])]
    return [word for pair in pairs for word in pair]


def scoring_from_hash(stored: Mapping[bytes, bytes]) -> Rules:
    """The rules that a hash holds, to the last bit; BadScoring where it holds none."""
    try:
        texts = [stored[name.encode()].decode() for name in NAMES]
        tiers = TierBounds(
            alive=float(texts[2]),
            at_risk=float(texts[3]),
            new_days=int(texts[4]),
            formula_days=(int(texts[5]), int(texts[6])),
        )
        settings = ScoreSettings(texts[0], float(texts[7]), tiers)
    except KeyError as error:
        raise BadScoring(f"{error.args[0].decode()} is missing") from None
    except ValueError as error:
        raise BadScoring(str(error)) from None
    _check(settings)
    return Rules(settings, texts[1])


def _check(settings: ScoreSettings) -> None:
    tiers = settings.tiers
    if settings.currency not in EXPONENTS:
        raise BadScoring(f"currency is {settings.currency!r}, no ISO 4217 currency")
    if not 0 <= tiers.at_risk <= 1 or not 0 <= tiers.alive <= 1:
        raise BadScoring(f"tiers begin at {tiers.alive} and {tiers.at_risk}, not within 0 and 1")
    if min(tiers.new_days, *tiers.formula_days) < 0:
        raise BadScoring(f"tiers last {tiers.new_days} and {tiers.formula_days} days")
    if not (isfinite(settings.lifespan_years) and settings.lifespan_years > 0):
        raise BadScoring(f"lifespan_years is {settings.lifespan_years}")
