"""From the environment to `Settings`: every variable is known, read, checked and remembered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stream_app.errors import ConfigurationError
from stream_app.settings.declaration import Declaration, declarations
from stream_app.settings.settings import Settings

PREFIX = "LTV_"


def load(
    environ: Mapping[str, str],
    *,
    options: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
) -> Settings:
    """Read all settings; raise ConfigurationError with a sentence about the first that is wrong.

    `options` are words from a command line by variable, stronger than the environment. `defaults`
    are a command's own defaults by variable, weaker than it. A variable that is set but empty
    counts only where nothing is a value.

    >>> load({"LTV_PARTITIONS": "3"}).partitions
    3
    >>> load({"LTV_PARTITONS": "3"})
    Traceback (most recent call last):
      ...
    stream_app.errors.ConfigurationError: LTV_PARTITONS is not a setting; the nearest is ...
    """
    declared = declarations(Settings)
    _refuse_unknown(environ, declared)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for one in declared:
        given, origin = _find(one, environ, options or {}, defaults or {})
        origins[one.attribute] = origin
        if given is not None:
            values[one.attribute] = _read(one, given, origin)
    settings = Settings(**values, origins=origins)
    _check_together(settings)
    return settings


def _refuse_unknown(environ: Mapping[str, str], declared: tuple[Declaration, ...]) -> None:
    known = {one.variable for one in declared}
    known |= {one.file_variable for one in declared if one.file_variable}
    for variable in sorted(environ):
        if variable.startswith(PREFIX) and variable not in known:
            import difflib

            near = difflib.get_close_matches(variable, sorted(known), n=1, cutoff=0)
            raise ConfigurationError(
                f"{variable} is not a setting; the nearest is {near[0]}."
                " Correct or unset it; `ltv settings` lists them all."
            )


def _find(
    one: Declaration,
    environ: Mapping[str, str],
    options: Mapping[str, str],
    defaults: Mapping[str, str],
) -> tuple[str | None, str]:
    """The text given for a setting (None: nothing was given) and where it came from."""
    if one.variable in options:
        return options[one.variable], "command line"
    file_variable = one.file_variable
    if file_variable and environ.get(file_variable):
        if environ.get(one.variable):
            raise ConfigurationError(f"{one.variable} and {file_variable} are both set; keep one.")
        return _secret_from(environ[file_variable], file_variable), file_variable
    if one.variable in environ and (environ[one.variable] or one.default == ""):
        return environ[one.variable], "environment"
    if one.variable in defaults:
        return defaults[one.variable], "default"
    return None, "default"


def _secret_from(path: str, variable: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(
            f"{variable} names {path!r}, which can't be read: {why}."
        ) from None


def _read(one: Declaration, given: str, origin: str) -> Any:
    try:
        return one.kind.read(given)
    except (ValueError, KeyError):
        where = "" if origin in {"environment", "default"} else f" (from {origin})"
        shown = "a value that is secret" if one.secret else repr(given)
        raise ConfigurationError(
            f"{one.variable}{where} is {shown}; it takes {one.kind.takes}."
        ) from None


def _check_together(settings: Settings) -> None:
    """What no single setting can know: raise for values that do not go together."""
    if settings.tier_at_risk > settings.tier_alive:
        raise ConfigurationError(
            f"LTV_TIER_AT_RISK is {settings.tier_at_risk:g}, above LTV_TIER_ALIVE"
            f" ({settings.tier_alive:g}); a customer falls from active to at risk to lost."
        )
    if settings.replication == 0:
        raise ConfigurationError(
            "LTV_REPLICATION is 0; it takes -1 (the broker's default) or more."
        )
    if settings.session_seconds > settings.request_seconds:
        raise ConfigurationError(
            f"LTV_SESSION_SECONDS is {settings.session_seconds:g}, above LTV_REQUEST_SECONDS"
            f" ({settings.request_seconds:g}); a worker must hear from the group within a session."
        )
    _check_topics(settings)
    _check_kafka(settings)


def _check_topics(settings: Settings) -> None:
    names = [
        *settings.source_topics,
        settings.topic_models,
        settings.topic_dead_letters,
        settings.changelog_topic,
    ]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigurationError(
            f"The topic {twice[0]!r} is meant for two things; give each LTV_TOPIC_* its own name."
        )


def _check_kafka(settings: Settings) -> None:
    sasl = settings.kafka_security.startswith("SASL")
    if sasl and not (settings.kafka_user and settings.kafka_password):
        raise ConfigurationError(
            f"LTV_KAFKA_SECURITY is {settings.kafka_security}, which needs LTV_KAFKA_USER and"
            " LTV_KAFKA_PASSWORD (or LTV_KAFKA_PASSWORD_FILE)."
        )
    if settings.kafka_user and not sasl:
        raise ConfigurationError(
            f"LTV_KAFKA_USER is set but LTV_KAFKA_SECURITY is {settings.kafka_security}, which"
            " would not send it; set SASL_SSL or SASL_PLAINTEXT, or unset the user."
        )
    tls = settings.kafka_security.endswith("SSL")
    files = settings.kafka_ca_file or settings.kafka_cert_file or settings.kafka_key_file
    if files and not tls:
        raise ConfigurationError(
            f"A certificate is configured but LTV_KAFKA_SECURITY is {settings.kafka_security},"
            " which does not encrypt; set SSL or SASL_SSL."
        )
    if bool(settings.kafka_cert_file) != bool(settings.kafka_key_file):
        raise ConfigurationError("LTV_KAFKA_CERT_FILE and LTV_KAFKA_KEY_FILE go together.")
