"""`ltv backfill` on a real Kafka: what it makes, what it refuses, what is left when it dies."""

from __future__ import annotations

import asyncio
import csv
import json
import signal
import subprocess
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from click.testing import CliRunner
from msgspec import UNSET

from stream_app.cli import ltv
from stream_app.errors import ConfigurationError, Fault, LtvError, SourceMismatch, UsageError
from stream_app.jobs.backfill.cut import find_cut
from stream_app.jobs.builds.target import begin_anew, check_target
from stream_app.jobs.builds.writing import Snapshot
from stream_app.jobs.demo_worker import command
from stream_app.jobs.verification.findings import Findings
from stream_app.jobs.verification.history import HistoryOrder
from stream_app.jobs.verify import Scope, verify
from stream_app.settings import Settings, load
from stream_app.stores.log_reader import LogReader
from stream_app.stores.topics import ensure_topics
from stream_app.wire.changelog import CLAIM_KEY, encode_value
from tests.jobs.backfill.history import Cells, backfilled, write
from tests.jobs.conftest import Environ
from tests.jobs.states import states_of, views_of

CUT = "2024-03-01"
CUT_MS = int(datetime(2024, 3, 1, tzinfo=UTC).timestamp() * 1_000)
HOUR_MS = 3_600_000
HISTORY = [
    {"customer_id": f"c-{n % 40}", "event_id": f"e-{n}", "date": f"2024-02-{1 + n % 28:02d}",
     "amount": f"{n}.50"}
    for n in range(400)
]  # fmt: skip


@pytest.fixture
def history(tmp_path: Path) -> Path:
    return write(tmp_path / "orders.csv", HISTORY)


def backfill(environ: Environ, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = CliRunner().invoke(
        ltv, ["backfill", "--json", *arguments], env=environ, standalone_mode=False
    )
    if done.exception is not None:
        raise done.exception
    return done.return_value, json.loads(done.stdout)


def refusal(environ: Environ, kind: type[LtvError], *arguments: str) -> str:
    """The one sentence with which it ends before anything is written."""
    with pytest.raises(kind) as raised:
        backfill(environ, *arguments)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def second(environ: Environ) -> Settings:
    return load(environ | {"LTV_BUILD": "2"})


def is_there(settings: Settings) -> bool:
    """Whether the build has a changelog."""

    async def look() -> bool:
        report = await ensure_topics(settings, create=False)
        return "changelog" in report.topics

    return asyncio.run(look())


def with_log(settings: Settings, work: Callable[[LogReader], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        log = LogReader(settings)
        await log.start()
        try:
            return await work(log)
        finally:
            await log.stop()

    return asyncio.run(run())


def produce(
    settings: Settings, topic: str, *records: tuple[int, bytes, bytes, int | None]
) -> list[int]:
    """Records of partition, key, value and timestamp in milliseconds; their offsets."""

    async def send() -> list[int]:
        async with AIOKafkaProducer(bootstrap_servers=settings.brokers) as producer:
            return [
                (
                    await producer.send_and_wait(
                        topic, value, key=key, partition=number, timestamp_ms=stamp
                    )
                ).offset
                for number, key, value, stamp in records
            ]

    return asyncio.run(send())


# -- what it makes ------------------------------------------------------------------------------


def test_the_state_is_whole_and_says_what_it_came_from(
    with_topics: Settings, own_environ: Environ, history: Path
) -> None:
    code, answer = backfill(own_environ, "--history", str(history), "--until", CUT)
    assert (code, answer["build"], answer["applied"], answer["customers"]) == (0, 2, 400, 40)
    assert answer["revenue_minor"] == sum(100 * n + 50 for n in range(400))
    parts = ("applied", "duplicate", "refused", "past_the_cut")
    assert answer["rows"] == sum(answer[name] for name in parts)
    settings = second(own_environ)
    expected = backfilled(settings, [str(history)])
    assert states_of(settings) == expected.states
    marks = [view.watermark for view in views_of(settings)]
    for number, mark in enumerate(marks):
        assert mark is not None
        assert mark.history is not UNSET
        counted = expected.counted[number]
        assert (mark.net_minor, mark.max_at_us) == (counted.net_minor, counted.max_at_us)
        assert mark.history.rows[settings.topic_purchases].applied == counted.applied[0]
        assert not mark.unfinished
        assert mark.sources.keys() == set(settings.source_topics)
        assert (mark.time_zone, mark.currency, mark.partitions) == ("UTC", "USD", 3)


def test_the_stream_goes_on_from_the_first_record_that_may_not_be_in_the_history(
    with_topics: Settings, own_environ: Environ, history: Path
) -> None:
    """The lateness before the cut; a partition's last record where none is so new; anchored."""
    topic = with_topics.topic_purchases
    produce(
        with_topics,
        topic,
        (0, b"k", b"old", CUT_MS - 30 * HOUR_MS),
        (0, b"k", b"late", CUT_MS - 20 * HOUR_MS),
        (0, b"k", b"later", CUT_MS - 26 * HOUR_MS),
        (1, b"k", b"old", CUT_MS - 30 * HOUR_MS),
    )
    _, answer = backfill(own_environ, "--history", str(history), "--until", CUT)
    assert answer["starts"][topic] == {"0": 1, "1": 1, "2": 0}
    assert answer["to_stream"] == 2
    marks = [view.watermark for view in views_of(second(own_environ))]
    sources = [mark.sources[topic] for mark in marks if mark is not None]
    anchors = [source.anchor and source.anchor.offset for source in sources]
    assert anchors == [0, 0, None]
    assert [source.applied for source in sources] == [0, 0, 0]
    _, exact = backfill(
        own_environ, "--history", str(history), "--until", CUT, "--lateness", "0", "--into", "3"
    )
    assert exact["starts"][topic] == {"0": 3, "1": 1, "2": 0}


def test_a_dry_run_counts_everything_and_writes_nothing(
    with_topics: Settings, own_environ: Environ, history: Path
) -> None:
    code, answer = backfill(own_environ, "--history", str(history), "--until", CUT, "--dry-run")
    assert (code, answer["applied"], answer["written"]) == (0, 400, False)
    assert not is_there(second(own_environ))


def test_what_happened_at_the_cut_or_later_is_left_to_the_stream(
    with_topics: Settings, own_environ: Environ, history: Path
) -> None:
    _, answer = backfill(own_environ, "--history", str(history), "--until", "2024-02-11")
    assert (answer["applied"], answer["past_the_cut"], answer["rows"]) == (148, 252, 400)


def test_the_guessed_columns_are_shown_before_anything_is_read(
    with_topics: Settings, own_environ: Environ, tmp_path: Path
) -> None:
    path = write(tmp_path / "o.csv", [{"Buyer ID": "c", "Order Date": CUT, "Total": "1", "x": "y"}])
    done = CliRunner().invoke(
        ltv,
        ["backfill", "--history", str(path), "--until", CUT, "--dry-run"],
        env=own_environ,
        standalone_mode=False,
    )
    for line in (
        "o.csv: purchase",
        "  customer_id  <- Buyer ID",
        "  occurred_at  <- Order Date",
        "  event_id     <- none: made of each row's content",
        "  not used: x",
    ):
        assert line in done.stderr.splitlines()
    assert done.stderr.index("not used: x") < done.stderr.index("reading o.csv")


# -- bad rows -----------------------------------------------------------------------------------

BAD: list[Cells] = [
    {**HISTORY[0], "event_id": "b-1", "amount": "1.234"},
    {**HISTORY[0], "event_id": "b-2", "date": "soon"},
]


def test_a_refused_row_ends_it_before_anything_is_written_and_is_written_down(
    with_topics: Settings, own_environ: Environ, tmp_path: Path
) -> None:
    path = write(tmp_path / "orders.csv", [*HISTORY, *BAD])
    code, answer = backfill(own_environ, "--history", str(path), "--until", CUT)
    assert (code, answer["refused"], answer["written"]) == (2, 2, False)
    assert answer["reasons"] == {"amount_precision": 1, "bad_time": 1}
    assert not is_there(second(own_environ))
    with (tmp_path / "orders.refused.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["source"], row["row"], row["reason"]) for row in rows] == [
        ("orders.csv", "401", "amount_precision"),
        ("orders.csv", "402", "bad_time"),
    ]
    assert json.loads(rows[1]["cells"])["occurred_at"] == "soon"
    assert "RFC 3339" in rows[1]["detail"]


def test_skipped_rows_are_counted_in_the_state(
    with_topics: Settings, own_environ: Environ, tmp_path: Path
) -> None:
    path = write(tmp_path / "orders.csv", [*HISTORY, *BAD])
    aside = tmp_path / "aside.csv"
    code, answer = backfill(
        own_environ,
        "--history",
        str(path),
        "--until",
        CUT,
        "--skip-refused",
        "--refused",
        str(aside),
    )
    assert (code, answer["refused"], answer["written"]) == (0, 2, True)
    assert aside.exists()
    for view in views_of(second(own_environ)):
        assert view.watermark is not None
        assert view.watermark.history is not UNSET
        assert view.watermark.history.refused == 2
    assert recounted(own_environ, path).equal


# -- what it refuses ----------------------------------------------------------------------------


def test_a_cut_in_the_future_is_refused(own_environ: Environ, history: Path) -> None:
    words = refusal(own_environ, UsageError, "--history", str(history), "--until", "2100-01-01")
    assert "future" in words


def test_missing_topics_are_refused(
    settings: Settings, own_environ: Environ, history: Path
) -> None:
    words = refusal(own_environ, ConfigurationError, "--history", str(history), "--until", CUT)
    assert "missing" in words
    assert "ltv topics" in words


def test_a_trusted_partitioner_is_refused(own_environ: Environ, history: Path) -> None:
    environ = own_environ | {"LTV_PARTITIONER": "trust"}
    words = refusal(environ, ConfigurationError, "--history", str(history), "--until", CUT)
    assert "LTV_PARTITIONER=trust" in words


def test_a_build_that_exists_is_refused_and_stays_as_it_is(
    with_topics: Settings, own_environ: Environ, history: Path
) -> None:
    produce(with_topics, with_topics.changelog_topic, (0, b"c-1", encode_value(0, b""), None))
    given = ("--history", str(history), "--until", CUT)
    assert "exists" in refusal(own_environ, ConfigurationError, *given, "--into", "1")
    backfill(own_environ, *given)
    before = states_of(second(own_environ))
    assert "Build 2 exists" in refusal(own_environ, ConfigurationError, *given)
    assert states_of(second(own_environ)) == before


def test_a_topic_whose_records_from_the_cut_on_may_be_gone_is_refused(
    with_topics: Settings, own_environ: Environ, history: Path
) -> None:
    topic = with_topics.topic_purchases
    produce(with_topics, topic, *((1, b"k", b"v", CUT_MS + n) for n in range(4)))
    trim(with_topics, TopicPartition(topic, 1), 2)
    given = ("--history", str(history), "--until", CUT)
    words = refusal(own_environ, SourceMismatch, *given)
    assert f"{topic} partition 1 begins at offset 2" in words
    assert not is_there(second(own_environ))
    code, answer = backfill(own_environ | {"LTV_HISTORY_TRIMMED": "1"}, *given)
    assert (code, answer["starts"][topic]["1"]) == (0, 2)


def trim(settings: Settings, place: TopicPartition, offset: int) -> None:
    """Remove the records before an offset, as retention does."""
    from aiokafka.admin import RecordsToDelete

    from stream_app.stores.topics import admin_client

    async def remove() -> None:
        async with admin_client(settings) as admin:
            await admin.delete_records({place: RecordsToDelete(before_offset=offset)})

    asyncio.run(remove())


def test_an_overlap_without_event_ids_is_refused(
    with_topics: Settings, own_environ: Environ, tmp_path: Path
) -> None:
    rows = [{"customer_id": "c", "date": "2024-02-01", "amount": "1"}]
    path = write(tmp_path / "o.csv", rows)
    given = ("--history", str(path), "--until", CUT)
    words = refusal(own_environ, UsageError, *given, "--lateness", "1h")
    assert "--event-id" in words
    _, answer = backfill(own_environ, *given)
    assert (answer["lateness_seconds"], answer["without_event_id"]) == (0, 1)
    some = write(tmp_path / "some.csv", [*rows, {**rows[0], "event_id": "e"}])
    words = refusal(own_environ, UsageError, "--history", str(some), "--until", CUT, "--into", "3")
    assert "1 rows have no event id" in words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--history", "nowhere.csv"), "no file"),
        (("--history", "SELECT * FROM nowhere"), "can't be read"),
        (("--history", "SELECT 1 AS a"), "no column for customer_id"),
        (("--history", "{empty}"), "nothing.csv is empty: its first line has to name the columns"),
        (("--history", "signup=SELECT 'c' AS user, 1 AS b"), "occurred_at of a signup"),
        (("--history", "{file}", "--map", "amount=nothing"), "no source has such a column"),
        (("--history", "{file}", "--lateness", "soon"), "not a duration"),
        (("--history", "{file}", "--until", "soon"), "neither a date"),
    ],
)
def test_words_that_make_no_sense_are_refused(
    arguments: tuple[str, ...], words: str, own_environ: Environ, history: Path
) -> None:
    empty = history.with_name("nothing.csv")
    empty.touch()
    files = {"{file}": str(history), "{empty}": str(empty)}
    given = [files.get(one, one) for one in arguments]
    until = () if "--until" in given else ("--until", CUT)
    assert words in refusal(own_environ, UsageError, *given, *until)


def test_a_build_whose_worker_runs_is_refused(
    with_topics: Settings, own_environ: Environ, history: Path
) -> None:
    """Also one whose changelog is empty: the worker would begin from nothing beside us."""
    settings = second(own_environ)

    async def beside() -> str:
        consumer = AIOKafkaConsumer(
            with_topics.topic_purchases,
            bootstrap_servers=settings.brokers,
            group_id=settings.group,
        )
        await consumer.start()
        try:
            environ = own_environ | {"LTV_SESSION_SECONDS": "1"}
            return await asyncio.to_thread(
                refusal, environ, ConfigurationError, "--history", str(history), "--until", CUT
            )
        finally:
            await consumer.stop()

    assert "1 worker of build 2" in asyncio.run(beside())


# -- when it dies -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failpoint",
    ["backfill_marked", "backfill_bucket", "backfill_written", "backfill_watermark:2"],
)
def test_a_kill_at_any_moment_touches_nothing_else_and_the_next_try_begins_anew(
    failpoint: str, with_topics: Settings, own_environ: Environ, history: Path, tmp_path: Path
) -> None:
    live = with_topics.changelog_topic
    produce(with_topics, live, (0, b"c-1", encode_value(0, b"\1" + bytes(12)), None))
    before = states_of(with_topics)
    given = ("--history", str(history), "--until", CUT)
    died = subprocess.run(
        command(
            own_environ | {"LTV_FAILPOINT": failpoint}, "backfill", *given, "--dir", str(tmp_path)
        ),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert "strikes" in died.stderr
    assert states_of(with_topics) == before

    settings = second(own_environ)
    assert any(
        view.watermark is not None and view.watermark.unfinished for view in views_of(settings)
    )
    log = tmp_path / "worker.log"
    with log.open("w") as out:
        refused = subprocess.run(
            command(own_environ | {"LTV_BUILD": "2", "LTV_HTTP_PORT": "0"}, "worker"),
            stdout=out, stderr=out, timeout=60, check=False,
        )  # fmt: skip
    assert refused.returncode == 78, log.read_text()
    assert "build 2 is unfinished" in log.read_text()

    code, answer = backfill(own_environ, *given)
    assert (code, answer["written"], answer["applied"]) == (0, True, 400)
    assert states_of(settings) == backfilled(settings, [str(history)]).states
    assert states_of(with_topics) == before
    assert recounted(own_environ, history).equal


def test_another_writer_in_the_changelog_leaves_the_build_unfinished(
    with_topics: Settings, own_environ: Environ
) -> None:
    """A worker that claims while customers are written makes the rest void; we notice."""
    settings = second(own_environ)

    async def work(log: LogReader) -> None:
        cut = await find_cut(settings, log, CUT_MS * 1_000, 0)
        await begin_anew(settings, delete=False)
        async with Snapshot.begun(settings, log, cut.until_us) as snapshot:
            claim = (1, CLAIM_KEY, encode_value(0, b""), None)
            await asyncio.to_thread(produce, settings, settings.changelog_topic, claim)
            with pytest.raises(Fault, match=r"somebody else has written to .* partition 1"):
                await snapshot.finish({})
        assert await check_target(settings, log)

    with_log(settings, work)
    assert any(one.watermark is not None and one.watermark.unfinished for one in views_of(settings))


# -- verify -------------------------------------------------------------------------------------


def recounted(environ: Environ, *files: Path) -> Findings:
    """The build's state, verified with the history."""
    order = HistoryOrder(tuple(map(str, files)))
    return asyncio.run(verify(second(environ), Scope(redis=False, history=order)))


def test_another_history_than_the_state_came_from_is_found(
    with_topics: Settings, own_environ: Environ, history: Path, tmp_path: Path
) -> None:
    backfill(own_environ, "--history", str(history), "--until", CUT)
    assert recounted(own_environ, history).equal
    other = write(tmp_path / "other.csv", [{**HISTORY[0], "amount": "0.51"}, *HISTORY[1:]])
    found = recounted(own_environ, other)
    assert not found.equal
    assert found.state is not None
    assert (found.state.different, found.money_delta_minor) == (1, -1)
    fewer = write(tmp_path / "fewer.csv", HISTORY[1:])
    assert "1 orders" in recounted(own_environ, fewer).examples[0].what


def test_without_the_history_a_customer_who_lacks_money_is_found_by_the_sum(
    with_topics: Settings, own_environ: Environ, history: Path
) -> None:
    backfill(own_environ, "--history", str(history), "--until", CUT)
    settings = second(own_environ)
    scope = Scope(redis=False)
    assert asyncio.run(verify(settings, scope)).equal
    view = views_of(settings)[0]
    (one, version), (_, other) = list(view.customers.items())[:2]
    assert version.body != other.body
    produce(settings, settings.changelog_topic, (0, one, encode_value(0, other.body), None))
    found = asyncio.run(verify(settings, scope))
    assert not found.equal
    assert "the customers' revenue is" in found.problems[0]
