"""Folding slices: whatever their cuts, the state and the counts are the oracle's."""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import replace

import pytest
from msgspec import structs

from stream_app.core.customer import Customer
from stream_app.wire.changelog import (
    Watermark,
    decode_watermark,
    encode_watermark,
)
from stream_app.wire.partitioner import murmur2
from stream_app.wire.record import Record
from stream_app.wire.refusal import Reason
from stream_app.wiring import rules as rules_of
from stream_app.worker.fold import Folded, Rules, fold
from stream_app.worker.partition import Partition
from tests.core.test_naive_equality import assert_equal
from tests.generate import Shape
from tests.ledger import Place
from tests.poison import POISONS
from tests.test_generate import filled
from tests.worker.records import (
    TIMESTAMP_MS,
    TOPIC,
    bought,
    folded,
    partition,
    record,
    settings,
    spoilt,
    trusting,
)

ZONE = "Europe/Berlin"
PARTITIONS = 4
ROLES = ("purchases", "signups", "activity")
POISON = {reason: 0.003 for reason in POISONS if reason != "too_large"}
SHOP = Shape(
    seed=1, records=6_000, customers=200, foreign=0.2, duplicates=0.08, late=0.05,
    cancellations=0.05, zipf=0.7, poison=POISON,
)  # fmt: skip


class Shop:
    """A log folded by all its partitions, with all that folding handed on."""

    def __init__(self, shape: Shape, byte_limit: int | None = None) -> None:
        self.ledger = filled(shape, PARTITIONS)
        self.ledger.time_zone = ZONE
        own = settings(TIMEZONE=ZONE, PARTITIONS=str(PARTITIONS), PARTITIONER="murmur2")
        self.rules = rules_of(own)
        if byte_limit is not None:
            self.rules = replace(self.rules, byte_limit=byte_limit)
        self.partitions = {number: partition(own, number) for number in range(PARTITIONS)}
        self.slices: list[Folded] = []
        self.handed_on: list[tuple[Customer, bytes]] = []
        self.random = random.Random(shape.seed)

    def fold_all(self) -> None:
        """Fold everything, topic by topic in some order, in slices of some sizes."""
        logs: dict[tuple[int, str], list[Record]] = defaultdict(list)
        for place, raw in sorted(self.ledger.records.items()):
            stamp = -1 if raw.timestamp_ms is None else raw.timestamp_ms
            logs[place.partition, place.role].append(
                Record(*place, stamp, raw.key, raw.value, raw.headers)
            )
        places = list(logs)
        self.random.shuffle(places)
        for number, role in places:
            self._fold_log(self.partitions[number], role, logs[number, role])

    def _fold_log(self, into: Partition, role: str, log: list[Record]) -> None:
        while log:
            most = self.random.choice((1, 7, 100, 1000))
            one = fold(into, role, log[:most], self.rules)
            assert one.next_offset == log[one.records - 1].offset + 1
            self.slices.append(one)
            self.handed_on += [(customer, customer.facts) for customer in one.changed.values()]
            log = log[one.records :]

    def customers(self) -> dict[str, Customer]:
        return {
            key.decode(): customer
            for one in self.partitions.values()
            for key, customer in one.customers.items()
        }

    def watermarks(self) -> list[Watermark]:
        return [one.watermark for one in self.partitions.values()]


@pytest.fixture(scope="module", params=[False, True], ids=["in order", "shuffled"])
def shop(request: pytest.FixtureRequest) -> Shop:
    folded_shop = Shop(replace(SHOP, shuffle=request.param))
    folded_shop.fold_all()
    return folded_shop


def test_customers_are_those_of_the_oracle(shop: Shop) -> None:
    expected, found = shop.ledger.customers(), shop.customers()
    assert found.keys() == expected.keys()
    for name, facts in expected.items():
        assert_equal(found[name], facts)


def test_letters_are_those_of_the_oracle_with_their_reasons(shop: Shop) -> None:
    letters = {
        Place(record.topic, record.partition, record.offset): str(refusal.reason)
        for one in shop.slices
        for record, refusal in one.letters
    }
    assert letters == shop.ledger.dead_letters()
    assert set(letters.values()) == set(POISON)


def test_applied_duplicate_and_refused_add_up_to_the_records_read(shop: Shop) -> None:
    for one in shop.slices:
        assert one.applied + one.duplicates + len(one.letters) == one.records
    for (role, number), outcomes in shop.ledger.outcomes().items():
        source = shop.partitions[number].watermark.sources[role]
        assert (source.applied, source.duplicate, source.refused) == outcomes
        assert source.next_offset == sum(outcomes)


def test_the_watermark_carries_the_money_and_the_latest_instant(shop: Shop) -> None:
    watermarks = shop.watermarks()
    assert sum(one.net_minor for one in watermarks) == shop.ledger.revenue_minor()
    accepted = [facts.max_at_us for facts in shop.ledger.customers().values() if facts.max_at_us]
    assert max(one.max_at_us for one in watermarks) == max(accepted)


def test_misplaced_records_are_counted_apart(shop: Shop) -> None:
    reasons = list(shop.ledger.dead_letters().values())
    expected = sum(reason in ("wrong_partition", "key_mismatch") for reason in reasons)
    assert sum(one.misplaced for one in shop.slices) == expected > 0


def test_what_a_slice_handed_on_never_changes_by_later_ones(shop: Shop) -> None:
    assert all(customer.facts == facts for customer, facts in shop.handed_on)


@pytest.mark.parametrize("byte_limit", [1, 1_000, 6_000])
def test_wherever_the_byte_limit_cuts_the_state_is_the_same(byte_limit: int) -> None:
    shape = replace(SHOP, records=1_500)
    whole, cut = Shop(shape), Shop(shape, byte_limit)
    whole.fold_all()
    cut.fold_all()
    assert cut.customers() == whole.customers()
    assert cut.watermarks() == whole.watermarks()
    assert len(cut.slices) > len(whole.slices)


def test_one_customer_always_fits() -> None:
    """A limit below any customer still lets one applied event through at a time."""
    into, log = partition(), [spoilt(0), bought(1), bought(2), bought(3, "c-2")]
    tight = replace(trusting(), byte_limit=1)
    taken = []
    while log:
        one = fold(into, TOPIC, log, tight)
        taken.append((one.records, one.applied, len(one.letters)))
        log = log[one.records :]
    assert taken == [(2, 1, 1), (1, 1, 0), (1, 1, 0)]


def test_a_slice_of_duplicates_changes_nothing_and_keeps_every_object() -> None:
    into = partition()
    log = [bought(number, f"c-{number % 3}") for number in range(9)]
    folded(into, *log)
    for customer in into.customers.values():
        customer.pos = 77
    before = dict(into.customers)
    again = [structs.replace(each, offset=each.offset + 9) for each in log]
    one = folded(into, *again)
    assert (one.applied, one.duplicates, one.changed) == (0, 9, {})
    assert all(into.customers[key] is customer for key, customer in before.items())
    assert {customer.pos for customer in into.customers.values()} == {77}
    assert into.watermark.sources[TOPIC].next_offset == 18
    assert into.watermark.net_minor == 9_000


def test_a_duplicate_before_a_new_event_does_not_hide_it() -> None:
    into = partition()
    folded(into, bought(0))
    held = into.customers[b"c-1"]
    one = folded(into, bought(1, event_id="e-0"), bought(2), bought(3, event_id="e-2"))
    assert (one.applied, one.duplicates) == (1, 2)
    assert into.customers[b"c-1"] is one.changed[b"c-1"] is not held
    assert (one.changed[b"c-1"].orders, held.orders) == (2, 1)


def test_the_anchor_is_the_last_record_taken_and_the_age_that_of_the_first() -> None:
    into = partition()
    one = folded(into, bought(4), bought(5), spoilt(9))
    anchor = into.watermark.sources[TOPIC].anchor
    assert anchor is not None
    assert (anchor.offset, anchor.timestamp_ms) == (9, TIMESTAMP_MS + 9)
    assert one.next_offset == 10
    assert one.oldest_timestamp_ms == TIMESTAMP_MS + 4


def test_who_changed_is_told_as_before_and_after_the_slice() -> None:
    into = partition()
    first = folded(into, bought(0), bought(1))
    assert first.before == {b"c-1": None}
    held = into.customers[b"c-1"]
    second = folded(into, bought(1), bought(2))
    assert second.before[b"c-1"] is held
    assert (held.orders, second.changed[b"c-1"].orders) == (2, 3)
    third = folded(into, bought(2))
    assert (third.duplicates, third.before) == (1, {})


def test_the_latest_instant_never_goes_back() -> None:
    into = partition()
    folded(into, bought(0, occurred_at="2023-05-02T00:00:00Z"))
    newest = into.watermark.max_at_us
    one = folded(into, bought(1, occurred_at="2023-05-01T00:00:00Z"))
    assert one.max_at_us == into.watermark.max_at_us == newest


def test_other_topics_stay_as_they_were_in_the_watermark() -> None:
    into = partition()
    folded(into, bought(0))
    before = into.watermark.sources[TOPIC]
    fold(into, "signups", [record(0, "c-1", topic="signups", type="signup")], trusting())
    assert into.watermark.sources[TOPIC] == before
    assert into.watermark.sources["signups"].next_offset == 1


# -- where a customer belongs ------------------------------------------------------------------


def murmured() -> Rules:
    return replace(trusting(), partitions=8, partition_of=murmur2)


STRANGER = "c-1"
ELSEWHERE = (murmur2(STRANGER.encode(), 8) + 1) % 8


@pytest.mark.parametrize(
    ("stray", "reason"),
    [
        (bought(0, STRANGER), Reason.WRONG_PARTITION),
        (bought(0, STRANGER, occurred_at="yesterday"), Reason.WRONG_PARTITION),
        (bought(0, STRANGER, amount="-1"), Reason.WRONG_PARTITION),
        (bought(0, STRANGER, event_id=""), Reason.BAD_ID),
        (bought(0, STRANGER, key="c-2"), Reason.KEY_MISMATCH),
        (spoilt(0, STRANGER), Reason.NOT_JSON),
        (spoilt(0, STRANGER, None), Reason.NULL_VALUE),
    ],
)
def test_a_wrong_partition_comes_in_its_place_among_the_reasons(
    stray: Record, reason: Reason
) -> None:
    one = fold(partition(number=ELSEWHERE), TOPIC, [stray], murmured())
    assert [refusal.reason for _, refusal in one.letters] == [reason]
    assert one.misplaced == (reason in (Reason.WRONG_PARTITION, Reason.KEY_MISMATCH))


def test_a_customer_who_is_known_is_at_home_wherever_it_lies() -> None:
    """Partitions were counted otherwise once, or the producer was; its history is here."""
    into = partition(number=ELSEWHERE)
    fold(into, TOPIC, [bought(0, STRANGER)], trusting())
    one = fold(into, TOPIC, [bought(1, STRANGER), bought(2, STRANGER, amount="-1")], murmured())
    assert one.applied == 1
    assert [refusal.reason for _, refusal in one.letters] == [Reason.BAD_AMOUNT]


def test_a_stranger_refused_leaves_nobody_behind() -> None:
    into = partition(number=ELSEWHERE)
    fold(into, TOPIC, [bought(0, STRANGER)], murmured())
    assert into.customers == {}
    assert into.watermark.net_minor == into.watermark.max_at_us == 0


def test_trust_takes_every_key_where_it_lies() -> None:
    for number in range(8):
        assert fold(partition(number=number), TOPIC, [bought(0)], trusting()).applied == 1


def test_money_beyond_64_bits_is_carried_by_the_watermark() -> None:
    into = partition()
    money = {"amount": "9999999999999", "currency": "EUR", "fx_rate": "999999999"}
    folded(into, bought(0, **money))
    assert into.watermark.net_minor > 2**64
    assert decode_watermark(encode_watermark(into.watermark)) == into.watermark
