"""What a setting is: its variable, the values it takes, its default, unit and meaning."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from stream_app.settings.kinds import Kind

T = TypeVar("T")


@dataclass(frozen=True)
class Declaration:
    """One setting as it was declared; `attribute` is its name in `Settings`."""

    attribute: str
    group: str
    variable: str
    kind: Kind[Any]
    default: Any
    unit: str
    meaning: str
    secret: Callable[[str], str] | None

    @property
    def file_variable(self) -> str | None:
        """The variable that names a file to read the secret from; None for what is no secret."""
        return f"{self.variable}_FILE" if self.secret else None


def setting(
    variable: str,
    kind: Kind[T],
    default: T,
    meaning: str,
    *,
    group: str,
    unit: str = "",
    secret: Callable[[str], str] | None = None,
) -> T:
    """Declare a field of `Settings`. A secret gives the function that masks it for display."""
    declared = {
        "group": group,
        "variable": variable,
        "kind": kind,
        "default": default,
        "unit": unit,
        "meaning": meaning,
        "secret": secret,
    }
    return field(default=default, repr=secret is None, metadata=declared)


def declarations(settings_type: type[Any]) -> tuple[Declaration, ...]:
    """Every setting of the type, in the order they were declared."""
    return tuple(
        Declaration(attribute=declared.name, **declared.metadata)
        for declared in fields(settings_type)
        if declared.metadata
    )


def hidden(value: str) -> str:
    """All of it is secret."""
    return "********" if value else ""


def url_without_password(url: str) -> str:
    """A URL that can be shown: the password and what its query says (but `db`) are masked."""
    scheme, separator, rest = url.partition("://")
    place, _, query = rest.partition("?")
    user, at, host = place.rpartition("@")
    if ":" in user:
        user = user.partition(":")[0] + ":********"
    shown = scheme + separator + user + at + host
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    told = [f"{name}={value if name == 'db' else '********'}" for name, _, value in pairs]
    return shown + ("?" + "&".join(told) if told else "")
