"""A changelog read back is what its owner saw, whatever others wrote into it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from stream_app.core.customer import Customer
from stream_app.core.events import Purchase
from stream_app.errors import SourceMismatch
from stream_app.wire.changelog import (
    CLAIM_KEY,
    WATERMARK_KEY,
    Claim,
    Watermark,
    encode_claim,
    encode_value,
    encode_watermark,
)
from stream_app.wire.record import Record
from stream_app.wire.state import decode, encode
from stream_app.wiring import nothing_yet
from stream_app.worker.rebuild import Rebuild
from tests.worker.memory_log import MemoryLog
from tests.worker.records import settings

ANN, BEN, EVE = b"ann", b"ben", b"eve"
CLAIM = encode_claim(Claim(owner="somebody", nonce="n", at_ms=0))


@cache
def facts(number: int) -> bytes:
    """The state of somebody who bought for ``number`` cents."""
    customer = Customer()
    customer.apply(Purchase("c", "e", "o", 0, 0, "USD", number, number))
    return encode(customer)


@dataclass
class Owner:
    """Somebody who has claimed the partition, and what it holds by its own account."""

    log: MemoryLog
    view: dict[bytes, bytes] = field(default_factory=dict)
    money: int = 0
    epoch: int = 0

    def claim(self) -> Owner:
        self.epoch = self.log.append((CLAIM_KEY, encode_value(0, CLAIM)))
        return self

    def write(self, *keys: bytes) -> None:
        """A slice: each key gets a state not seen before, then the watermark."""
        self.money += 1
        number = self.epoch * 1_000 + self.money
        self.view |= {key: facts(number) for key in keys}
        self._append({key: facts(number) for key in keys})

    def remove(self, *keys: bytes) -> None:
        """Empty bodies: nobody has these keys."""
        for key in keys:
            self.view.pop(key, None)
        self._append(dict.fromkeys(keys, b""))

    def repair(self, *keys: bytes) -> None:
        """My version of ``keys`` once more."""
        self._append({key: self.view.get(key, b"") for key in keys})

    def _append(self, bodies: dict[bytes, bytes]) -> None:
        bodies = bodies | {WATERMARK_KEY: encode_watermark(self.watermark)}
        self.log.append(*((key, encode_value(self.epoch, body)) for key, body in bodies.items()))

    @property
    def watermark(self) -> Watermark:
        return structs.replace(nothing_yet(settings()), net_minor=self.money)


def rebuilt(records: list[Record], at_once: int = 1_000) -> Rebuild:
    """Read the records, so many at once."""
    found = Rebuild("changelog", 0)
    for start in range(0, len(records), at_once):
        found.add(records[start : start + at_once])
    return found


def assert_sees(found: Rebuild, owner: Owner) -> None:
    """The rebuilt state is the owner's view, customers and watermark."""
    assert {key: encode(customer) for key, customer in found.customers.items()} == owner.view
    if owner.money:
        assert found.watermark == owner.watermark


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog("changelog")


def test_an_empty_log_and_a_claim_alone_are_no_state(log: MemoryLog) -> None:
    assert rebuilt(log.records).is_empty
    Owner(log).claim()
    found = rebuilt(log.records)
    assert found.is_empty
    assert (found.customers, found.void, found.records) == ({}, set(), 1)


def test_the_last_version_counts_and_carries_its_offset(log: MemoryLog) -> None:
    owner = Owner(log).claim()
    owner.write(ANN, BEN)
    owner.write(BEN)
    found = rebuilt(log.records)
    assert_sees(found, owner)
    assert (found.customers[ANN].pos, found.customers[BEN].pos) == (1, 4)
    assert (found.void, found.is_empty) == (set(), False)


def test_what_an_older_epoch_wrote_after_a_claim_is_void(log: MemoryLog) -> None:
    zombie = Owner(log).claim()
    zombie.write(ANN, BEN)
    owner = Owner(log, dict(zombie.view), zombie.money).claim()
    zombie.write(BEN, EVE)
    found = rebuilt(log.records)
    assert_sees(found, owner)
    assert found.customers[BEN].pos == 2
    assert found.void == {BEN, EVE, WATERMARK_KEY}


def test_what_an_older_epoch_wrote_before_the_claim_holds(log: MemoryLog) -> None:
    first = Owner(log).claim()
    first.write(ANN)
    Owner(log).claim()
    Owner(log).claim()
    found = rebuilt(log.records)
    assert_sees(found, first)
    assert found.void == set()


def test_keys_written_again_are_no_longer_void(log: MemoryLog) -> None:
    zombie = Owner(log).claim()
    zombie.write(ANN)
    owner = Owner(log, dict(zombie.view), zombie.money).claim()
    zombie.write(ANN, EVE)
    owner.repair(ANN, EVE)
    found = rebuilt(log.records)
    assert_sees(found, owner)
    assert found.void == set()


def test_a_void_record_after_the_repair_is_void_again(log: MemoryLog) -> None:
    zombie = Owner(log).claim()
    owner = Owner(log).claim()
    owner.write(ANN)
    zombie.write(ANN)
    owner.repair(ANN)
    zombie.write(ANN)
    found = rebuilt(log.records)
    assert_sees(found, owner)
    assert found.void == {ANN, WATERMARK_KEY}


def test_a_claim_that_compaction_removed_leaves_what_its_owner_wrote(log: MemoryLog) -> None:
    """Claims share a key: of several only the last one stays, the states stay all."""
    Owner(log).claim()
    second = Owner(log).claim()
    second.write(ANN)
    third = Owner(log, dict(second.view), second.money).claim()
    log.remove(0)
    log.remove(second.epoch)
    found = rebuilt(log.records)
    assert_sees(found, third)
    assert found.void == set()


def test_an_empty_body_means_nobody(log: MemoryLog) -> None:
    owner = Owner(log).claim()
    owner.write(ANN, BEN)
    owner.remove(ANN, EVE)
    found = rebuilt(log.records)
    assert found.customers.keys() == {BEN}
    assert_sees(found, owner)


FOREIGN = {
    "a tombstone": None,
    "nothing": b"",
    "too short": b"\1short",
    "a text": b"{'revenue': 5, 'orders': 1}",
    "a zero byte": b"\0" + bytes(20),
    "an epoch to come": encode_value(999, facts(1)),
}
"""Values that no release of ours can have written there."""


@pytest.mark.parametrize("value", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("key", [ANN, WATERMARK_KEY], ids=["customer", "watermark"])
def test_what_somebody_else_wrote_is_void(log: MemoryLog, key: bytes, value: bytes | None) -> None:
    owner = Owner(log).claim()
    owner.write(ANN)
    log.append((key, value))
    found = rebuilt(log.records)
    assert found.void == {key}
    assert found.customers == {ANN: decode(facts(owner.epoch * 1_000 + 1))}
    assert found.watermark == owner.watermark
    owner.repair(ANN)
    assert rebuilt(log.records).void == set()


@pytest.mark.parametrize("value", FOREIGN.values(), ids=FOREIGN)
def test_a_claim_that_is_none_takes_nothing(log: MemoryLog, value: bytes | None) -> None:
    owner = Owner(log).claim()
    owner.write(ANN)
    log.append((CLAIM_KEY, value))
    owner.write(BEN)
    found = rebuilt(log.records)
    assert_sees(found, owner)
    assert found.void == set()


def test_a_customer_whom_compaction_took_away_is_missed_by_its_money(log: MemoryLog) -> None:
    """Somebody else's record is the newest of its key, so the rightful one goes."""
    owner = Owner(log).claim()
    owner.write(ANN)
    log.append((ANN, b"junk"))
    money = structs.replace(owner.watermark, net_minor=1_000 * owner.epoch + 1)
    log.append((WATERMARK_KEY, encode_value(owner.epoch, encode_watermark(money))))
    rebuilt(log.records).check()
    log.remove(1)
    found = rebuilt(log.records)
    assert found.unknown == {ANN}
    with pytest.raises(SourceMismatch, match="written to changelog partition 0 and customers are"):
        found.check()


def test_a_key_that_nobody_ever_had_costs_nothing(log: MemoryLog) -> None:
    owner = Owner(log).claim()
    log.append((EVE, b"junk"))
    log.append((WATERMARK_KEY, encode_value(owner.epoch, encode_watermark(owner.watermark))))
    found = rebuilt(log.records)
    assert found.unknown == {EVE}
    found.check()
    owner.remove(EVE)
    assert rebuilt(log.records).unknown == set()


def test_customers_without_a_watermark_are_refused(log: MemoryLog) -> None:
    owner = Owner(log).claim()
    owner.write(ANN)
    log.remove(2)
    with pytest.raises(SourceMismatch, match="customers are missing"):
        rebuilt(log.records).check()


@pytest.mark.parametrize("value", [b"\2" + bytes(8) + facts(1), b"\1" + bytes(9)])
def test_what_a_later_release_may_have_written_is_refused_and_says_where(
    log: MemoryLog, value: bytes
) -> None:
    log.append((ANN, value))
    with pytest.raises(SourceMismatch, match="changelog partition 0 can't be read at offset 0"):
        rebuilt(log.records)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(("claim", "write", "write", "write", "remove", "zombie", "repair")),
        st.sets(st.sampled_from([b"a", b"b", b"c", b"d"]), min_size=1),
        st.integers(0, 5),
    ),
    max_size=30,
)
Steps = list[tuple[str, set[bytes], int]]


def played(steps: Steps) -> tuple[MemoryLog, Owner, set[bytes]]:
    """The log after these steps, its owner, and the keys that a zombie wrote last."""
    log = MemoryLog("changelog")
    owners = [Owner(log).claim()]
    void: set[bytes] = set()
    for step, keys, which in steps:
        owner, ordered = owners[-1], sorted(keys)
        zombies = owners[:-1]
        if step == "claim":
            owners.append(Owner(log, dict(owner.view), owner.money).claim())
        elif step == "zombie":
            if zombies:
                zombies[which % len(zombies)].write(*ordered)
                void |= {*keys, WATERMARK_KEY}
        else:
            # a remove or a write of the owner's; each writes the watermark as well
            getattr(owner, step)(*ordered)
            void -= {*keys, WATERMARK_KEY}
    return log, owners[-1], void


@given(STEPS, st.integers(1, 7))
def test_whatever_zombies_write_the_log_rebuilds_to_the_owners_view(
    steps: Steps, at_once: int
) -> None:
    log, owner, void = played(steps)
    found = rebuilt(log.records, at_once)
    assert_sees(found, owner)
    assert found.void == void
    assert found.records == len(log.records)
    newest = {record.key: record.offset for record in log.records}
    for key, customer in found.customers.items():
        assert customer.pos == newest[key] or key in void


@given(STEPS, st.integers(0, 100))
def test_compaction_of_any_beginning_changes_nothing(steps: Steps, upto: int) -> None:
    """Without zombies: a void record is written over long before compaction may look at it."""
    log, owner, _ = played([step for step in steps if step[0] != "zombie"])
    last = {record.key: record.offset for record in log.records[:upto]}
    kept = [each for each in log.records if each.offset >= upto or last[each.key] == each.offset]
    assert_sees(rebuilt(kept), owner)


@given(STEPS)
def test_reading_twice_gives_the_same(steps: Steps) -> None:
    log, owner, void = played(steps)

    def told(found: Rebuild) -> Any:
        customers = {key: (one.facts, one.pos) for key, one in found.customers.items()}
        return customers, found.watermark, found.void

    once, twice = rebuilt(log.records), rebuilt(log.records + log.records)
    assert told(rebuilt(log.records)) == told(once)
    assert {key: encode(one) for key, one in twice.customers.items()} == owner.view
    assert twice.void == void
