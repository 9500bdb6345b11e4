"""The customers' hashes in Redis: their fields of facts, and how new they are."""

from __future__ import annotations

from collections.abc import Mapping

import redis

from stream_app.settings import Settings
from tests.core.naive import Facts, fact_fields
from tests.rig.verdict import Verdict

FACTS = (
    *("rev", "currency", "revenue", "orders", "aov", "first_order", "last_order", "signup"),
    *("cohort", "channel", "frequency", "recency", "repeat_gross", "monetary"),
)
"""The fields of a hash that follow from the facts alone."""


def key_of(settings: Settings, customer: str) -> str:
    """Where a customer's hash is."""
    return f"{settings.key_prefix}{{{customer}}}"


def behind(store: redis.Redis, settings: Settings, positions: Mapping[str, int]) -> list[str]:
    """Whose hash does not show the changelog position that it should, in words."""
    try:
        with store.pipeline(transaction=False) as pipe:
            for customer in positions:
                pipe.hget(key_of(settings, customer), "pos")
            answers = pipe.execute()
    except redis.RedisError as error:
        return [f"Redis is away: {error!r}"]
    return [
        f"{customer} shows {shown}, the state is at {position}"
        for (customer, position), shown in zip(positions.items(), answers, strict=True)
        if shown is None or int(shown) != position
    ]


def judge_hashes(
    verdict: Verdict, store: redis.Redis, settings: Settings, expected: Mapping[str, Facts]
) -> None:
    """Compare every customer's hash, and look for hashes of nobody."""
    keys = {customer: key_of(settings, customer) for customer in sorted(expected)}
    with store.pipeline(transaction=False) as pipe:
        for key in keys.values():
            pipe.hgetall(key)
        answers = pipe.execute()
    for customer, answer in zip(keys, answers, strict=True):
        found = {name.decode(): value.decode() for name, value in answer.items()}
        wanted = fact_fields(
            expected[customer], time_zone=settings.time_zone, currency=settings.currency
        )
        for name in FACTS:
            if found.get(name) != wanted.get(name):
                verdict.differs(
                    f"hash of {customer}: {name} is {found.get(name)!r},"
                    f" expected {wanted.get(name)!r}"
                )
    known = {key.encode() for key in keys.values()}
    for key in store.scan_iter(match=f"{settings.key_prefix}{{*", count=5_000):
        if key not in known:
            verdict.differs(f"Redis has {key!r}, a customer whom nobody sent")
