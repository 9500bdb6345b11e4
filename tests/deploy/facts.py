"""What the program knows of itself, to hold the files of deploy/ against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click
import yaml

from stream_app.cli import ltv
from stream_app.cli.serving import PORT
from stream_app.settings import Settings, declarations, load

WORKER_PORT: Final = Settings.http_port
SERVE_PORT: Final = int(PORT)
USER: Final = 10001
VARIABLES: Final = frozenset(
    variable
    for one in declarations(Settings)
    for variable in (one.variable, one.file_variable)
    if variable
)


def read(path: Path) -> Any:
    """A YAML file of one document."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def documents(text: str) -> list[dict[str, Any]]:
    """The documents of a YAML text that are not empty."""
    return [one for one in yaml.safe_load_all(text) if one]


def understands(words: Sequence[str]) -> None:
    """Parse a command line as `ltv` does, down to the values of options; nothing is run.

    Raises click's UsageError where it would.
    """
    outer = click.Context(ltv, info_name="ltv")
    name, command, rest = ltv.resolve_command(outer, list(words))
    assert name is not None
    assert command is not None
    command.make_context(name, rest, parent=outer)


def accepted(environment: Mapping[str, str]) -> Settings:
    """The settings of an environment; a secret that stands in a file is taken to be a good one.

    Raises ConfigurationError where the program would refuse to start.
    """
    given = {}
    for name, value in environment.items():
        secret = name.removesuffix("_FILE")
        if name != secret and secret in _SECRETS:
            given[secret] = _SECRETS[secret]
        elif name.startswith("LTV_"):
            given[name] = value
    return load(given)


_SECRETS: Final = {
    "LTV_KAFKA_PASSWORD": "secret",
    "LTV_REDIS_URL": "rediss://user:secret@redis:6379/0?ssl_ca_certs=/etc/ltv/redis/ca.crt",
    "LTV_SERVE_TOKEN": "0123456789abcdef",
}


def strings(value: Any) -> Iterator[str]:
    """Every text in a parsed document, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            yield from strings(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from strings(inner)
