"""Fit, validate and models on a real Kafka: what is read from a state, and what is published."""

from __future__ import annotations

import asyncio
import json
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stream_app.cli import ltv
from stream_app.cli.group import outcome
from stream_app.core.calendar import Calendar, tzdata_version
from stream_app.core.customer import Customer
from stream_app.core.events import Purchase
from stream_app.jobs.fit import fit_population
from stream_app.jobs.models_topic import append_model
from stream_app.jobs.population_reader import read_population
from stream_app.settings import Settings, load
from stream_app.wire.changelog import (
    WATERMARK_KEY,
    SourcePosition,
    Watermark,
    encode_value,
    encode_watermark,
)
from stream_app.wire.events import Decoder
from stream_app.wire.models import decode_model
from stream_app.wire.record import Record
from stream_app.wire.state import STATE_VERSION
from tests.cdnow_log import CUSTOMERS, ORDERS, cdnow_records
from tests.jobs.handmade import Shop, environ_of_its_own
from tests.jobs.test_fit_every import running
from tests.pages.test_page import Parsed

CALIBRATION = "1997-09-30"
LAST_DAY = "1998-06-30"


@pytest.fixture(scope="module")
def cdnow(brokers: str, redis_url: str) -> dict[str, str]:
    """Variables of a shop whose state holds the whole CDNOW sample."""
    environ = environ_of_its_own(brokers, redis_url)
    asyncio.run(_write_state(load(environ)))
    return environ


async def _write_state(settings: Settings) -> None:
    """The changelog that a worker would have made of the sample; the sources stay empty."""
    shop = await Shop.open(settings)
    decode = Decoder("purchases", Calendar("UTC"), "USD", settings.max_value).decode
    offsets: Counter[int] = Counter()
    latest = 0
    for raw in cdnow_records():
        assert raw.key is not None
        number = shop.partition_of(raw.key)
        place = settings.topic_purchases, number, offsets[number], raw.timestamp_ms
        event = decode(Record(*place, raw.key, raw.value, raw.headers))
        assert isinstance(event, Purchase)
        shop.customers.setdefault(raw.key, Customer()).apply(event)
        offsets[number] += 1
        latest = max(latest, event.at_us)
    await asyncio.gather(*(shop.write(one, held) for one, held in shop.customers.items()))
    for number, next_offset in offsets.items():
        watermark = Watermark(
            sources={settings.topic_purchases: SourcePosition(next_offset, applied=next_offset)},
            state_version=STATE_VERSION, time_zone="UTC", currency="USD", partitioner="murmur2",
            tzdata=tzdata_version(), partitions=len(offsets), max_at_us=latest,
        )  # fmt: skip
        value = encode_value(shop.epochs[number], encode_watermark(watermark))
        await shop.append(number, WATERMARK_KEY, value)
    await shop.close()


@pytest.fixture
def own_models(cdnow: dict[str, str], request: pytest.FixtureRequest) -> dict[str, str]:
    """The same state, and a models topic of this test's own."""
    name = f"{cdnow['LTV_APP_ID']}-{abs(hash(request.node.name))}"
    environ = {**cdnow, "LTV_TOPIC_MODELS": name}
    assert _exit_code(environ, "topics", "--json") == 0
    return environ


def _exit_code(environ: dict[str, str], *arguments: str) -> int:
    return _run(environ, *arguments)[0]


def _run(environ: dict[str, str], *arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(ltv, list(arguments), env=environ, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return int(done.return_value or 0), done.stdout, done.stderr


def _ended(environ: dict[str, str], *arguments: str) -> tuple[int, str]:
    """The exit code of the whole command line, which makes errors sentences, and what it said."""
    with CliRunner(env=environ).isolation() as (_, stderr, _):
        code = outcome(ltv, arguments)
        return code, stderr.getvalue().decode()


def _json(environ: dict[str, str], *arguments: str) -> Any:
    code, out, _ = _run(environ, *arguments, "--json")
    assert code == 0
    return json.loads(out)


def test_a_fit_as_of_a_day_is_published_with_all_it_came_from(own_models: dict[str, str]) -> None:
    environ = {**own_models, "LTV_AS_OF": CALIBRATION}
    told = _json(environ, "fit")
    assert told["published"] is True
    assert told["reason"] is None
    model = told["model"]
    assert model["id"].startswith("mbg-")
    published = {"r": 0.524843, "alpha": 6.183085, "a": 0.891359, "b": 1.614002}
    assert {name: model[name] for name in published} == pytest.approx(published, abs=5e-5)
    assert told["fits"]["bg"]["log_likelihood"] == pytest.approx(-9582.4292, abs=1e-3)
    assert told["fits"]["pareto"]["log_likelihood"] == pytest.approx(-9594.9762, abs=1e-3)
    assert told["spend"]["log_likelihood"] == pytest.approx(-4055.9177, abs=1e-3)
    assert told["correlation"]["pearson"] == pytest.approx(0.1139, abs=5e-5)
    assert told["hold_out"]["grades"]["mbg"]["mae"] > 0
    lineage = model["lineage"]
    assert (lineage["customers"], lineage["repeat_buyers"]) == (CUSTOMERS, 946)
    assert lineage["as_of"] == told["as_of"] == 875_577_600
    assert sum(lineage["offsets"][environ["LTV_TOPIC_PURCHASES"]].values()) == ORDERS
    assert lineage["log_likelihoods"]["mbg"] == pytest.approx(-9582.1357, abs=1e-3)
    (stored,) = _json(environ, "models")["models"]
    assert stored["in_use"] is True
    assert stored["parameters"]["id"] == model["id"]
    written = json.dumps(stored["parameters"]).encode()
    again = decode_model(written, currency="USD", time_zone="UTC")
    assert again.lineage["offsets"] == lineage["offsets"]


def test_the_kind_that_is_asked_for_is_published_and_a_dry_run_publishes_nothing(
    own_models: dict[str, str],
) -> None:
    environ = {**own_models, "LTV_AS_OF": "event-time"}
    told = _json(environ, "fit", "--model", "pareto", "--dry-run")
    assert told["published"] is False
    assert told["model"]["kind"] == "pareto"
    assert told["as_of_day"] == LAST_DAY
    assert _json(environ, "models") == {
        "topic": environ["LTV_TOPIC_MODELS"],
        "in_use": None,
        "challenger": None,
        "models": [],
    }


def test_a_fit_is_published_as_challenger_and_the_next_one_takes_its_place(
    own_models: dict[str, str],
) -> None:
    environ = {**own_models, "LTV_AS_OF": CALIBRATION}
    champion = _json(environ, "fit")["model"]["id"]
    first = _json(environ, "fit", "--challenger", "--model", "bg")["model"]
    assert first["role"] == "challenger"
    told = _json(environ, "models")
    assert (told["in_use"], told["challenger"]) == (champion, first["id"])
    second = _json(environ, "fit", "--challenger", "--model", "pareto")["model"]["id"]
    told = _json(environ, "models")
    assert (told["in_use"], told["challenger"]) == (champion, second)
    roles = {one["id"]: one["role"] for one in told["models"]}
    assert roles == {champion: "champion", first["id"]: "retired", second: "challenger"}
    again = _json(environ, "fit")["model"]["id"]
    told = _json(environ, "models")
    assert (told["in_use"], told["challenger"]) == (again, second)
    said = _run(environ, "fit", "--challenger", "--dry-run")[1].splitlines()[-1]
    assert said.endswith(f"would be published to '{environ['LTV_TOPIC_MODELS']}' as challenger.")
    assert _json(environ, "models")["challenger"] == second


def test_run_again_and_again_each_run_publishes_a_model_until_told_to_stop(
    own_models: dict[str, str],
) -> None:
    environ = {**own_models, "LTV_AS_OF": CALIBRATION}
    with running(environ, "--every", "1s", "--json") as process:
        assert process.stdout is not None
        told = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert process.returncode == 0
    names = [run["model"]["id"] for run in told]
    assert len(set(names)) == 2
    assert [one["id"] for one in _json(environ, "models")["models"]][:2] == names


def test_two_fits_in_one_second_have_ids_of_their_own(cdnow: dict[str, str]) -> None:
    settings = load({**cdnow, "LTV_AS_OF": CALIBRATION})
    known = asyncio.run(read_population(settings))
    later = replace(known, offsets={"purchases": {"0": 1}})
    first, again, other = (
        fit_population(settings, each, None, now=1.8e9).parameters for each in (known, known, later)
    )
    assert first is not None
    assert other is not None
    assert first == again
    assert first.id.startswith("mbg-20270115T080000Z-")
    assert first.id != other.id


@pytest.mark.parametrize(
    ("as_of", "why"),
    [
        ("", "nobody has bought in the 60 days before"),
        ("1997-03-01", "purchases go back 59 days"),
        ("1997-01-02", "customers have bought by 1997-01-02, 100 are needed"),
        ("1996-01-01", "no customer has bought by 1996-01-01"),
    ],
)
def test_where_there_is_not_enough_nothing_is_published_and_the_reason_is_said(
    own_models: dict[str, str], as_of: str, why: str
) -> None:
    environ = {**own_models, "LTV_AS_OF": as_of}
    told = _json(environ, "fit")
    assert (told["published"], told["model"]) == (False, None)
    assert why in told["reason"]
    assert _json(environ, "models")["models"] == []
    assert why in _run(environ, "fit")[1]


def test_what_is_enough_is_a_matter_of_settings(cdnow: dict[str, str]) -> None:
    """For fit, its hold-out and validate alike; the sample begins on 1997-01-01."""
    environ = {**cdnow, "LTV_AS_OF": "1997-03-01", "LTV_FIT_HISTORY_DAYS": "59"}
    told = _json(environ, "fit", "--dry-run")
    assert told["reason"] is None
    assert "hold_out" not in told  # its own fit would see 30 days
    environ["LTV_FIT_HISTORY_DAYS"] = "10"
    assert "hold_out" in _json(environ, "fit", "--dry-run")
    for variable, value, why in (
        ("LTV_FIT_BUYERS", "3000", "3,000 are needed"),
        ("LTV_FIT_REPEAT_BUYERS", "2000", "2,000 are needed"),
        ("LTV_FIT_SILENCE_DAYS", "1", "in the 1 day before 1998-12-31"),
    ):
        changed = {**cdnow, "LTV_AS_OF": "1998-12-31", variable: value}
        assert why in _json(changed, "fit")["reason"]
    changed = {**cdnow, "LTV_FIT_HISTORY_DAYS": "10"}
    assert _json(changed, "validate", "--cut", "1997-02-01")["reason"] is None


def test_people_are_shown_every_model_beside_its_likelihood(own_models: dict[str, str]) -> None:
    _, out, err = _run({**own_models, "LTV_AS_OF": CALIBRATION}, "fit", "--dry-run")
    assert "2,357 bought by 1997-09-30, 946 of them on more than one day" in out
    assert "-9,582.1357  r 0.524843  alpha 6.18309" in out
    assert "would be published" in out
    assert "reading the state" in err


def test_validation_of_the_state_is_that_of_the_papers(cdnow: dict[str, str]) -> None:
    """Also by the wall clock: the hold-out ends with the data."""
    told = _json(cdnow, "validate", "--cut", CALIBRATION)
    assert (told["end"], told["horizon_days"], told["customers"]) == (LAST_DAY, 273, CUSTOMERS)
    assert told["actual"]["purchases"] == 1882
    assert told["actual"]["revenue"] == pytest.approx(70_976.39)
    assert told["actual"]["perfect_top_capture"] == pytest.approx(0.9428, abs=5e-5)
    assert told["models"]["mbg"]["mae"] == pytest.approx(0.76478, abs=1e-5)
    assert told["models"]["pareto"]["auc"] == pytest.approx(0.7787, abs=5e-5)
    assert told["models"]["bg"]["top_capture"] == pytest.approx(0.6629, abs=5e-5)
    out = _run(cdnow, "validate", "--cut", CALIBRATION)[1]
    assert "MBG/NBD           1,576.73     0.76478     1.60718      0.7728   57,128" in out


def test_the_page_shows_every_model_and_needs_nothing_but_itself(
    cdnow: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "page.html"
    assert _exit_code(cdnow, "validate", "--cut", CALIBRATION, "--html", str(file)) == 0
    shown = Parsed(file.read_text(encoding="utf-8"))
    assert len(shown.elements["figure"]) == 3
    assert "1,576.73" in shown.texts["td"]
    for elements in shown.elements.values():
        assert not any({"src", "href"} & set(attributes) for attributes in elements)


def test_a_cut_without_days_after_it_is_wrong_usage(cdnow: dict[str, str]) -> None:
    code, said = _ended(cdnow, "validate", "--cut", LAST_DAY)
    assert code == 2, said
    assert "leaves no day to grade on" in said
    assert _json(cdnow, "validate", "--cut", "1997-02-01")["reason"].startswith("purchases go back")


def test_another_currency_than_that_of_the_state_is_refused(cdnow: dict[str, str]) -> None:
    code, said = _ended({**cdnow, "LTV_CURRENCY": "EUR"}, "fit")
    assert code == 78
    assert "LTV_CURRENCY=USD" in said


def _model(name: str, **changes: Any) -> bytes:
    whole = {
        "id": name, "kind": "mbg", "currency": "USD", "time_zone": "UTC",
        "r": 0.5, "alpha": 6.0, "a": 0.9, "b": 1.6, "p": 6.0, "q": 3.7, "gamma": 15.0,
    }  # fmt: skip
    return json.dumps(whole | changes).encode()


@pytest.fixture
def three(own_models: dict[str, str]) -> dict[str, str]:
    """Two models that can be used here, and between them one that can't."""
    settings = load(own_models)

    async def append() -> None:
        await append_model(settings, "old", _model("old"))
        await append_model(settings, "euro", _model("euro", currency="EUR"))
        await append_model(settings, "new", _model("new"))

    asyncio.run(append())
    return own_models


def test_models_are_promoted_and_rolled_back_by_being_the_last(three: dict[str, str]) -> None:
    told = _json(three, "models")
    assert told["in_use"] == "new"
    assert [one["id"] for one in told["models"]] == ["old", "euro", "new"]
    assert "fitted in EUR" in told["models"][1]["problem"]
    assert _json(three, "models", "rollback")["in_use"] == "old"
    assert _json(three, "models", "rollback")["in_use"] == "new"
    told = _json(three, "models", "promote", "old")
    assert [one["id"] for one in told["models"]] == ["euro", "new", "old"]
    offset = told["models"][-1]["offset"]
    assert _json(three, "models", "promote", "old")["models"][-1]["offset"] == offset
    assert "* old" in _run(three, "models")[1]


def test_a_model_that_is_not_there_or_of_no_use_is_not_promoted(three: dict[str, str]) -> None:
    code, said = _ended(three, "models", "promote", "nobody")
    assert code == 1, said
    assert "there are: old, euro, new" in said
    code, said = _ended(three, "models", "promote", "euro")
    assert code == 2, said
    assert "fitted in EUR" in said
    assert _json(three, "models")["in_use"] == "new"


def test_a_model_whose_key_is_not_its_id_is_of_no_use(three: dict[str, str]) -> None:
    asyncio.run(append_model(load(three), "other", _model("mine")))
    told = _json(three, "models")
    assert told["in_use"] == "new"
    assert told["models"][-1]["problem"] == (
        "the key of the record is b'other' and the model's id 'mine': publish it with its id as key"
    )
    code, said = _ended(three, "models", "promote", "other")
    assert code == 2, said
    assert "publish it with its id as key" in said
    code, said = _ended(three, "models", "withdraw", "other", "--yes")
    assert code == 0, said
    assert [one["id"] for one in _json(three, "models")["models"]] == ["old", "euro", "new"]


def test_without_a_model_before_there_is_nothing_to_roll_back_to(
    own_models: dict[str, str],
) -> None:
    code, said = _ended(own_models, "models", "rollback")
    assert code == 1, said
    assert "no model before" in said
