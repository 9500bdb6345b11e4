"""Two models score one state: each customer as its own model alone would, in the order asked."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

import pytest

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.core.score import ScoreSettings
from stream_app.jobs.verification.hashes import same
from stream_app.worker.publishing.scoring import AsOf, Scoring
from tests.core.scoring import BG, DAY, PARETO, customer

AS_OF = (DAY + 40) * 86_400
SINCE, UNTIL = DAY * 86_400, (DAY + 150) * 86_400
CHALLENGER = replace(BG, role="challenger")
PARAMETERS = {"by model": CDNOW, "by formula": None}


def scoring(
    champion: ModelParameters | None, challenger: ModelParameters | None = None, share: float = 0.0
) -> Scoring:
    reason = "no model" if champion is None else None
    as_of = AsOf(lambda: AS_OF)
    settings = ScoreSettings("USD")
    return Scoring(Calendar("UTC"), settings, champion, reason, as_of, challenger, share)


def population(count: int) -> tuple[list[bytes], list[Customer]]:
    """Customers of all kinds, one of ten without a purchase."""
    chance = random.Random(3)
    made = [
        customer(*((chance.randrange(-300, 20), chance.randrange(1, 9_999)) for _ in range(size)))
        if (size := chance.randrange(10))
        else Customer()
        for _ in range(count)
    ]
    return [b"c-%d" % number for number in range(count)], made


IDS, CUSTOMERS = population(400)


def theirs(share: float) -> list[bool]:
    """Who is the challenger's, computed here once more."""
    return [int(sha256(each).hexdigest()[:16], 16) / 2**64 < share for each in IDS]


def hashes(
    by: Scoring, ids: Sequence[bytes] = IDS, customers: Sequence[Customer] = CUSTOMERS
) -> list[dict[str, str]]:
    rows = by.rows(ids, customers, AS_OF, 7)
    return [dict(zip(row[::2], row[1::2], strict=True)) for row in rows]


def assert_same(found: list[dict[str, str]], expected: list[dict[str, str]]) -> None:
    """Floats of one customer may differ in the last digit with the company it is scored in."""
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        assert {name for name in one if not same(one[name], other[name])} == set()


@pytest.mark.parametrize("champion", PARAMETERS.values(), ids=PARAMETERS)
@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.5, 1.0])
def test_each_customer_is_scored_as_its_own_model_alone_would(
    champion: ModelParameters | None, share: float
) -> None:
    ours, others = hashes(scoring(champion)), hashes(scoring(CHALLENGER))
    expected = [
        other if is_theirs else own
        for own, other, is_theirs in zip(ours, others, theirs(share), strict=True)
    ]
    assert_same(hashes(scoring(champion, CHALLENGER, share)), expected)


def test_a_hash_names_the_model_that_scored_it_and_a_challenger_alone_scores_only_its_share() -> (
    None
):
    found = hashes(scoring(None, CHALLENGER, 0.5))
    for fields, is_theirs in zip(found, theirs(0.5), strict=True):
        if is_theirs:
            assert (fields["basis"], fields["model"]) == ("model", CHALLENGER.id)
            assert "basis_reason" not in fields
        else:
            assert (fields["basis"], fields["basis_reason"]) == ("formula", "no model")
            assert not {"model", "p_alive"} & fields.keys()


@pytest.mark.parametrize("champion", PARAMETERS.values(), ids=PARAMETERS)
def test_numbers_move_by_the_customers_own_model(champion: ModelParameters | None) -> None:
    both = scoring(champion, replace(PARETO, role="challenger"), 0.5)
    found = both.moved(IDS, CUSTOMERS, SINCE, UNTIL)
    ours, others = (
        scoring(alone).moved(IDS, CUSTOMERS, SINCE, UNTIL) for alone in (champion, PARETO)
    )
    assert ours != others
    assert found == [
        other if is_theirs else own
        for own, other, is_theirs in zip(ours, others, theirs(0.5), strict=True)
    ]


@pytest.mark.parametrize("count", [0, 1])
def test_few_customers_and_none_are_scored_too(count: int) -> None:
    for at in range(20):
        ids, customers = IDS[at : at + count], CUSTOMERS[at : at + count]
        both = scoring(CDNOW, CHALLENGER, 0.5)
        alone = scoring(CHALLENGER if theirs(0.5)[at] else CDNOW)
        assert_same(hashes(both, ids, customers), hashes(alone, ids, customers))
        assert len(both.moved(ids, customers, SINCE, UNTIL)) == count


def test_whatever_changes_a_score_changes_the_name_of_the_scoring() -> None:
    other = replace(CHALLENGER, id="another")
    changing = [
        scoring(CDNOW),
        scoring(CDNOW, CHALLENGER, 0.5),
        scoring(CDNOW, CHALLENGER, 0.25),
        scoring(CDNOW, other, 0.5),
        scoring(CHALLENGER, CDNOW, 0.5),
        scoring(CHALLENGER),
        scoring(None, CHALLENGER, 0.5),
        scoring(None),
    ]
    names = [each.id for each in changing]
    assert len(set(names)) == len(names)


def test_what_changes_no_score_does_not() -> None:
    """Else everything would be published again for a challenger that scores nobody."""
    assert scoring(CDNOW, CHALLENGER, 0.0).id == scoring(CDNOW).id
    assert scoring(CDNOW, None, 0.5).id == scoring(CDNOW).id
    assert scoring(CDNOW, CHALLENGER, 0.5).id == scoring(CDNOW, CHALLENGER, 0.5).id
