"""`ltv send` as a whole: open the sources, check the rows, send the messages, say what came of it.

A row that a worker would refuse stops the command (exit 2) after what came before it is sent and
acknowledged; with `--skip-refused` it is left out, and `--dry-run` lists them all. The corrected
file is sent whole again: what arrived already counts once.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import click
import orjson

from stream_app.errors import UsageError
from stream_app.jobs.interrupts import interruptible
from stream_app.jobs.progress import Progress
from stream_app.jobs.send.columns import parse_mapping
from stream_app.jobs.send.files import open_source
from stream_app.jobs.send.messages import Message, Messages, Refused, require_currency
from stream_app.jobs.send.order import Order
from stream_app.jobs.send.outbox import Outbox
from stream_app.jobs.send.pace import Pace
from stream_app.settings import Settings

SLICE = 500
"""Messages between two looks at the clock and the event loop."""
SHOWN = 20
"""Refused rows that are told one by one."""
LIVE_RATE = 10.0


@dataclass
class Feed:
    """Messages of one file or population, and how much of it is read (0-1, None: unknown)."""

    name: str
    messages: Iterator[Message | Refused]
    fraction: Callable[[], float | None]


@dataclass
class Outcome:
    """What was read, refused, sent and acknowledged."""

    read: int = 0
    refused: int = 0
    sent: int = 0
    acknowledged: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def run(settings: Settings, order: Order, *, as_json: bool) -> int:
    """Send what was ordered; print the outcome; return the exit code."""
    outcome = Outcome()
    began = time.monotonic()
    try:
        if order.dry_run:
            _check_only(settings, order, outcome)
        else:
            asyncio.run(_send(settings, order, outcome))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_interrupted(order, outcome)) from None
    outcome.seconds = time.monotonic() - began
    _print(order, outcome, as_json)
    return 2 if outcome.refused and not order.skip_refused else 0


def _interrupted(order: Order, outcome: Outcome) -> str:
    if order.dry_run:
        return f"Interrupted: {outcome.read:,} events checked, {outcome.refused:,} refused."
    return f"Interrupted: {outcome.acknowledged:,} of {outcome.read:,} events acknowledged."


def feeds(settings: Settings, order: Order) -> Iterator[Feed]:
    """What there is to send, in order."""
    if order.simulate:
        yield _simulated(settings, order)
        return
    mapping = parse_mapping(order.mapping)
    kind = order.kind or "purchase"
    for path in order.files:
        messages = Messages(settings, kind)
        with closing(open_source(path, kind, mapping, _tell)) as source:
            yield Feed(path.name, messages.of(source.rows), source.fraction)


def _tell(line: str) -> None:
    click.echo(line, err=True)


def _simulated(settings: Settings, order: Order) -> Feed:
    from stream_app.jobs.send.population import Population

    require_currency(settings)
    now = datetime.now(UTC)
    end = datetime.combine(order.until or now.date(), datetime.min.time(), UTC)
    name = f"{order.simulate:,} simulated customers"
    # Made at one go, which may take minutes: asyncio's own Ctrl-C would wait for the end of it.
    with interruptible():
        people = Population(order.simulate, order.seed, order.days, end, settings.currency)
        if order.duration:
            return Feed(name, people.live(now), lambda: None)
        with Progress(f"making {name}", "events") as progress:
            messages = people.history(progress.advance)
    return Feed(name, messages, lambda: None)


def _check_only(settings: Settings, order: Order, outcome: Outcome) -> None:
    if order.simulate and order.duration:
        raise UsageError("--dry-run with --duration has nothing to check: live traffic is endless.")
    for feed in feeds(settings, order):
        with Progress(f"checking {feed.name}", "events") as progress:
            for some in _slices(feed.messages, SLICE):
                for one in some:
                    _count(one, feed, outcome, stop=False)
                progress.advance(len(some), feed.fraction())


async def _send(settings: Settings, order: Order, outcome: Outcome) -> None:
    topics = {
        "purchases": settings.topic_purchases,
        "signups": settings.topic_signups,
        "activity": settings.topic_activity,
    }
    outbox = Outbox(settings)
    try:
        async with outbox:
            await outbox.partition_counts(list(topics.values()))
            try:
                for feed in feeds(settings, order):
                    await _send_feed(feed, topics, outbox, order, outcome)
            finally:
                await outbox.settle()
    finally:
        outcome.sent, outcome.acknowledged = outbox.sent, outbox.acknowledged


async def _send_feed(
    feed: Feed, topics: dict[str, str], outbox: Outbox, order: Order, outcome: Outcome
) -> None:
    rate = order.rate or (LIVE_RATE if order.duration else None)
    pace = Pace(rate, time.monotonic)
    with Progress(f"sending {feed.name}", "events") as progress:
        for some in _slices(feed.messages, pace.slice_size(SLICE)):
            for one in some:
                _count(one, feed, outcome, stop=not order.skip_refused)
                progress.done += 1
                if isinstance(one, Message):
                    topic = topics[one.role]
                    partition = outbox.partition_of(topic, one.key)
                    await outbox.add(topic, partition, one.key, one.value)
            if rate is not None:
                await outbox.flush()
            await pace.passed(len(some))
            progress.advance(0, feed.fraction())
            if order.duration and pace.seconds >= order.duration:
                return


def _count(one: Message | Refused, feed: Feed, outcome: Outcome, *, stop: bool) -> None:
    """Count a message or a refused row; raise at a refused one when told to stop there."""
    outcome.read += 1
    if isinstance(one, Message):
        outcome.roles[one.role] += 1
        return
    outcome.refused += 1
    outcome.reasons[one.reason] += 1
    words = f"{feed.name} line {one.line}: {one.reason}: {one.detail}"
    if stop:
        raise UsageError(
            f"{words}. What came before it is sent; correct it and send the file again (nothing"
            " counts twice), or leave such rows out with --skip-refused."
        )
    if outcome.refused <= SHOWN:
        click.echo(words, err=True)


def _slices(messages: Iterator[Message | Refused], size: int) -> Iterator[list[Message | Refused]]:
    while some := list(itertools.islice(messages, size)):
        yield some


def _print(order: Order, outcome: Outcome, as_json: bool) -> None:
    if as_json:
        answer: dict[str, Any] = {
            "read": outcome.read,
            "refused": outcome.refused,
            "reasons": dict(outcome.reasons),
            "sent": outcome.sent,
            "acknowledged": outcome.acknowledged,
            "by_topic": dict(outcome.roles),
            "seconds": round(outcome.seconds, 3),
            "dry_run": order.dry_run,
        }
        click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))
        return
    verb = "would be sent" if order.dry_run else "acknowledged"
    good = outcome.read - outcome.refused if order.dry_run else outcome.acknowledged
    refused = f", {outcome.refused:,} refused" if outcome.refused else ""
    click.echo(f"{outcome.read:,} events read, {good:,} {verb}{refused}.")
    for reason, count in outcome.reasons.most_common():
        click.echo(f"  {count:>9,}  {reason}")
