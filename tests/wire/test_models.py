"""Model parameters through JSON and Redis, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.models.parameters import LARGEST, ROLES, SMALLEST, ModelParameters, Role
from stream_app.core.models.published import CDNOW
from stream_app.wire.models import (
    BadModel,
    decode_model,
    decode_record,
    parameters_from_hash,
    parameters_to_json,
    redis_fields,
    with_role,
)
from tests.core.scoring import BG, PARETO

legal = st.floats(SMALLEST, LARGEST)


def changed(**fields: Any) -> bytes:
    """The published parameters as JSON, with some fields changed; None takes one out."""
    values = json.loads(parameters_to_json(CDNOW)) | fields
    return json.dumps({name: value for name, value in values.items() if value is not None}).encode()


@pytest.mark.parametrize("parameters", [CDNOW, BG, PARETO], ids=lambda each: each.kind)
def test_json_reads_back(parameters: ModelParameters) -> None:
    value = parameters_to_json(parameters)
    assert decode_model(value, currency="USD", time_zone="UTC") == parameters


@given(r=legal, alpha=legal, a=legal, b=legal, gamma=legal, net_ratio=st.floats(0, 1))
def test_a_hash_reads_back_to_the_last_bit(**numbers: float) -> None:
    parameters = replace(CDNOW, **numbers, fitted_at=1_700_000_000, lineage={})  # type: ignore[arg-type]
    row = redis_fields(parameters)
    assert parameters_from_hash(dict(zip(row[::2], row[1::2], strict=True))) == parameters
    stored = {name.encode(): text.encode() for name, text in zip(row[::2], row[1::2], strict=True)}
    assert parameters_from_hash(stored) == parameters


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "no model parameters: "),
        (b"\xff", "no model parameters: "),
        (b"[]", "no model parameters: "),
        (changed(r="a lot"), "no model parameters: "),
        (changed(kind="gpt"), "no model parameters: "),
        (changed(alpha=None), "no model parameters: "),
        (changed(r=0), "r is 0, not between"),
        (changed(a=-0.5), "a is -0.5, not between"),
        (changed(alpha=1e9), "alpha is 1000000000, not between"),
        (changed(b=None), "b is missing, which a model of kind 'mbg' needs"),
        (changed(kind="pareto"), "s is missing, which a model of kind 'pareto' needs"),
        (changed(q=1), "q is 1, not above 1"),
        (changed(net_ratio=1.01), "net_ratio is 1.01, not between 0 and 1"),
        (changed(net_ratio=-0.1), "net_ratio is -0.1"),
        (changed(fitted_at=10**400), "fitted_at"),
        (changed(fitted_at=10**13), "fitted_at is no Unix second"),
        (changed(fitted_at=-1), "fitted_at is no Unix second"),
        (changed(id="a b"), "id is 'a b'"),
        (changed(id="current"), "id is 'current'"),
        (changed(id="challenger"), "id is 'challenger'"),
        (changed(role="king"), "no model parameters: Invalid enum value 'king'"),
        (changed(currency="EUR"), "was fitted in EUR, and money here is USD"),
        (changed(time_zone="Asia/Tokyo"), "on days of Asia/Tokyo, and days here are those of UTC"),
    ],
)
def test_what_can_t_be_used_is_refused_in_one_sentence(value: bytes, why: str) -> None:
    with pytest.raises(BadModel) as refused:
        decode_model(value, currency="USD", time_zone="UTC")
    assert why in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("key", [None, b"", b"CDNOW", b"\xff"])
def test_a_record_under_another_key_than_its_id_is_refused(key: bytes | None) -> None:
    value = parameters_to_json(CDNOW)
    assert decode_record(CDNOW.id.encode(), value, currency="USD", time_zone="UTC") == CDNOW
    with pytest.raises(BadModel, match="publish it with its id as key") as refused:
        decode_record(key, value, currency="USD", time_zone="UTC")
    assert f"the model's id {CDNOW.id!r}" in str(refused.value)


def test_a_hash_that_holds_no_model_is_refused() -> None:
    with pytest.raises(BadModel):
        parameters_from_hash({})
    row = redis_fields(CDNOW)
    stored = dict(zip(row[::2], row[1::2], strict=True))
    with pytest.raises(BadModel, match="role is 'king', not one of champion, challenger, retired"):
        parameters_from_hash(stored | {"role": "king"})
    with pytest.raises(BadModel):
        parameters_from_hash({b"id": b"x", b"kind": b"mbg", b"r": b"lots"})


def test_fields_of_a_later_version_are_ignored() -> None:
    value = changed(colour="blue")
    assert decode_model(value, currency="USD", time_zone="UTC") == CDNOW


# -- roles -------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reads_back_and_without_one_it_is_a_champion(role: Role) -> None:
    model = replace(CDNOW, role=role, lineage={})
    assert decode_model(parameters_to_json(model), currency="USD", time_zone="UTC") == model
    row = redis_fields(model)
    stored = dict(zip(row[::2], row[1::2], strict=True))
    assert parameters_from_hash(stored) == model
    del stored["role"]
    assert parameters_from_hash(stored).role == "champion"
    assert decode_model(changed(role=None), currency="USD", time_zone="UTC").role == "champion"


@pytest.mark.parametrize("before", [None, "champion", "challenger", "retired"])
def test_another_role_changes_nothing_else_not_even_what_we_do_not_know(before: str | None) -> None:
    value = changed(role=before, colour={"shade": [1, 2.50]}, b=1.6140000000000001)
    given = json.loads(value)
    for role in ROLES:
        found = json.loads(with_role(value, role))
        assert found == given | {"role": role}
        assert list(found)[: len(given) - 1] == list(given)[: len(given) - 1]
    assert b'{"shade": [1, 2.5]}' in with_role(value, "retired")
