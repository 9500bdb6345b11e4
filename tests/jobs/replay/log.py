"""Fills topics with a generated log, and replays it as a person would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Any

from click.testing import CliRunner

from stream_app.cli import ltv
from stream_app.settings import Settings, load
from stream_app.stores.topics import ensure_topics
from tests.core.naive_decoder import RawRecord
from tests.generate import Shape, generate
from tests.jobs.handmade import environ_of_its_own
from tests.ledger import Ledger
from tests.rig.load import Load

ROLES = ("purchases", "signups", "activity")
SHAPE = Shape(
    seed=11, customers=120, records=3_000, duplicates=0.05, late=0.05, foreign=0.05,
    cancellations=0.05, zipf=0.6,
)  # fmt: skip
POISONED = replace(SHAPE, poison={"not_json": 0.01, "wrong_partition": 0.01, "bad_amount": 0.01})


def records_of(shape: Shape) -> list[RawRecord]:
    """The log; what is poisonous only where the shape says so."""
    return list(generate(shape))


def fill(environ: dict[str, str], records: Iterable[RawRecord]) -> Ledger:
    """Make the topics and send the records in order; where each came to lie."""
    settings = load(environ)

    async def send() -> Ledger:
        await ensure_topics(settings, create=True)
        ledger = Ledger(settings.currency, settings.time_zone, settings.partitions)
        topics = dict(zip(ROLES, settings.source_topics, strict=True))
        async with Load.open(
            settings.brokers, topics, ledger, iter(()), stamped_now=False
        ) as load_:
            await load_.send(records)
        return ledger

    return asyncio.run(send())


def own(brokers: str, redis_url: str, **variables: str) -> dict[str, str]:
    """Variables of a log of its own."""
    named = {f"LTV_{name}": value for name, value in variables.items()}
    return environ_of_its_own(brokers, redis_url) | named


def replay(environ: dict[str, str], *arguments: str) -> dict[str, Any]:
    """`ltv replay --json`; what it raises is raised here."""
    done = CliRunner().invoke(
        ltv, ["replay", "--json", *arguments], env=environ, standalone_mode=False
    )
    if done.exception is not None:
        raise done.exception
    assert done.return_value == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def hash_of(states: dict[bytes, bytes]) -> str:
    """The state hash as README defines it, of states as a changelog has them."""
    digests = sorted(
        sha256(len(key).to_bytes(4, "little") + key + state[1:]).digest()
        for key, state in states.items()
    )
    return sha256(b"".join(digests)).hexdigest()


def settings_of(environ: dict[str, str], **variables: str) -> Settings:
    """The settings of an environment, some of them others."""
    return load(environ | {f"LTV_{name}": value for name, value in variables.items()})
