"""`ltv models` shows how the live models have done, and a list where Redis can't say."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner
from redis import Redis

from stream_app.cli import ltv
from stream_app.core.calendar import DAY_SECONDS
from stream_app.core.models.histories import histories
from stream_app.core.models.prequential import Prequential, prequential
from stream_app.core.models.published import CDNOW
from stream_app.dev.ports import free_port
from stream_app.jobs.model_grades import Graded, as_object, lines, summed
from stream_app.jobs.models_topic import append_model
from stream_app.settings import Settings
from stream_app.stores.keys import Keys
from stream_app.wire.grades import PartitionGrades, encode
from stream_app.wire.models import parameters_to_json
from tests.core.models.test_prequential_truth import fitted_to_cdnow
from tests.core.models.test_validation import CUT, END, cdnow
from tests.core.scoring import DAY, customer
from tests.docs.page import README

MODEL = replace(CDNOW, id="live", fitted_at=DAY * DAY_SECONDS, lineage={})
FROM, TODAY = DAY + 1, DAY + 200
"""2024-10-05 and 2025-04-22."""
SHOP = [customer((0, 500)), customer((0, 700), (40, 900), (190, 100)), customer((9, 5), (20, 5))]


def of(chosen: slice = slice(None)) -> Prequential:
    known = histories(SHOP[chosen])
    return prequential(known, MODEL, today=TODAY, currency="USD", from_day=FROM)


def test_partitions_add_up_and_are_as_old_as_the_oldest() -> None:
    found = summed(
        [
            PartitionGrades(TODAY + 1, {"live": of(slice(0, 1)), "other": Prequential()}),
            PartitionGrades(TODAY, {"live": of(slice(1, None))}),
        ]
    )
    assert (found["live"].today, found["live"].partitions) == (TODAY, 2)
    assert found["live"].sums.log_loss == pytest.approx(of().log_loss)
    assert found["other"] == Graded(Prequential(), TODAY + 1, 1)
    assert summed([]) == {}


def test_people_are_shown_what_came_beside_what_was_expected() -> None:
    sums = replace(
        Prequential(),
        forecasts=24_265,
        bought=1_877,
        expected=1_735.38,
        log_loss_sum=4_867.44,
        brier_sum=1_341.51,
        bin_forecasts=(24_000, 265, 0, 0, 0, 0, 0, 0, 0, 0),
        bin_bought=(1_800, 77, 0, 0, 0, 0, 0, 0, 0, 0),
        bin_expected=(1_680, 50, 0, 0, 0, 0, 0, 0, 0, 0),
        recent_forecasts=7_269,
        recent_bought=398,
        recent_expected=425.76,
        recent_variance=298.37,
        spends=1_877,
        spend_expected=68_968.67,
        spend_actual=70_791.54,
        spend_error_sum=36_676.32,
    )
    assert [line.strip() for line in lines({"live": Graded(sums, TODAY, 8)}, MODEL)] == [
        "graded 2024-10-05 to 2025-04-22: 24,265 forecasts, log loss 0.2006, Brier 0.0553",
        "1,877 purchases within 30 days, 1,735.4 expected",
        "of the last 90 days 398, 425.8 expected: -6.5%, -1.6 standard deviations",
        "spend 70,791.54 USD, 68,968.67 expected; off by 19.54 a purchase day",
        "P(buy) up to    10%    20%",
        "expected       7.0%  18.9%",
        "bought         7.5%  29.1%",
    ]


def test_a_model_that_nothing_came_after_says_so() -> None:
    said = lines({"live": Graded(Prequential(), DAY, 1)}, MODEL)
    assert said == ["      no forecast to grade yet, from 2024-10-05 on"]


def test_a_model_without_grades_or_of_no_use_has_none() -> None:
    grades = {"other": Graded(of(), TODAY, 1)}
    assert lines(grades, MODEL) == lines(grades, None) == []
    assert as_object(grades, MODEL) is None
    assert as_object(grades, None) is None


def test_scripts_are_told_everything_and_null_where_nothing_is_known() -> None:
    sums = of()
    told = json.loads(json.dumps(as_object({"live": Graded(sums, TODAY, 2)}, MODEL)))
    assert (told["from_day"], told["to_day"], told["partitions"]) == ("2024-10-05", "2025-04-22", 2)
    assert told["forecasts"] == sum(one["forecasts"] for one in told["calibration"])
    assert told["log_loss"] == sums.log_loss
    assert told["recent"]["drift"] == sums.drift
    assert told["spend"]["mae"] == sums.spend_mae
    assert [one["p_up_to"] for one in told["calibration"]] == [
        0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0
    ]  # fmt: skip
    empty = as_object({"live": Graded(Prequential(), TODAY, 2)}, MODEL)
    assert empty is not None
    assert (empty["log_loss"], empty["recent"]["bias"], empty["spend"]["mae"]) == (None, None, None)


def test_the_page_shows_what_a_fit_to_the_sample_gives() -> None:
    model = replace(fitted_to_cdnow(), lineage={"as_of": (CUT + 1) * DAY_SECONDS - 1})
    sums = prequential(cdnow(), model, today=END, currency="USD", from_day=CUT + 1)
    said = lines({model.id: Graded(sums, END, 8)}, model)
    assert len(said) == 7
    assert "\n".join(line.strip() for line in said) in README.read_text(encoding="utf-8")


# -- on a real Kafka and Valkey --------------------------------------------------------------


@pytest.fixture
def two_models(with_topics: Settings, own_environ: dict[str, str]) -> dict[str, str]:
    """A topic with two models, of which one is live."""

    async def append() -> None:
        for name in ("idle", "live"):
            value = parameters_to_json(replace(MODEL, id=name))
            await append_model(with_topics, name, value)

    asyncio.run(append())
    return own_environ


def listed(environ: dict[str, str], *arguments: str) -> tuple[str, str]:
    done = CliRunner().invoke(ltv, ["models", *arguments], env=environ, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    assert not done.return_value
    return done.stdout, done.stderr


def as_json(environ: dict[str, str]) -> list[dict[str, Any]]:
    models: list[dict[str, Any]] = json.loads(listed(environ, "--json")[0])["models"]
    return models


def test_models_are_listed_with_the_grades_of_the_serving_generation(
    two_models: dict[str, str], redis_url: str
) -> None:
    assert [one["grades"] for one in as_json(two_models)] == [None, None]
    keys = Keys(two_models["LTV_KEY_PREFIX"], 1)
    with Redis.from_url(redis_url) as redis:
        redis.hset(keys.gen.decode(), mapping={"build": 1, "gen": 3})
        for number, chosen in enumerate((slice(0, 1), slice(1, None))):
            graded = PartitionGrades(TODAY, {"live": of(chosen)})
            redis.hset(keys.summary("grades", 3).decode(), str(number), encode(graded))
        redis.hset(
            keys.summary("grades", 2).decode(), "0", encode(PartitionGrades(1, {"idle": of()}))
        )
    idle, live = as_json(two_models)
    assert idle["grades"] is None
    assert live["grades"]["forecasts"] == of().forecasts
    assert live["grades"]["partitions"] == 2
    out, err = listed(two_models)
    assert out.splitlines()[2].startswith("      graded 2024-10-05 to 2025-04-22: ")
    assert err == ""


def test_without_redis_the_list_is_there_and_one_line_says_what_is_missing(
    two_models: dict[str, str],
) -> None:
    environ = {**two_models, "LTV_REDIS_URL": f"redis://127.0.0.1:{free_port()}/0"}
    assert [one["grades"] for one in as_json(environ)] == [None, None]
    out, err = listed(environ)
    assert len(out.splitlines()) == 2
    (line,) = err.splitlines()
    assert line.startswith("ltv: grades are not shown: Redis does not answer")
