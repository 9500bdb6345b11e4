"""`ltv report`, from totals in a real Redis."""

from __future__ import annotations

import csv
import json
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import redis as redis_py
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from msgspec import structs

from stream_app.cli import ltv
from stream_app.cli.group import outcome
from stream_app.core.calendar import day_from_text
from stream_app.core.cohorts.totals import Totals
from stream_app.core.models.prequential import Prequential
from stream_app.core.portfolio import Portfolio, TierTotals
from stream_app.errors import Fault, NotFound, Unreachable, UsageError
from stream_app.wire.cohorts import Meta, encode
from stream_app.wire.grades import PartitionGrades
from stream_app.wire.grades import encode as encode_grades
from stream_app.wire.segments import Segments, encode_segments
from tests.cdnow_log import cdnow_records
from tests.core.cohort_logs import Following
from tests.docs.page import ROOT
from tests.generate import Shape, generate
from tests.jobs.conftest import Environ

SCHEMA = json.loads((ROOT / "schemas" / "report.schema.json").read_text(encoding="utf-8"))
PARTITIONS = 3
CDNOW_META = Meta(
    currency="USD",
    time_zone="UTC",
    partitions=PARTITIONS,
    first_purchase_day=day_from_text("1997-01-01"),
    last_day=day_from_text("1998-06-30"),
)


def cdnow_parts() -> list[Totals]:
    """The customers of the sample, dealt out to three partitions."""
    parts = [Following() for _ in range(PARTITIONS)]
    for record in cdnow_records():
        parts[int(record.key or b"0") % PARTITIONS].take([record])
    return [part.totals for part in parts]


class Redis:
    """What a publication has in Redis, under a prefix of its own."""

    def __init__(self, environ: Environ) -> None:
        self.client = redis_py.Redis.from_url(environ["LTV_REDIS_URL"])
        self.prefix = environ["LTV_KEY_PREFIX"]

    def publish(self, parts: list[Totals | None], meta: Meta) -> None:
        """As a worker does: a value a partition; of None nothing yet."""
        self.client.hset(f"{self.prefix}gen", mapping={"build": "1", "gen": "4"})
        for number, part in enumerate(parts):
            if part is not None:
                self.client.hset(f"{self.prefix}cohorts:4", str(number), encode(part, meta))

    def close(self) -> None:
        names = ("cohorts", "segments", "grades")
        self.client.delete(f"{self.prefix}gen", *(f"{self.prefix}{name}:4" for name in names))
        self.client.close()


@pytest.fixture
def environ(redis_url: str) -> Environ:
    """Redis is all that a report needs."""
    return {"LTV_REDIS_URL": redis_url, "LTV_KEY_PREFIX": f"report-{uuid.uuid4().hex[:8]}:"}


@pytest.fixture
def redis(environ: Environ) -> Iterator[Redis]:
    made = Redis(environ)
    yield made
    made.close()


@pytest.fixture(scope="module")
def parts() -> list[Totals]:
    return cdnow_parts()


@pytest.fixture
def cdnow(environ: Environ, redis: Redis, parts: list[Totals]) -> Environ:
    redis.publish(list(parts), CDNOW_META)
    return {**environ, "LTV_AS_OF": "1998-06-30"}


def report(environ: Environ, *arguments: str) -> Result:
    done = CliRunner().invoke(ltv, ["report", *arguments], env=environ, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done


def as_json(environ: Environ, *arguments: str) -> Any:
    """The object that is printed; it fits its schema."""
    found = json.loads(report(environ, "--json", *arguments).stdout)
    Draft202012Validator(SCHEMA).validate(found)
    return found


BY_PURCHASE = ("--by", "first-purchase")


def test_json_has_every_number_and_what_it_is_of(cdnow: Environ) -> None:
    found = as_json(cdnow, *BY_PURCHASE)
    assert (found["currency"], found["minor_units"], found["time_zone"]) == ("USD", 2, "UTC")
    assert (found["as_of"], found["data_from_month"]) == ("1998-06-30", "1997-01")
    assert found["partitions"] == {"of": 3, "missing": []}
    assert [one["cohort"] for one in found["cohorts"]] == ["1997-01", "1997-02", "1997-03"]
    assert found["total"]["net_minor"] == 24_409_194
    january = found["cohorts"][0]
    assert january["members"] == 781
    assert round(january["offsets"][11]["ltr_minor"]) == 8631
    assert january["offsets"][1] | {"ltr_minor": 0, "arpu_minor": 0} == {
        "offset": 1,
        "month": "1997-02",
        "state": "complete",
        "state_so_far": "complete",
        "active": 124,
        "payers": 124,
        "orders": 180,
        "purchase_days": 174,
        "gross_minor": 700373,
        "refunds_minor": 0,
        "net_minor": 700373,
        "ltr_minor": 0,
        "arpu_minor": 0,
        "arppu_minor": 700373 / 124,
        "active_share": 124 / 781,
        "paying_share": 124 / 781,
    }


def test_by_signup_who_never_signed_up_is_unknown(cdnow: Environ) -> None:
    found = as_json(cdnow)
    assert found["cohorts"] == []
    assert found["undated"]["cohort"] == "unknown"
    assert found["undated"]["total"]["net_minor"] == 24_409_194


def test_people_see_the_triangle_with_its_marks(cdnow: Environ) -> None:
    said = report(cdnow, *BY_PURCHASE, "--offsets", "17").stdout
    lines = {line.split()[0]: line for line in said.splitlines() if line.strip()}
    assert "LTR: revenue of a customer so far, USD" in said
    first = next(line for line in said.splitlines() if line.startswith("1997-01 "))
    assert first.split()[:4] == ["1997-01", "781", "36.61", "45.58"]
    assert first.split()[-1].endswith("~")
    assert lines["together"].split()[1] == "2,357"
    assert "~ the month is not over" in said
    assert "\x1b" not in said
    assert lines["all"].split() == ["all", "2,357", "244,091.94"]


def test_all_customers_together_are_told_below_the_cohorts(cdnow: Environ, redis: Redis) -> None:
    assert as_json(cdnow, *BY_PURCHASE)["segments"] is None
    said = Portfolio(
        {"active": TierTotals(400, 5_000_00, 900_00, 70_00), "lost": TierTotals(1957, 100, 7, 1)},
        {555: 300, 543: 57, 111: 2000},
        {5: (1, 3), 1: (4, 1)},
    )
    graded = PartitionGrades(10_407, {"mbg-1": Prequential(2, 1, 0.5, 0.25, 0.125)})
    for name, value in {
        "segments": encode_segments(Segments(899_164_800, "mbg-1", said)),
        "grades": encode_grades(graded),
    }.items():
        redis.client.hset(f"{redis.prefix}{name}:4", "0", value)
    told = as_json(cdnow, *BY_PURCHASE)
    assert told["segments"]["tiers"]["active"]["at_risk_minor"] == 7000
    assert told["segments"]["at_risk"] == {"days": 30, "minor": 7001}
    assert told["segments"]["segments"]["champions"] == 357
    assert told["segments"]["top_share"]["of_revenue"] == 0.75
    second = told["segments"]["second_purchase"]
    assert (second["members"], second["buyers"], second["median_days"]) == (1139, 2357, 55)
    assert second["rate"] == pytest.approx(0.483241, abs=1e-6)
    assert told["models"]["mbg-1"]["log_loss"] == 0.125
    text = " ".join(report(cdnow, *BY_PURCHASE).stdout.split())
    for words in (
        "active 400 5,000.00 900.00 70.00",
        "champions 357",
        "the best fifth of all buyers brought 75.0% of the revenue",
        "48.3% of 2,357 buyers bought on a second day, half of them within 55 days",
        "model mbg-1: 2 forecasts, log loss 0.1250, Brier 0.0625",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("metric", "shown"),
    [
        ("arpu", "36.61"),
        ("arppu", "36.80"),
        ("active", "100.0%"),
        ("paying", "99.5%"),
        ("revenue", "28,592.70"),
    ],
)
def test_the_table_shows_the_metric_that_is_asked_for(
    cdnow: Environ, metric: str, shown: str
) -> None:
    said = report(cdnow, *BY_PURCHASE, "--metric", metric).stdout
    first = next(line for line in said.splitlines() if line.startswith("1997-01 "))
    assert first.split()[2] == shown


def test_csv_adds_up_to_all_customers(cdnow: Environ) -> None:
    said = report(cdnow, *BY_PURCHASE, "--csv", "--offsets", "2").stdout
    rows = list(csv.DictReader(said.splitlines()))
    assert sum(round(float(row["net"]) * 100) for row in rows) == 24_409_194
    assert {row["offset"] for row in rows} == {"0", "1", "2", "later"}
    assert (rows[1]["cohort"], rows[1]["offset"], rows[1]["net"]) == ("1997-01", "1", "7003.73")
    assert rows[1]["ltr"] == "45.578015"


def test_cohorts_are_chosen_by_month(cdnow: Environ) -> None:
    found = as_json(cdnow, *BY_PURCHASE, "--from", "1997-02", "--to", "1997-02")
    assert [one["cohort"] for one in found["cohorts"]] == ["1997-02"]
    assert found["members"] == 857


def test_data_from_makes_earlier_months_partial(cdnow: Environ) -> None:
    found = as_json({**cdnow, "LTV_DATA_FROM": "1997-01-15"}, *BY_PURCHASE)
    states = [one["offsets"][0]["state"] for one in found["cohorts"]]
    assert (found["data_from_month"], states) == ("1997-02", ["partial", "complete", "complete"])
    said = report(cdnow, *BY_PURCHASE, "--data-from", "1997-02-02").stdout
    assert "36.61?" in said
    assert "? not all data: months from 1997-03 on are covered wholly" in said


def test_costs_give_cac_and_payback(cdnow: Environ, tmp_path: Path) -> None:
    costs = tmp_path / "costs.csv"
    costs.write_text(
        "month,channel,amount,currency\n1997-01,ads,30000.00,USD\n1997-01,,4500.50,USD\n"
        "1996-12,ads,12.00,USD\n"
    )
    found = as_json(cdnow, *BY_PURCHASE, "--cac", str(costs))
    paid = found["cohorts"][0]["acquisition"]
    assert paid["cost_minor"] == 3_450_050
    assert paid["payback_offset"] == 1
    assert round(paid["cac_minor"]) == 4417
    assert found["cohorts"][1]["acquisition"] is None
    assert found["costs_without_cohort"] == [{"month": "1996-12", "cost_minor": 1200}]
    said = report(cdnow, *BY_PURCHASE, "--cac", str(costs)).stdout
    assert "month 1" in said
    assert "12.00 USD were spent in 1996-12, a month without a cohort" in said


def test_costs_may_be_named_by_a_setting_and_the_option_wins(
    cdnow: Environ, tmp_path: Path
) -> None:
    for name, amount in (("usual", "100.00"), ("other", "200.00")):
        (tmp_path / name).write_text(f"month,amount,currency\n1997-01,{amount},USD\n")
    usual = {**cdnow, "LTV_CAC_FILE": str(tmp_path / "usual")}
    for options, cost in (((), 10_000), (("--cac", str(tmp_path / "other")), 20_000)):
        found = as_json(usual, *BY_PURCHASE, *options)
        assert found["cohorts"][0]["acquisition"]["cost_minor"] == cost


def test_a_page_is_written_beside_what_is_printed(cdnow: Environ, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    assert as_json(cdnow, *BY_PURCHASE, "--html", str(file))["members"] == 2357
    text = file.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert "86.31" in text
    assert "src=" not in text.partition("<body>")[0]
    with pytest.raises(UsageError, match=r"--html .* can't be written"):
        report(cdnow, *BY_PURCHASE, "--html", str(tmp_path / "no" / "where"))


def test_a_shop_with_channels_is_the_same_from_its_events(environ: Environ, redis: Redis) -> None:
    """Every channel's members, and those without one, are all members."""
    following = Following()
    following.take(generate(Shape(seed=3, customers=80, records=900, foreign=0.1)))
    meta = msgspec.structs.replace(CDNOW_META, partitions=1, first_signup_day=19_000)
    redis.publish([following.totals], meta)
    channels = as_json(environ)["channels"]
    assert None in channels
    assert "übermut" in channels
    each = [as_json(environ, "--channel", name or "")["members"] for name in channels]
    assert sum(each) == as_json(environ)["members"] == len(following.customers)


def test_what_is_not_published_yet_is_said(
    environ: Environ, redis: Redis, parts: list[Totals]
) -> None:
    redis.publish([parts[0], None, parts[2]], CDNOW_META)
    done = report(environ, *BY_PURCHASE, "--json")
    assert json.loads(done.stdout)["partitions"] == {"of": 3, "missing": [1]}
    assert "Nothing is published yet of partition 1 (of 3)" in done.stderr


def test_totals_that_nobody_keeps_any_more_are_as_of_when_somebody_did(
    environ: Environ, redis: Redis, parts: list[Totals]
) -> None:
    last_seen = 899_164_800 + 3600  # 1998-06-30 01:00Z
    redis.publish(list(parts), structs.replace(CDNOW_META, published_at=last_seen))
    by_clock = {name: value for name, value in environ.items() if name != "LTV_AS_OF"}
    told = as_json(by_clock, *BY_PURCHASE)
    assert (told["stale"], told["as_of"]) == (True, "1998-06-30")
    assert told["cohorts"][0]["offsets"][11]["state"] == "complete"
    said = report(by_clock, *BY_PURCHASE).stderr
    assert "No worker has kept some of these totals since 1998-06-30 01:00Z" in said
    now = structs.replace(CDNOW_META, published_at=int(time.time()))
    redis.publish(list(parts), now)
    assert as_json(by_clock, *BY_PURCHASE)["stale"] is False


def test_by_formula_nothing_is_known_to_be_at_risk(cdnow: Environ, redis: Redis) -> None:
    said = Segments(899_164_800, None, Portfolio({"lost": TierTotals(3, 100, 7, 0)}))
    redis.client.hset(f"{redis.prefix}segments:4", "0", encode_segments(said))
    told = as_json(cdnow, *BY_PURCHASE)["segments"]
    assert (told["at_risk"]["minor"], told["tiers"]["lost"]["at_risk_minor"]) == (None, None)
    assert "chance of 30 silent days" not in report(cdnow, *BY_PURCHASE).stdout


def test_an_empty_redis_is_one_sentence(environ: Environ) -> None:
    with pytest.raises(NotFound, match="No cohort totals are published under"):
        report(environ)


def test_totals_of_another_version_are_one_sentence(cdnow: Environ, redis: Redis) -> None:
    redis.client.hset(f"{redis.prefix}cohorts:4", "1", b"\x09rest")
    with pytest.raises(Fault, match=r"can't be read: partition 1: cohort totals of version 9"):
        report(cdnow)


def test_a_redis_that_is_away_is_one_sentence(environ: Environ) -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        report({**environ, "LTV_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"})


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from", "1997-13"), "--from: '1997-13' is not a month such as 2024-03"),
        (("--to", "97-01"), "--to: '97-01' is not a month"),
        (("--from", "1997-02", "--to", "1997-01"), "--from 1997-02 is after --to 1997-01"),
        (("--channel", "ads"), "--channel 'ads': no customer came that way; there are ''"),
        (("--csv", "--json"), "--csv and --json can't both"),
    ],
)
def test_wrong_usage_names_the_option(
    cdnow: Environ, arguments: tuple[str, ...], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        report(cdnow, *BY_PURCHASE, *arguments)


@pytest.mark.parametrize(
    ("option", "value"), [("--metric", "ltv"), ("--by", "channel"), ("--offsets", "36")]
)
def test_a_word_that_is_no_choice_is_wrong_usage(
    option: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert outcome(ltv, ["report", option, value]) == 2
    assert f"'{option}'" in capsys.readouterr().err
