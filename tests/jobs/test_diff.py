"""Two builds on a real Kafka: equal ones are called so at any position, differences are found."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import RecordsToDelete

from stream_app.core.customer import Customer
from stream_app.core.events import Purchase
from stream_app.errors import NotFound, VerificationFailed
from stream_app.jobs.builds.diff import diff
from stream_app.jobs.builds.printing import lines
from stream_app.settings import Settings, load
from stream_app.stores.topics import admin_client
from stream_app.wire.state import encode
from tests.jobs.changelogs import Changelog
from tests.jobs.conftest import Environ
from tests.jobs.records import purchase

DAY = 19_800
DATE = "2024-03-18"
PEOPLE = [f"c-{number}" for number in range(60)]


def bought(name: str, *orders: int, first_day: int = DAY, prefix: str = "p") -> Customer:
    """A customer who bought for so many cents, once a day."""
    customer = Customer()
    for number, minor in enumerate(orders):
        day = first_day + number
        customer.apply(
            Purchase(
                name, f"{prefix}-{name}-{number}", f"o-{number}", day * 86_400 * 10**6, day, "USD",
                minor, minor,
            )
        )  # fmt: skip
    return customer


@dataclass
class Pair:
    """Two builds of the same topics, both with the same customers until a test changes one."""

    one: Changelog
    other: Changelog

    @property
    def settings(self) -> Settings:
        return self.one.settings

    async def filled(self) -> None:
        """Everybody in both, and both at the start of their topics."""
        for changelog in (self.one, self.other):
            await changelog.fill((name.encode(), encode(bought(name, 500, 700))) for name in PEOPLE)
            await changelog.mark_all()

    async def send(self, name: str, cents: int, event: str) -> tuple[int, int]:
        """A purchase in its topic; partition and offset."""
        key, number = name.encode(), self.one.partition_of(name.encode())
        value: Any = purchase(event, f"{cents / 100:.2f}", DATE, customer=name)
        return number, await self.one.send(self.settings.topic_purchases, number, key, value)


@pytest.fixture
async def pair(own_environ: Environ) -> AsyncIterator[Pair]:
    settings = load(own_environ | {"LTV_AS_OF": "2024-06-01"})
    one, other = (
        await Changelog.open(settings),
        await Changelog.open(replace(settings, build=2)),
    )
    try:
        yield Pair(one, other)
    finally:
        await one.close()
        await other.close()


async def test_equal_builds_are_equal_however_their_changelogs_were_written(pair: Pair) -> None:
    await pair.filled()
    old_epoch = pair.other.epochs[0]
    await pair.other.write(b"c-7", encode(bought("c-7", 500)))
    await pair.other.write(b"c-7", encode(bought("c-7", 500, 700)))
    await pair.other.claim(0)
    victim = next(name for name in PEOPLE if pair.other.partition_of(name.encode()) == 0)
    await pair.other.write(victim.encode(), encode(bought(victim, 1)), epoch=old_epoch)
    await pair.other.write(b"zombie's", encode(bought("z", 1)))
    await pair.other.write(b"zombie's", b"")
    findings = await diff(pair.settings, (1, 2))
    assert findings.equal, list(lines(findings, "USD"))
    assert (findings.customers, findings.settled) == (len(PEOPLE), 0)


async def test_a_cent_a_missing_and_an_extra_customer_are_found_and_named(pair: Pair) -> None:
    await pair.filled()
    await pair.other.write(b"c-1", encode(bought("c-1", 500, 701)))
    await pair.other.write(b"c-2", b"")
    await pair.other.write(b"new", encode(bought("new", 900)))
    findings = await diff(pair.settings, (1, 2))
    assert (findings.different, findings.missing, findings.extra) == (1, 1, 1)
    assert findings.equal_customers == len(PEOPLE) - 2
    assert findings.money_delta_minor == 1 - 1200 + 900
    assert findings.money_off_minor == 1 + 1200 + 900
    told = "\n".join(lines(findings, "USD"))
    assert "2024-03-19 has (1 orders, gross 700, refunds 0) and (1 orders, gross 701" in told
    assert "missing: 'c-2' is in build 1 alone" in told
    assert "extra: 'new' is in build 2 alone" in told
    assert told.splitlines()[-1].startswith("NOT EQUAL: builds 1 and 2, 3 of 61 customers")
    mirrored = await diff(pair.settings, (2, 1))
    assert (mirrored.missing, mirrored.extra) == (1, 1)
    assert mirrored.money_delta_minor == -findings.money_delta_minor


async def test_tier_flips_and_the_distance_of_ltv_are_of_scores_at_one_instant(pair: Pair) -> None:
    """By formula: active within 90 days, lost after 180; a year at the past rate of orders."""
    await pair.filled()
    await pair.other.write(b"c-1", encode(bought("c-1", 500, 700, first_day=DAY - 300)))
    findings = await diff(pair.settings, (1, 2))
    assert dict(findings.tier_flips) == {"active -> lost": 1}
    assert findings.different == 1
    one, other = 1200 + 1200, 1200 + round(1200 * 365.25 / 376)  # seen for 376 days
    assert findings.as_of == 1_717_200_000
    assert findings.model is None
    apart = 100 * 2 * abs(other - one) / (one + other) / len(PEOPLE)
    assert findings.ltv_smape == pytest.approx(apart)
    told = orjson.loads(orjson.dumps(findings.as_json()))
    assert (told["equal"], told["builds"], told["different"]) == (False, [1, 2], 1)
    assert told["tier_flips"] == {"active -> lost": 1}
    assert told["ltv_smape"] == findings.ltv_smape


async def test_what_only_one_has_read_yet_is_no_difference(pair: Pair) -> None:
    await pair.filled()
    topic = pair.settings.topic_purchases
    reached: dict[int, int] = {}
    for cents, name in ((300, "c-1"), (400, "c-2"), (500, "stranger")):
        number, offset = await pair.send(name, cents, f"e-{name}")
        reached[number] = max(reached.get(number, 0), offset + 1)
    ahead = {name: bought(name, 500, 700) for name in ("c-1", "c-2")} | {"stranger": Customer()}
    for cents, (name, customer) in zip((300, 400, 500), ahead.items(), strict=True):
        _apply(customer, name, f"e-{name}", cents)
        await pair.one.write(name.encode(), encode(customer))
    for number, offset in reached.items():
        await pair.one.mark(number, {topic: offset})
    for builds in ((1, 2), (2, 1)):
        findings = await diff(pair.settings, builds)
        assert findings.equal, list(lines(findings, "USD"))
        assert findings.settled == 3
        assert findings.folded == 3


async def test_an_event_that_one_build_has_lost_is_found_beside_those_it_has_not_read(
    pair: Pair,
) -> None:
    await pair.filled()
    topic = pair.settings.topic_purchases
    number, offset = await pair.send("c-1", 300, "e-lost")
    _, later = await pair.send("c-1", 50, "e-later")
    lost = bought("c-1", 500, 700)
    whole = lost.copy()
    _apply(whole, "c-1", "e-lost", 300)
    await pair.one.write(b"c-1", encode(whole))
    await pair.one.mark(number, {topic: offset + 1})
    _apply(lost, "c-1", "e-later", 50)
    await pair.other.write(b"c-1", encode(lost))
    await pair.other.mark(number, {topic: later + 1})
    findings = await diff(pair.settings, (1, 2))
    assert (findings.different, findings.wrong) == (1, 1)
    assert findings.money_delta_minor == -300
    assert findings.folded == 1


async def test_what_lies_between_and_is_gone_is_one_sentence(pair: Pair) -> None:
    await pair.filled()
    topic = pair.settings.topic_purchases
    number, offset = await pair.send("c-1", 300, "e-1")
    ahead = bought("c-1", 500, 700)
    _apply(ahead, "c-1", "e-1", 300)
    await pair.one.write(b"c-1", encode(ahead))
    await pair.one.mark(number, {topic: offset + 1})
    async with admin_client(pair.settings) as admin:
        await admin.delete_records({TopicPartition(topic, number): RecordsToDelete(offset + 1)})
    with pytest.raises(VerificationFailed, match="begins at 1, and one of the builds"):
        await diff(pair.settings, (1, 2))


async def test_events_remembered_under_other_ids_are_told_apart_from_other_facts(
    pair: Pair,
) -> None:
    await pair.filled()
    await pair.other.write(b"c-1", encode(bought("c-1", 500, 700, prefix="warehouse")))
    findings = await diff(pair.settings, (1, 2))
    assert (findings.different, findings.identities_alone) == (1, 1)
    assert (findings.money_off_minor, findings.ltv_smape) == (0, 0)
    assert "the events remembered against duplicates" in findings.examples[0].what


async def test_a_sample_compares_some_and_the_same_of_both(pair: Pair) -> None:
    await pair.filled()
    findings = await diff(pair.settings, (1, 2), sample=20)
    assert findings.equal
    assert 5 < findings.customers < 40


async def test_builds_of_other_partition_counts_and_topics_are_compared_by_customer(
    pair: Pair,
) -> None:
    await pair.filled()
    wider = await wider_build(pair)
    findings = await diff(pair.settings, (1, 3))
    assert findings.equal, list(lines(findings, "USD"))
    assert findings.customers == len(PEOPLE)
    assert "LTV_PARTITIONS 3, build 3 with 4" in findings.notes[0]
    await wider.write(b"c-1", encode(bought("c-1", 500)))
    findings = await diff(pair.settings, (1, 3), settle_seconds=0.2)
    assert (findings.different, findings.wrong, findings.money_delta_minor) == (1, 1, -700)
    await wider.close()


async def test_a_copy_that_lags_for_ever_is_no_difference(pair: Pair) -> None:
    """Two orders behind at any moment: the two builds never have one state at one time."""
    await pair.filled()
    wider = await wider_build(pair)

    begun = asyncio.Event()

    async def traffic() -> None:
        for orders in range(3, 1000):
            await pair.one.write(b"c-1", encode(bought("c-1", *([500] * orders))))
            await wider.write(b"c-1", encode(bought("c-1", *([500] * (orders - 2)))))
            if orders == 6:
                begun.set()
            await asyncio.sleep(0.1)  # the pace of the traffic

    going_on = asyncio.create_task(traffic())
    await begun.wait()
    findings = await diff(pair.settings, (1, 3))
    going_on.cancel()
    assert findings.equal, list(lines(findings, "USD"))
    assert findings.settled == 1
    await asyncio.wait({going_on})
    await wider.close()


async def test_money_of_two_currencies_is_not_compared(own_environ: Environ) -> None:
    settings = load(own_environ)
    for build, currency in ((1, "USD"), (2, "EUR")):
        changelog = await Changelog.open(replace(settings, build=build, currency=currency))
        await changelog.write(b"c-1", encode(bought("c-1", 500 * build)))
        await changelog.mark_all()
        await changelog.close()
    findings = await diff(settings, (1, 2))
    assert (findings.different, findings.money_off_minor, findings.ltv_smape) == (1, 0, 0)
    assert "LTV_CURRENCY 'USD', build 2 with 'EUR'" in findings.notes[0]
    assert not any(line.startswith(("revenue:", "ltv:")) for line in lines(findings, "USD"))


async def test_a_build_that_is_not_there_or_has_no_state_is_one_sentence(pair: Pair) -> None:
    with pytest.raises(NotFound, match="no build 7; there are 1 and 2"):
        await diff(pair.settings, (1, 7))
    with pytest.raises(VerificationFailed, match="Build 1 has no state in partition 0"):
        await diff(pair.settings, (1, 2))


async def test_an_unfinished_build_is_not_compared(pair: Pair) -> None:
    await pair.filled()
    await pair.other.mark_unfinished(0)
    with pytest.raises(VerificationFailed, match="Build 2 is unfinished"):
        await diff(pair.settings, (1, 2))


async def wider_build(pair: Pair) -> Changelog:
    """Build 3, of four partitions, on topics of its own; it knows the same customers."""
    topics = {
        f"topic_{role}": getattr(pair.settings, f"topic_{role}") + "-4"
        for role in ("purchases", "signups", "activity", "dead_letters")
    }
    wider = await Changelog.open(replace(pair.settings, build=3, partitions=4, **topics))
    await wider.fill((name.encode(), encode(bought(name, 500, 700))) for name in PEOPLE)
    await wider.mark_all()
    return wider


def _apply(customer: Customer, name: str, event: str, cents: int) -> None:
    """The same purchase as `Pair.send` puts into the topic."""
    at_us = (DAY * 86_400 + 43_200) * 10**6
    customer.apply(Purchase(name, event, event, at_us, DAY, "USD", cents, cents))
