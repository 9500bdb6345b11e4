"""A state goes on from the log it came from, and from no other; every refusal is one sentence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from msgspec import UNSET, UnsetType, structs

from stream_app.errors import SourceMismatch
from stream_app.wire.changelog import History, SourcePosition, Watermark, anchor_of
from stream_app.wiring import nothing_yet
from stream_app.worker.source import Sources
from tests.worker.memory_log import MemoryLogs, MemoryReader
from tests.worker.records import bought, record, settings

NUMBER = 0


class Shop:
    """Ten purchases, of which a state has folded the first six; no signups, no activity."""

    def __init__(self, **variables: str) -> None:
        self.settings = settings(**variables)
        self.logs = MemoryLogs()
        self.purchases = self.logs.of("purchases")
        for offset in range(10):
            self.purchases.put(bought(offset))
        anchor = anchor_of(self.purchases.records[5])
        position = SourcePosition(6, anchor, applied=6)
        self.watermark = structs.replace(
            nothing_yet(self.settings),
            sources={"purchases": position, "signups": SourcePosition(0)},
        )

    async def check(
        self, watermark: Watermark | None, committed: Mapping[str, int] | None = None
    ) -> Watermark:
        """What the worker asks when it takes the partition."""
        reader = MemoryReader(self.settings, self.logs)
        sources = Sources(self.settings, reader, nothing_yet(self.settings))
        return await sources.check(NUMBER, watermark, committed or {})

    async def refusal(
        self, watermark: Watermark | None, committed: Mapping[str, int] | None = None
    ) -> str:
        """The sentence with which it is refused."""
        with pytest.raises(SourceMismatch) as raised:
            await self.check(watermark, committed)
        assert raised.value.exit_code == 78
        return str(raised.value)


@pytest.fixture
def shop() -> Shop:
    return Shop()


# -- what passes -------------------------------------------------------------------------------


async def test_the_same_log_passes_and_topics_not_met_yet_begin_at_their_start(shop: Shop) -> None:
    found = await shop.check(shop.watermark)
    assert found.sources == shop.watermark.sources | {"activity": SourcePosition(0)}
    assert structs.replace(found, sources={}) == structs.replace(shop.watermark, sources={})


async def test_without_a_state_everything_begins_at_the_start(shop: Shop) -> None:
    found = await shop.check(None, {"purchases": 0})
    assert found.sources == {
        topic: SourcePosition(0) for topic in ("purchases", "signups", "activity")
    }


async def test_the_whole_log_folded_passes(shop: Shop) -> None:
    shop.purchases.records = shop.purchases.records[:6]
    shop.purchases.end = 6
    await shop.check(shop.watermark)


async def test_gaps_around_the_watermark_pass(shop: Shop) -> None:
    """Compaction and transactions leave offsets without a record."""
    for offset in (3, 6, 7):
        shop.purchases.remove(offset)
    await shop.check(shop.watermark)


async def test_an_anchor_that_is_gone_proves_nothing(shop: Shop) -> None:
    shop.purchases.remove(5)
    await shop.check(shop.watermark)


async def test_a_log_trimmed_up_to_the_watermark_passes(shop: Shop) -> None:
    shop.purchases.trim(6)
    await shop.check(shop.watermark)


async def test_a_record_of_the_log_is_what_the_anchor_says_in_key_value_and_time(
    shop: Shop,
) -> None:
    """Headers are no part of it: a mirror may add some."""
    shop.purchases.records[5] = structs.replace(
        shop.purchases.records[5], headers=(("mirrored", b"1"),)
    )
    await shop.check(shop.watermark)


async def test_a_trimmed_start_passes_where_history_was_removed_on_purpose() -> None:
    shop = Shop(HISTORY_TRIMMED="1")
    shop.purchases.trim(4)
    shop.logs.of("activity").trim(7)
    assert (await shop.check(None, {"purchases": 9})).sources["purchases"].next_offset == 4
    assert (await shop.check(shop.watermark)).sources["activity"].next_offset == 7


async def test_another_tzdata_does_not_matter_in_utc(shop: Shop) -> None:
    await shop.check(structs.replace(shop.watermark, tzdata="1999a"))


async def test_what_the_group_committed_does_not_matter_where_there_is_state(shop: Shop) -> None:
    await shop.check(shop.watermark, {"purchases": 1_000})


# -- what is refused ---------------------------------------------------------------------------


async def test_a_deleted_changelog_is_refused_because_the_group_had_been_further(
    shop: Shop,
) -> None:
    sentence = await shop.refusal(None, {"purchases": 6, "signups": 0})
    assert "ltv-customers-changelog partition 0 has no state" in sentence
    assert "group ltv has committed offsets ({'purchases': 6})" in sentence
    assert "the changelog was deleted; set the next LTV_BUILD" in sentence


async def test_a_log_without_its_beginning_is_refused_when_there_is_no_state(shop: Shop) -> None:
    shop.purchases.trim(4)
    sentence = await shop.refusal(None)
    assert "purchases partition 0 begins at offset 4" in sentence
    assert "set LTV_HISTORY_TRIMMED=1" in sentence


async def test_a_topic_met_for_the_first_time_without_its_beginning_is_refused(shop: Shop) -> None:
    shop.logs.of("activity").trim(7)
    assert "activity partition 0 begins at offset 7" in await shop.refusal(shop.watermark)


async def test_a_log_shorter_than_the_watermark_is_refused(shop: Shop) -> None:
    shop.purchases.records = shop.purchases.records[:5]
    shop.purchases.end = 5
    sentence = await shop.refusal(shop.watermark)
    assert "purchases partition 0 ends at offset 5, but the state has read up to 6" in sentence
    assert "the topic was re-created or restored; start a new build" in sentence


@pytest.mark.parametrize("trimmed", ["0", "1"])
async def test_a_log_trimmed_past_the_watermark_is_refused_even_where_history_was_trimmed(
    trimmed: str,
) -> None:
    shop = Shop(HISTORY_TRIMMED=trimmed)
    shop.purchases.trim(7)
    sentence = await shop.refusal(shop.watermark)
    assert "purchases partition 0 begins at offset 7, but the state has read only up to" in sentence
    assert "retention removed records that were never folded" in sentence


@pytest.mark.parametrize(
    "other",
    [
        structs.replace(bought(5), value=b"{}"),
        structs.replace(bought(5), key=b"c-9"),
        structs.replace(bought(5), timestamp=1),
        structs.replace(bought(5), value=None),
    ],
    ids=["value", "key", "timestamp", "tombstone"],
)
async def test_another_record_at_the_anchor_is_refused(shop: Shop, other: object) -> None:
    shop.purchases.records[5] = other  # type: ignore[call-overload]
    sentence = await shop.refusal(shop.watermark)
    assert sentence.startswith("the record at offset 5 of purchases partition 0 is not the one")
    assert "the topic was re-created" in sentence


@pytest.mark.parametrize(
    ("name", "was", "variable"),
    [
        ("time_zone", "Europe/Berlin", "LTV_TIMEZONE is 'UTC'"),
        ("currency", "EUR", "LTV_CURRENCY is 'USD'"),
        ("partitioner", "murmur2", "LTV_PARTITIONER is 'trust'"),
        ("partitions", 3, "LTV_PARTITIONS is 8"),
        ("state_version", 0, "the state version of this release is 1"),
    ],
)
async def test_settings_that_decide_state_must_be_those_it_was_built_with(
    shop: Shop, name: str, was: object, variable: str
) -> None:
    before = structs.replace(shop.watermark, **{name: was})
    sentence = await shop.refusal(before)
    assert f"was built with {name} {was!r}, {variable}: set it back" in sentence


@pytest.mark.parametrize("rules", [UNSET, "0123456789abcdef"], ids=["unknown", "other"])
async def test_another_tzdata_is_refused_where_the_zone_may_have_other_rules(
    rules: str | UnsetType,
) -> None:
    shop = Shop(TIMEZONE="Europe/Berlin")
    before = structs.replace(shop.watermark, tzdata="1999a", zone_rules=rules)
    sentence = await shop.refusal(before)
    assert "was built with tzdata '1999a', the tzdata package is" in sentence


async def test_another_tzdata_with_the_same_rules_for_the_zone_does_not_matter() -> None:
    shop = Shop(TIMEZONE="Europe/Berlin")
    assert shop.watermark.zone_rules
    await shop.check(structs.replace(shop.watermark, tzdata="1999a"))


async def test_the_settings_are_looked_at_before_the_log(shop: Shop) -> None:
    """Whoever changed both is told what to set back, not to build anew."""
    shop.purchases.trim(9)
    sentence = await shop.refusal(structs.replace(shop.watermark, currency="EUR"))
    assert "LTV_CURRENCY" in sentence


class CountingReader(MemoryReader):
    """Counts how often somebody begins to read."""

    readings = 0

    async def read(
        self, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
    ) -> AsyncIterator[tuple[TopicPartition, Sequence[Any], bool]]:
        self.readings += 1
        async for part in super().read(starts, ends):
            yield part


async def test_a_partition_s_last_records_are_read_at_one_go(shop: Shop) -> None:
    """Each reading has the broker describe its topics twice, and partitions are taken in turn."""
    signups = shop.logs.of("signups")
    signups.put(record(0, "c-1", topic="signups", type="signup"))
    met = {"signups": SourcePosition(1, anchor_of(signups.records[0]), applied=1)}
    reader = CountingReader(shop.settings, shop.logs)
    sources = Sources(shop.settings, reader, nothing_yet(shop.settings))
    watermark = structs.replace(shop.watermark, sources=shop.watermark.sources | met)
    await sources.check(NUMBER, watermark, {})
    assert reader.readings == 1


# -- a state that began with a history ----------------------------------------------------------


async def test_a_history_goes_on_with_the_state(shop: Shop) -> None:
    history = History(until_us=5, starts={"purchases": 6})
    began = structs.replace(shop.watermark, history=history)
    assert (await shop.check(began)).history == history


async def test_an_unfinished_backfill_is_nobody_s_state(shop: Shop) -> None:
    half = structs.replace(nothing_yet(shop.settings), history=History(until_us=5, finished=False))
    said = await shop.refusal(half)
    assert f"build {shop.settings.build} is unfinished" in said
    assert "give its ltv backfill or ltv replay again" in said
