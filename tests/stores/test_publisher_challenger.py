"""Champion and challenger in Redis: who is scored by which, what is shown, what is published."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from hashlib import sha256

import pytest
from redis import Redis

from stream_app.core.models.published import CDNOW
from stream_app.dev.valkey import Valkey
from stream_app.wire.models import redis_fields
from tests.core.scoring import BG, PARETO
from tests.stores.worker import DAY, NOON, Clock, Rig, State, equal, shown, until

MANY = [f"c-{number}" for number in range(3000)]
CHALLENGER = replace(BG, role="challenger")
OTHER = replace(PARETO, role="challenger")


def expected(share: float, champion: str | None, challenger: str) -> dict[str, str | None]:
    """Whose model each of MANY should show, computed here once more."""
    return {
        each: challenger
        if int(sha256(each.encode()).hexdigest()[:16], 16) / 2**64 < share
        else champion
        for each in MANY
    }


@pytest.mark.parametrize("share", [0.2, 0.5, 1.0])
async def test_hashes_name_the_model_that_the_share_gives_and_both_are_shown(
    valkey: Valkey, client: Redis, share: float
) -> None:
    rig, state = Rig(valkey.url, challenger_share=share), State()
    await rig.start(state)
    rig.publisher.set_parameters(CDNOW, None, CHALLENGER)
    state.buy(*MANY)
    await rig.settled()
    assert equal(client, state)
    assert shown(client, MANY, "model") == expected(share, CDNOW.id, CHALLENGER.id)
    for place, model in (("current", CDNOW), ("challenger", CHALLENGER)):
        row = [each.encode() for each in redis_fields(model)]
        fields = dict(zip(row[::2], row[1::2], strict=True))
        assert client.hgetall(f"ltv:model:{place}") == fields
        assert client.hgetall(f"ltv:model:{model.id}") == fields
    await rig.stop()


async def test_a_challenger_alone_scores_its_share_and_nobody_else(
    valkey: Valkey, client: Redis
) -> None:
    rig, state = Rig(valkey.url, challenger_share=0.5), State()
    await rig.start(state)
    rig.publisher.set_parameters(None, "no model", CHALLENGER)
    state.buy(*MANY)
    await rig.settled()
    assert shown(client, MANY, "model") == expected(0.5, None, CHALLENGER.id)
    bases = Counter(shown(client, MANY, "basis_reason").values())
    assert set(bases) == {None, "no model"}
    assert not client.exists("ltv:model:current")
    assert client.exists("ltv:model:challenger")
    await rig.stop()


async def test_a_challenger_without_a_share_is_shown_and_publishes_nothing(
    valkey: Valkey, client: Redis
) -> None:
    rig, state = Rig(valkey.url), State()
    await rig.start(state)
    rig.publisher.set_parameters(CDNOW)
    state.buy(*MANY)
    await rig.settled()
    before, full = rig.published(), rig.full("model")
    rig.publisher.set_parameters(CDNOW, None, CHALLENGER)
    await until(lambda: bool(client.exists("ltv:model:challenger")))
    rig.publisher.set_parameters(CDNOW, None, OTHER)
    await until(lambda: client.hget("ltv:model:challenger", "id") == OTHER.id.encode())
    rig.publisher.set_parameters(CDNOW)
    await until(lambda: not client.exists("ltv:model:challenger"))
    await rig.settled()
    assert (rig.published(), rig.full("model")) == (before, full)
    assert Counter(shown(client, MANY, "model").values()) == {CDNOW.id: len(MANY)}
    await rig.stop()


async def test_another_challenger_and_its_end_publish_everything_once(
    valkey: Valkey, client: Redis
) -> None:
    rig, state = Rig(valkey.url, challenger_share=0.5), State()
    await rig.start(state)
    rig.publisher.set_parameters(CDNOW, None, CHALLENGER)
    state.buy(*MANY)
    await rig.settled()
    steps = ((CDNOW, OTHER), (replace(OTHER, role="champion"), None), (CDNOW, None))
    for champion, challenger in steps:
        full = rig.full("model")
        rig.publisher.set_parameters(champion, None, challenger)
        other = challenger.id if challenger is not None else champion.id
        whose = expected(0.5, champion.id, other)
        await until(lambda full=full: rig.full("model") == full + 1)  # type: ignore[misc]
        await rig.settled()
        assert shown(client, MANY, "model") == whose
        assert bool(client.exists("ltv:model:challenger")) is (challenger is not None)
    await rig.stop()


async def test_a_restart_with_another_share_publishes_everything_and_with_the_same_nothing(
    valkey: Valkey, client: Redis
) -> None:
    first, state = Rig(valkey.url, challenger_share=0.5), State()
    await first.start(state)
    first.publisher.set_parameters(CDNOW, None, CHALLENGER)
    state.buy(*MANY)
    await first.settled()
    await first.stop()
    for share, publishes in ((0.5, 0), (0.1, 1), (0.0, 1)):
        rig, state = Rig(valkey.url, challenger_share=share), state.recovered()
        rig.publisher.set_parameters(CDNOW, None, CHALLENGER)
        await rig.run(state)
        await rig.settled()
        assert rig.full("model") == publishes
        assert rig.published() == publishes * len(MANY)
        assert shown(client, MANY, "model") == expected(share, CDNOW.id, CHALLENGER.id)
        assert client.exists("ltv:model:challenger")
        await rig.stop()


async def test_a_tier_falls_in_redis_by_the_customers_own_model(
    valkey: Valkey, client: Redis
) -> None:
    """By the champion nobody is ever lost; by the challenger everybody is within weeks."""
    patient = replace(CDNOW, id="patient", a=0.001, b=100.0)
    hasty = replace(CDNOW, id="hasty", r=50.0, alpha=1.0, role="challenger")
    clock = Clock(NOON)
    rig, state = Rig(valkey.url, clock=clock, challenger_share=0.5), State()
    await rig.start(state)
    rig.publisher.set_parameters(patient, None, hasty)
    some = MANY[:200]
    state.buy(*some, day=NOON // DAY - 40)
    state.buy(*some, day=NOON // DAY)
    await rig.settled()
    assert set(shown(client, some, "tier").values()) == {"active"}
    clock.now = NOON + 30 * DAY
    whose = shown(client, some, "model")
    fallen = {each: "active" if model == "patient" else "lost" for each, model in whose.items()}
    assert len(set(fallen.values())) == 2
    await until(lambda: shown(client, some, "tier") == fallen)
    await rig.settled()
    assert rig.republished("fall") == sum(tier == "lost" for tier in fallen.values())
    await rig.stop()
