"""Redis hashes, read in bulk, against facts (text for text) and scores (computed once more)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from stream_app.core.customer import Customer
from stream_app.jobs.changelog_reader import Version
from stream_app.jobs.recount.fields import FACT_FIELDS, fact_fields
from stream_app.jobs.verification.findings import Findings
from stream_app.jobs.verification.rescoring import Rescoring
from stream_app.jobs.verification.state import facts_of
from stream_app.stores.keys import Keys
from stream_app.stores.redis import Link, packed
from stream_app.wire.state import decode

Hash = dict[str, str]

TOLERANCE: Final = 1e-9
"""Relative; two runs of one formula may add up in another order."""
NOT_COMPARED: Final = frozenset({"rfm", "value_rank"})
"""They depend on all other customers."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a customer's hash must say when it shows the record at `pos`."""

    customer_id: bytes
    customer: Customer
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Expectation:
    """Where the hashes are, and what decides what they must say."""

    link: Link
    keys: Keys
    gen: str
    """The generation that is published now."""
    currency: str
    day_of: Callable[[int], int]
    scores: Rescoring

    async def read(self, customers: Sequence[bytes]) -> list[Hash]:
        """Many hashes in one round trip; an empty one where there is none."""
        await self.link.send(
            b"".join(packed((b"HGETALL", self.keys.customer(one))) for one in customers)
        )
        hashes = [_hash(await self.link.reply()) for _ in customers]
        await self.scores.learn(self.link, self.keys, hashes)
        return hashes

    def expect(self, customer_id: bytes, version: Version) -> Expected:
        """What the hash of this version must say."""
        customer = decode(version.body)
        customer.pos = version.pos
        facts = fact_fields(facts_of(customer), self.currency, self.day_of)
        return Expected(customer_id, customer, facts)


def _hash(reply: Sequence[bytes]) -> Hash:
    texts = [part.decode("utf-8", "replace") for part in reply]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def position(found: Hash) -> int:
    """The changelog offset that a hash says it shows; -1 where it says none."""
    try:
        return int(found.get("pos", ""))
    except ValueError:
        return -1


def count(customer: bytes, what: str | None, findings: Findings) -> None:
    """Enter the outcome of one comparison."""
    assert findings.redis is not None
    if what is None:
        findings.redis.equal += 1
    else:
        findings.redis.different += 1
        findings.differs("redis", customer.decode("utf-8", "replace"), what)


def differences(pairs: Sequence[tuple[Hash, Expected]], redis: Expectation) -> list[str | None]:
    """For each hash what differs, in one line; None where all is equal.

    Every hash must show the version that it is compared with.
    """
    computed = redis.scores.fields([(found, expected.customer) for found, expected in pairs])
    return [
        _difference(found, expected.facts, scored, redis.gen)
        for (found, expected), scored in zip(pairs, computed, strict=True)
    ]


def _difference(found: Hash, facts: Mapping[str, str], scored: Hash | str, gen: str) -> str | None:
    if found.get("gen") != gen:
        return _words("gen", found.get("gen"), gen)
    for name in FACT_FIELDS:
        if found.get(name) != facts.get(name):
            return _words(name, found.get(name), facts.get(name))
    if isinstance(scored, str):
        return scored
    for name in sorted(found.keys() | scored.keys() - NOT_COMPARED):
        if name in FACT_FIELDS or name in NOT_COMPARED or name == "gen":
            continue
        if not same(found.get(name), scored.get(name)):
            return _words(name, found.get(name), scored.get(name))
    return None


def same(one: str | None, other: str | None) -> bool:
    """Equal texts, or two fractions within the tolerance.

    >>> same("0.5", "0.5000000000001"), same("7", "8"), same("active", "lost"), same("1.0", None)
    (True, False, False, False)
    """
    if one == other:
        return True
    if one is None or other is None or (_is_whole(one) and _is_whole(other)):
        return False
    try:
        ours, theirs = float(one), float(other)
    except ValueError:
        return False
    return abs(ours - theirs) <= TOLERANCE * max(abs(ours), abs(theirs))


def _is_whole(text: str) -> bool:
    return text.removeprefix("-").isdigit()


def _words(name: str, found: str | None, expected: str | None) -> str:
    ours = "absent" if found is None else repr(found)
    return f"{name} is {ours}, should be {'absent' if expected is None else repr(expected)}"
