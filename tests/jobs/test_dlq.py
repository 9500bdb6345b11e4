"""Dead letters: shown with their reasons; sent again as they were, once each, without piling up."""

import asyncio
import json
from typing import Any

import pytest
from click.testing import CliRunner

from stream_app.cli import ltv
from stream_app.errors import UsageError
from stream_app.jobs.dlq import read_letters
from stream_app.jobs.send.outbox import Outbox
from stream_app.settings import Settings
from stream_app.wire import dead_letter
from stream_app.wire.partitioner import murmur2
from stream_app.wire.record import Record
from stream_app.wire.refusal import Reason, Refusal
from tests.jobs.conftest import Environ, read_topic


def refuse(settings: Settings, *refused: tuple[Any, Reason]) -> None:
    """Write dead letters as a worker would."""

    async def write() -> None:
        async with Outbox(settings) as outbox:
            await outbox.partition_counts([settings.topic_dead_letters])
            for record, reason in refused:
                headers = dead_letter.headers(record, Refusal(reason, "why"))
                await outbox.add(settings.topic_dead_letters, 0, record.key, record.value, headers)
            await outbox.settle()

    asyncio.run(write())


def record(
    settings: Settings, offset: int, key: bytes | None = b"c", value: bytes | None = b"{\xff"
) -> Record:
    own = [("trace", b"\x00\x01")]
    return Record(settings.topic_purchases, 2, offset, 1_700_000_000_000, key, value, own)


def dlq(environ: Environ, *arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(
        ltv, ["dlq", *arguments, "--json"], env=environ, standalone_mode=False
    )
    if done.exception is not None:
        raise done.exception
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_the_list_shows_what_was_refused_and_why(
    with_topics: Settings, own_environ: Environ
) -> None:
    refuse(
        with_topics,
        (record(with_topics, 5), Reason.NOT_JSON),
        (record(with_topics, 6, None, None), Reason.NULL_VALUE),
    )
    answer = dlq(own_environ, "list")
    assert answer["total"] == 2
    assert answer["reasons"] == {"not_json": 1, "null_value": 1}
    assert answer["letters"][0] == {
        "topic": with_topics.topic_purchases,
        "partition": 2,
        "offset": 5,
        "timestamp_ms": 1_700_000_000_000,
        "reason": "not_json",
        "detail": "why",
        "replay_of": None,
        "key": "c",
        "value": "{\\xff",
        "headers": {"trace": "\x00\x01"},
    }
    assert dlq(own_environ, "list", "--reason", "null_value")["total"] == 1
    limited = dlq(own_environ, "list", "--limit", "1")
    assert (limited["total"], len(limited["letters"])) == (2, 1)
    assert limited["letters"][0]["offset"] == 6


def test_a_letter_that_a_crash_repeated_is_one_letter(with_topics: Settings) -> None:
    same = (record(with_topics, 5), Reason.NOT_JSON)
    refuse(with_topics, same, same)
    assert len(asyncio.run(read_letters(with_topics))) == 1


def test_a_replay_sends_bytes_headers_and_time_as_they_were(
    with_topics: Settings, own_environ: Environ
) -> None:
    refuse(
        with_topics,
        (record(with_topics, 5), Reason.NOT_JSON),
        (record(with_topics, 6, None, b"v"), Reason.KEY_MISMATCH),
    )
    answer = dlq(own_environ, "replay", "--yes")
    assert (answer["letters"], answer["sent"]) == (2, 2)
    sent = {one.key: one for one in read_topic(with_topics, with_topics.topic_purchases)}
    keyed, keyless = sent[b"c"], sent[None]
    assert keyed.value == b"{\xff"
    assert keyed.partition == murmur2(b"c", 3)
    assert dict(keyed.headers) == {
        "trace": b"\x00\x01",
        "ltv-timestamp": b"1700000000000",
        "ltv-replay-of": f"{with_topics.topic_purchases}/2/5".encode(),
    }
    assert (keyless.value, keyless.partition) == (b"v", 2)


def test_a_dry_run_counts_and_sends_nothing(with_topics: Settings, own_environ: Environ) -> None:
    refuse(with_topics, (record(with_topics, 5), Reason.NOT_JSON))
    answer = dlq(own_environ, "replay", "--dry-run")
    assert (answer["letters"], answer["sent"], answer["reasons"]) == (1, 0, {"not_json": 1})
    assert read_topic(with_topics, with_topics.topic_purchases) == []


def test_only_the_reason_asked_for_is_sent(with_topics: Settings, own_environ: Environ) -> None:
    refuse(
        with_topics,
        (record(with_topics, 5), Reason.NOT_JSON),
        (record(with_topics, 6), Reason.BAD_AMOUNT),
    )
    assert dlq(own_environ, "replay", "--yes", "--reason", "bad_amount")["sent"] == 1


def test_what_is_refused_again_takes_the_old_letters_place(
    with_topics: Settings, own_environ: Environ
) -> None:
    refuse(with_topics, (record(with_topics, 5), Reason.NOT_JSON))
    for _ in range(3):
        assert dlq(own_environ, "replay", "--yes")["sent"] == 1
        newest = read_topic(with_topics, with_topics.topic_purchases)[-1]
        refuse(with_topics, (newest, Reason.NOT_JSON))
    (letter,) = asyncio.run(read_letters(with_topics))
    assert letter.timestamp_ms == 1_700_000_000_000
    assert letter.source.offset == 2
    assert dict(letter.own_headers)["trace"] == b"\x00\x01"


def test_a_letter_from_a_topic_that_is_not_ours_is_left_alone(
    with_topics: Settings, own_environ: Environ
) -> None:
    foreign = Record("somebody-elses", 0, 0, 1, b"c", b"v")
    refuse(with_topics, (foreign, Reason.NOT_JSON))
    answer = dlq(own_environ, "replay", "--yes")
    assert (answer["letters"], answer["not_ours"], answer["sent"]) == (1, 1, 0)


def test_without_a_terminal_a_replay_needs_yes(with_topics: Settings, own_environ: Environ) -> None:
    refuse(with_topics, (record(with_topics, 5), Reason.NOT_JSON))
    with pytest.raises(UsageError, match="--yes"):
        dlq(own_environ, "replay")
    assert read_topic(with_topics, with_topics.topic_purchases) == []
