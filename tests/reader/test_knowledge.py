"""What a reader fetches, keeps, fetches again, and does without."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from stream_app.core.customer import Customer
from stream_app.core.models.published import CDNOW
from stream_app.core.score import ScoreSettings
from stream_app.core.segments import TierBounds
from stream_app.reader import Score
from stream_app.reader.evaluation import TIMED
from stream_app.reader.instant import unix_seconds
from stream_app.reader.knowledge import MOST_MODELS
from stream_app.wire.scores import parse_hash
from stream_app.wire.scoring import scoring_fields
from tests.core.scoring import BG, DAY, PARETO, customer
from tests.reader.shelf import KEYS, Shelf, values

THEN = DAY * 86_400 + 7_000
NOW = (DAY + 200) * 86_400
CUSTOMER = KEYS.customer(b"c")
BOUGHT = customer((0, 1000), (70, 2000), (140, 2500))
STRICT = ScoreSettings("USD", 3.0, TierBounds(alive=0.9))


def shelf_with(model: Any = CDNOW) -> Shelf:
    """One customer, published long ago."""
    shelf = Shelf()
    shelf.publish("c", BOUGHT, THEN, model)
    return shelf


def assert_as_published(shelf: Shelf, reason: str) -> None:
    """The fields are those of the hash, and the reason why is said."""
    found = shelf.one("c", now=NOW)
    assert found.not_evaluated == reason
    assert values(found) == values(parse_hash(shelf.hashes[CUSTOMER]))


# -- what is fetched --------------------------------------------------------------------------


def test_a_read_is_one_hash_and_what_all_reads_share_is_fetched_once() -> None:
    shelf = shelf_with()
    first = shelf.one("c", now=NOW, at=100.0)
    assert shelf.asked == [[CUSTOMER, KEYS.scoring], [KEYS.model(CDNOW.id)]]
    shelf.asked.clear()
    assert shelf.one("c", now=NOW, at=104.9) == first
    assert shelf.asked == [[CUSTOMER]]


def test_a_changed_tier_bound_reaches_the_reader_within_its_seconds() -> None:
    shelf = shelf_with()
    assert shelf.one("c", now=NOW, at=100.0).tier == "active"
    shelf.put(KEYS.scoring, scoring_fields(STRICT, "UTC"))
    assert shelf.one("c", now=NOW, at=104.9).tier == "active"
    shelf.asked.clear()
    assert shelf.one("c", now=NOW, at=105.0).tier == "at_risk"
    assert shelf.asked == [[CUSTOMER, KEYS.scoring]]


def test_hashes_of_several_models_are_each_read_with_their_own() -> None:
    shelf = Shelf()
    names = [model.id for model in (CDNOW, BG, PARETO)]
    for model in (CDNOW, BG, PARETO):
        shelf.publish(model.id, BOUGHT, THEN, model)
    found = [score for score in shelf.read(*names, now=NOW) if score is not None]
    assert [score.model for score in found] == names
    assert len({score.p_alive for score in found}) == 3
    assert shelf.asked[1:] == [[KEYS.model(name) for name in sorted(names)]]


def test_nobody_is_none_and_costs_no_model() -> None:
    shelf = shelf_with()
    assert shelf.read("nobody", now=NOW) == [None]
    assert shelf.asked == [[KEYS.customer(b"nobody"), KEYS.scoring]]
    assert shelf.read("a lone \ud800", now=NOW) == [None]
    assert shelf.read(now=NOW) == []


def test_a_reader_keeps_a_bounded_number_of_models() -> None:
    shelf = Shelf()
    for number in range(MOST_MODELS + 20):
        shelf.publish("c", BOUGHT, THEN, replace(CDNOW, id=f"m-{number}"))
        assert shelf.one("c", now=NOW).not_evaluated is None
    shelf.asked.clear()
    assert shelf.one("c", now=NOW).not_evaluated is None
    assert shelf.asked == [[CUSTOMER]]
    shelf.publish("c", BOUGHT, THEN, replace(CDNOW, id="m-0"))
    shelf.one("c", now=NOW)
    assert shelf.asked[-1] == [KEYS.model("m-0")]


def test_replies_of_a_client_that_decodes_are_read_as_well() -> None:
    shelf = shelf_with()
    expected = shelf.one("c", now=NOW)
    decoding: Any = Shelf()
    for key, stored in shelf.hashes.items():
        decoding.hashes[key] = {name.decode(): text.decode() for name, text in stored.items()}
    assert decoding.one("c", now=NOW) == expected


# -- what is done without ---------------------------------------------------------------------


def test_an_older_worker_shows_no_rules_and_the_fields_stay_as_published() -> None:
    shelf = shelf_with()
    del shelf.hashes[KEYS.scoring]
    reason = "Redis has no ltv:scoring: the worker that publishes is of an older version"
    assert_as_published(shelf, reason)
    assert shelf.asked == [[CUSTOMER, KEYS.scoring]]
    shelf.put(KEYS.scoring, scoring_fields(shelf.settings, "UTC"))
    assert shelf.one("c", now=NOW, at=4.9).not_evaluated == reason
    assert shelf.one("c", now=NOW, at=5.0).not_evaluated is None


def test_a_model_that_is_not_there_is_looked_for_again_after_a_while() -> None:
    shelf = shelf_with()
    model = shelf.hashes.pop(KEYS.model(CDNOW.id))
    assert_as_published(shelf, "Redis has no parameters of model 'cdnow-published'")
    shelf.hashes[KEYS.model(CDNOW.id)] = model
    assert shelf.one("c", now=NOW, at=4.9).not_evaluated is not None
    assert shelf.asked[-1] == [CUSTOMER]
    assert shelf.one("c", now=NOW, at=5.0).not_evaluated is None


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        (b"alive", b"1.5", "tiers begin at 1.5 and 0.33, not within 0 and 1"),
        (b"at_risk", b"nan", "tiers begin at 0.6 and nan, not within 0 and 1"),
        (b"alive", b"high", "could not convert string to float: 'high'"),
        (b"new_days", b"-1", "tiers last -1 and (90, 180) days"),
        (b"lifespan_years", b"inf", "lifespan_years is inf"),
        (b"currency", b"XXX", "currency is 'XXX', no ISO 4217 currency"),
        (b"time_zone", None, "time_zone is missing"),
    ],
)
def test_rules_that_can_t_be_read_leave_the_fields_as_published(
    field: bytes, text: bytes | None, reason: str
) -> None:
    shelf = shelf_with()
    if text is None:
        del shelf.hashes[KEYS.scoring][field]
    else:
        shelf.hashes[KEYS.scoring][field] = text
    assert_as_published(shelf, f"ltv:scoring can't be read: {reason}")


def test_an_unknown_time_zone_leaves_the_fields_as_published() -> None:
    shelf = shelf_with()
    shelf.hashes[KEYS.scoring][b"time_zone"] = b"Europe/Atlantis"
    found = shelf.one("c", now=NOW)
    assert (found.not_evaluated or "").startswith("ltv:scoring can't be read: 'Europe/Atlantis'")


def test_a_model_of_another_currency_or_zone_is_not_used() -> None:
    shelf = shelf_with()
    shelf.hashes[KEYS.model(CDNOW.id)][b"time_zone"] = b"Asia/Seoul"
    assert_as_published(
        shelf,
        "model 'cdnow-published' was fitted on days of Asia/Seoul, and days here are those of UTC",
    )


def test_a_hash_in_another_currency_than_the_rules_stays_as_published() -> None:
    shelf = shelf_with()
    shelf.put(KEYS.scoring, scoring_fields(ScoreSettings("KRW"), "UTC"))
    assert_as_published(shelf, "the hash is in 'USD', and scores are in KRW now")


def test_parameters_out_of_range_are_not_used() -> None:
    shelf = shelf_with()
    shelf.hashes[KEYS.model(CDNOW.id)][b"q"] = b"0.5"
    assert_as_published(
        shelf,
        "the parameters of model 'cdnow-published' can't be read:"
        " q is 0.5, not above 1, so that expected spend has no mean",
    )


@pytest.mark.parametrize("name", ["currency", "basis", "revenue", "orders", "aov", "last_order",
                                  "frequency", "recency", "repeat_gross"])  # fmt: skip
def test_a_hash_without_a_fact_stays_as_published(name: str) -> None:
    shelf = shelf_with()
    del shelf.hashes[CUSTOMER][name.encode()]
    assert_as_published(shelf, f"the hash has no {name}")


@pytest.mark.parametrize(
    ("field", "text", "reason"),
    [
        (
            b"last_order",
            b"2024-10-03",
            "the hash's dates, recency and frequency contradict each other",
        ),
        (b"recency", b"141", "the hash's dates, recency and frequency contradict each other"),
        (b"frequency", b"141", "the hash's dates, recency and frequency contradict each other"),
        (b"frequency", b"-1", "the hash's dates, recency and frequency contradict each other"),
        (b"basis", b"a guess", "the hash's basis is 'a guess'"),
        (b"orders", b"9" * 30, "the hash's orders or money are beyond what can be counted"),
        (b"aov", b"9" * 90, "the hash's orders or money are beyond what can be counted"),
    ],
)
def test_a_hash_that_no_worker_of_ours_wrote_stays_as_published(
    field: bytes, text: bytes, reason: str
) -> None:
    shelf = shelf_with()
    shelf.hashes[CUSTOMER][field] = text
    assert_as_published(shelf, reason)


def test_a_hash_of_days_that_no_state_can_hold_stays_as_published() -> None:
    shelf = shelf_with()
    shelf.hashes[CUSTOMER] |= {b"first_order": b"9998-01-01", b"last_order": b"9998-05-21"}
    assert_as_published(shelf, "the hash's dates are beyond the calendar")


def test_one_hash_that_can_t_be_evaluated_leaves_the_others_be() -> None:
    shelf = shelf_with()
    shelf.publish("d", BOUGHT, THEN)
    del shelf.hashes[CUSTOMER][b"aov"]
    bad, good = shelf.read("c", "d", now=NOW)
    assert bad is not None
    assert bad.not_evaluated == "the hash has no aov"
    assert good is not None
    assert (good.not_evaluated, good.as_of) == (None, NOW)


def test_a_text_that_is_not_of_its_kind_is_an_error_that_names_customer_and_field() -> None:
    shelf = shelf_with()
    shelf.hashes[CUSTOMER][b"orders"] = b"three"
    with pytest.raises(ValueError, match=r"hash of customer 'c' can't be read: orders is b'three'"):
        shelf.one("c", now=NOW)


# -- what comes out ---------------------------------------------------------------------------


def test_what_is_no_number_of_time_passes_through() -> None:
    shelf = shelf_with()
    shelf.hashes[CUSTOMER] |= {b"rfm": b"543", b"value_rank": b"0.75", b"mood": b"good"}
    found, stored = shelf.one("c", now=NOW), parse_hash(shelf.hashes[CUSTOMER])
    assert (found.rfm, found.value_rank) == ("543", 0.75)
    kept = values(found).keys() - set(TIMED)
    assert {name: values(found)[name] for name in kept} == {
        name: values(stored)[name] for name in kept
    }
    assert found.as_of == NOW


def test_a_score_is_frozen_and_says_what_it_is() -> None:
    found = shelf_with().one("c", now=NOW)
    assert isinstance(found, Score)
    with pytest.raises(AttributeError):
        found.tier = "lost"  # type: ignore[misc]


def test_who_never_bought_is_a_prospect_by_model_and_by_formula() -> None:
    for model in (CDNOW, None):
        shelf = Shelf()
        shelf.publish("c", Customer(), THEN, model)
        found = shelf.one("c", now=NOW)
        assert (found.tier, found.revenue, found.p_alive, found.ltv) == ("prospect", 0, None, None)


# -- now --------------------------------------------------------------------------------------


def test_now_is_seconds_or_a_datetime_that_names_an_instant() -> None:
    assert unix_seconds(datetime(2024, 10, 4, tzinfo=UTC)) == unix_seconds(DAY * 86_400 + 0.9)
    for wrong in (-1, float("nan"), float("inf"), 10**12):
        with pytest.raises(ValueError, match="not within the years"):
            unix_seconds(wrong)
    with pytest.raises(ValueError, match="without an offset"):
        unix_seconds(datetime(2024, 10, 4))  # noqa: DTZ001 -- that is the point


def test_the_last_instant_that_is_taken_can_be_read() -> None:
    for zone in ("UTC", "Pacific/Kiritimati"):
        shelf = Shelf(zone=zone)
        shelf.publish("c", BOUGHT, THEN)
        assert shelf.one("c", now=253_370_764_799).tier == "lost"
