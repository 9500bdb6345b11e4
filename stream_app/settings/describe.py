"""Settings as they are shown to people and scripts: nothing secret among them."""

from __future__ import annotations

from typing import Any, TypedDict

from stream_app.settings.declaration import Declaration, declarations
from stream_app.settings.settings import Settings


class Described(TypedDict):
    """One setting as it is shown. `value` is masked where it is secret."""

    name: str
    variable: str
    value: Any
    origin: str
    default: Any
    unit: str
    takes: str
    meaning: str
    group: str


def describe(settings: Settings) -> list[Described]:
    """Every setting with its value, variable and origin, in the order of their declaration."""
    return [_described(one, settings) for one in declarations(Settings)]


def _described(one: Declaration, settings: Settings) -> Described:
    return Described(
        name=one.attribute,
        variable=one.variable,
        value=_shown(one, getattr(settings, one.attribute)),
        origin=settings.origins.get(one.attribute, "code"),
        default=_shown(one, one.default),
        unit=one.unit,
        takes=one.kind.takes,
        meaning=one.meaning,
        group=one.group,
    )


def _shown(one: Declaration, value: Any) -> Any:
    if one.secret is not None:
        return one.secret(value)
    return "/".join(map(str, value)) if isinstance(value, tuple) else value
