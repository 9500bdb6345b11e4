"""The customers' hashes in Redis: their fields, and how new they are.

Without a model every field follows from the facts, the settings and the hash's own ``as_of``, and
is compared; with one the fields of facts are, and the models have tests of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

import redis

from stream_app.settings import Settings
from tests.core.naive import Facts, fact_fields
from tests.core.naive_score import Rules, hash_fields
from tests.rig.verdict import Verdict

FACTS = (
    *("rev", "currency", "revenue", "orders", "aov", "first_order", "last_order", "signup"),
    *("cohort", "channel", "frequency", "recency", "repeat_gross", "monetary"),
)
"""The fields of a hash that follow from the facts alone."""
OTHERS = frozenset({"gen", "pos", "rfm", "value_rank", "basis_reason"})
"""What does not follow from the customer: versions, places among all customers, a reason."""


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
        for name, wanted in _wanted(found, expected[customer], settings).items():
            if found.get(name) != wanted:
                verdict.differs(
                    f"hash of {customer}: {name} is {found.get(name)!r}, expected {wanted!r}"
                )
    known = {key.encode() for key in keys.values()}
    for key in store.scan_iter(match=f"{settings.key_prefix}{{*", count=5_000):
        if key not in known:
            verdict.differs(f"Redis has {key!r}, a customer whom nobody sent")


def _wanted(found: Mapping[str, str], facts: Facts, settings: Settings) -> dict[str, str | None]:
    """What each field that is judged should be; None: it should not be there."""
    if found.get("basis") != "formula" or "as_of" not in found:
        of_facts = fact_fields(facts, time_zone=settings.time_zone, currency=settings.currency)
        return {name: of_facts.get(name) for name in FACTS}
    active_days, at_risk_days = settings.tier_formula_days
    rules = Rules(
        settings.currency,
        settings.time_zone,
        int(settings.lifespan_years),
        settings.tier_new_days,
        active_days,
        at_risk_days,
    )
    wanted = hash_fields(facts, int(found["as_of"]), rules)
    return {name: wanted.get(name) for name in (wanted.keys() | found.keys()) - OTHERS}
