"""Model parameters as JSON (a file, or a record of the models topic) and as a Redis hash.

JSON, one object; unknown fields are ignored:

    id          text      1-64 letters, digits, dots, dashes, underscores; the key of the record
    kind        text      mbg, bg or pareto
    r alpha     numbers   rates of buying, weeks
    a b         numbers   chances to stop (mbg, bg)
    s beta      numbers   rates of dying, weeks (pareto)
    p q gamma   numbers   Gamma-Gamma, major units of the currency; q above 1
    net_ratio   number    share of gross left after refunds, 0-1; absent: 1
    currency    text      ISO 4217 code of the money it was fitted on
    time_zone   text      IANA name of the zone whose days were counted
    fitted_at   integer   Unix seconds; absent or null: published by others, not fitted
    role        text      champion, challenger or retired; absent: champion
    lineage     object    where it came from, for people; absent: nothing is known

The last usable champion of the topic is in use; the last usable challenger is compared with it,
unless it has the champion's id. A model changes its role by being published again: the newest
record of a key is the one that counts. Retired is who neither scores nor challenges.

The hash `ltv:model:<id>` has the same fields but `lineage`, numbers with 17 significant digits.
What can't be used is a `BadModel` with one sentence; the model in use then stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as fields_of
from typing import Any, Final

import msgspec

from stream_app.core.models.parameters import OF_KIND, OF_SPEND, ModelParameters, Role


class BadModel(ValueError):
    """These are no parameters that can be used here; one sentence says why."""


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(ModelParameters)
_FIELDS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_FLOATS: Final = ("r", "alpha", "a", "b", "s", "beta", *OF_SPEND, "net_ratio")
_TEXTS: Final = ("id", "kind", "currency", "time_zone", "role")


def decode_model(value: bytes, *, currency: str, time_zone: str) -> ModelParameters:
    """Parameters from JSON, checked, and fitted in this currency and time zone; else BadModel."""
    try:
        parameters = _DECODER.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadModel(f"no model parameters: {error}") from None
    problem = parameters.problem() or parameters.misfit(currency=currency, time_zone=time_zone)
    if problem is not None:
        raise BadModel(problem)
    return parameters


def decode_record(
    key: bytes | None, value: bytes, *, currency: str, time_zone: str
) -> ModelParameters:
    """The same of a record of the models topic, whose key has to be the id.

    By its key a record is withdrawn, published again and compacted: under another one it would
    stand for a model of which nothing else knows.
    """
    parameters = decode_model(value, currency=currency, time_zone=time_zone)
    if key != parameters.id.encode():
        shown = "none" if key is None else repr(key)
        raise BadModel(
            f"the key of the record is {shown} and the model's id {parameters.id!r}: publish it"
            " with its id as key"
        )
    return parameters


def parameters_to_json(parameters: ModelParameters) -> bytes:
    """One JSON object; what is None is left out."""
    values = {
        each.name: value
        for each in fields_of(parameters)
        if (value := getattr(parameters, each.name)) is not None
    }
    return _ENCODER.encode(values)


def with_role(value: bytes, role: Role) -> bytes:
    """The JSON of a usable model in another role; what else it says stays, byte for byte.

    >>> with_role(b'{"id": "m-1", "alpha": 4.410, "note": "ours"}', "challenger")
    b'{"id":"m-1","alpha":4.410,"note":"ours","role":"challenger"}'
    """
    fields = _FIELDS.decode(value)
    fields["role"] = msgspec.Raw(_ENCODER.encode(role))
    return _ENCODER.encode(fields)


def redis_fields(parameters: ModelParameters) -> list[str]:
    """The flat hash: field, value, field, value..."""
    row = ["id", parameters.id, "kind", parameters.kind]
    for name in (*OF_KIND[parameters.kind], *OF_SPEND, "net_ratio"):
        row += (name, format(getattr(parameters, name), ".17g"))
    row += ("currency", parameters.currency, "time_zone", parameters.time_zone)
    row += ("role", parameters.role)
    if parameters.fitted_at is not None:
        row += ("fitted_at", str(parameters.fitted_at))
    return row


def parameters_from_hash(stored: Mapping[bytes, bytes] | Mapping[str, str]) -> ModelParameters:
    """The parameters that a hash holds, to the last bit; BadModel where it holds none."""
    texts = {_text(name): _text(value) for name, value in stored.items()}
    values: dict[str, Any] = {name: texts[name] for name in _TEXTS if name in texts}
    try:
        values |= {name: float(texts[name]) for name in _FLOATS if name in texts}
        if "fitted_at" in texts:
            values["fitted_at"] = int(texts["fitted_at"])
        parameters = ModelParameters(**values)
    except (ValueError, TypeError) as error:
        raise BadModel(f"no hash of model parameters: {error}") from None
    problem = parameters.problem()
    if problem is not None:
        raise BadModel(problem)
    return parameters


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
