"""Who is scored by the challenger is a matter of the id and the share alone, as the page says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from hashlib import sha256
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.models.assignment import challenged, in_use
from stream_app.core.models.parameters import ModelParameters, Role
from stream_app.core.models.published import CDNOW

PAGE = Path(__file__).parents[3] / "schemas" / "redis.md"
VECTORS = re.findall(r"^\| `(.+)` \| `([0-9a-f]{16})` \| (0\.\d+) \|$", PAGE.read_text(), re.M)
MANY = [b"customer-%07d" % number for number in range(20_000)]

shares = st.floats(0, 1) | st.integers(0, 2**64).map(lambda number: number / 2**64)


def by_definition(customer_id: bytes, share: float) -> bool:
    """The rule of schemas/redis.md in exact fractions."""
    number = int(sha256(customer_id).hexdigest()[:16], 16)
    return Fraction(number, 2**64) < Fraction(share)


def test_the_page_has_values_on_both_sides_of_a_half() -> None:
    assert len(VECTORS) == 5
    assert {float(found) < 0.5 for _, _, found in VECTORS} == {True, False}


@pytest.mark.parametrize(("customer_id", "first_bytes", "part"), VECTORS)
def test_the_values_of_the_page(customer_id: str, first_bytes: str, part: str) -> None:
    exact = Fraction(int(first_bytes, 16), 2**64)
    assert float(exact) == float(part)
    just_above = (int(first_bytes, 16) + 2**12) / 2**64
    just_below = (int(first_bytes, 16) - 2**12) / 2**64
    assert challenged([customer_id.encode()], just_above) == [True]
    assert challenged([customer_id.encode()], just_below) == [False]


@given(st.lists(st.binary(max_size=40), max_size=5), shares)
def test_it_is_the_rule_to_the_last_bit(ids: list[bytes], share: float) -> None:
    assert challenged(ids, share) == [by_definition(each, share) for each in ids]


@given(st.binary(max_size=40))
def test_the_very_share_of_a_customer_is_not_yet_enough(customer_id: bytes) -> None:
    """Where a double can say it: of shares that end on the digest's own bits the next one is."""
    number = int(sha256(customer_id).hexdigest()[:16], 16) >> 11 << 11
    below, above = number / 2**64, (number + 2**11) / 2**64
    assert challenged([customer_id], below) == [False]
    assert challenged([customer_id], above) == [True]


def test_nobody_without_a_share_and_everybody_with_the_whole() -> None:
    assert not any(challenged(MANY, 0.0))
    assert all(challenged(MANY, 1.0))
    assert challenged([], 0.5) == []


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9])
def test_of_many_customers_the_share_is_the_challengers(share: float) -> None:
    """Within four standard deviations of a fair draw, also among customers alike in name."""
    spread = (share * (1 - share) / len(MANY)) ** 0.5
    found = sum(challenged(MANY, share)) / len(MANY)
    assert found == pytest.approx(share, abs=4 * spread)


def test_a_larger_share_only_adds() -> None:
    some, more = challenged(MANY, 0.2), challenged(MANY, 0.3)
    assert all(after for before, after in zip(some, more, strict=True) if before)
    assert sum(more) > sum(some)


# -- which models are in use -------------------------------------------------------------------


def model(name: str, role: Role = "champion") -> ModelParameters:
    return replace(CDNOW, id=name, role=role)


def ids(models: Sequence[ModelParameters]) -> tuple[str | None, str | None]:
    champion, challenger = in_use(models)
    return champion.id if champion else None, challenger.id if challenger else None


def test_without_models_nothing_is_in_use() -> None:
    assert ids([]) == (None, None)
    assert ids([model("old", "retired")]) == (None, None)


def test_the_last_of_each_role_is_in_use_whatever_stands_between_them() -> None:
    champions = [model("a"), model("b")]
    challengers = [model("c", "challenger"), model("d", "challenger")]
    for order in permutations([*champions, *challengers, model("e", "retired")]):
        last = {one.role: one.id for one in order}
        assert ids(order) == (last["champion"], last["challenger"])


def test_a_challenger_needs_no_champion() -> None:
    assert ids([model("c", "challenger")]) == (None, "c")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_model_does_not_challenge_itself(order: tuple[int, int]) -> None:
    both = model("a"), model("a", "challenger")
    assert ids([both[at] for at in order]) == ("a", None)
