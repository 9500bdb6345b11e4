"""One read, step by step, without a connection: what to fetch, and what comes of it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from stream_app.reader.knowledge import Knowledge, Stored, fields_of
from stream_app.reader.score import Score
from stream_app.stores.keys import Keys

Reading = Generator[Sequence[bytes], Sequence[Stored], list[Score | None]]
"""Yields keys of hashes, is sent those hashes, and returns a score for each customer."""


def reading(
    knowledge: Knowledge, keys: Keys, customer_ids: Sequence[str], *, now: int, at: float
) -> Reading:
    """Read customers as of `now`, Unix seconds; `at` is the reader's monotonic clock.

    The customers are fetched first, with the rules where these have grown old; then the models
    that are new. ValueError where a hash of theirs can't be read.
    """
    # An id that is no text of Unicode is nobody's.
    wanted = [keys.customer(each.encode(errors="surrogatepass")) for each in customer_ids]
    rules = knowledge.wanted_rules(at)
    stored = yield [*wanted, *rules]
    knowledge.learn_rules(stored[len(wanted) :], at)
    found = [fields_of(name, each) for name, each in zip(customer_ids, stored, strict=False)]
    models = knowledge.wanted_models(found, at)
    if models:
        knowledge.learn_models(models, (yield [keys.model(each) for each in models]), at)
    return knowledge.scores(found, now)


def replies(answered: Sequence[Any]) -> Sequence[Stored]:
    """What a pipeline answered; the first error in it is raised as Redis worded it."""
    for each in answered:
        if isinstance(each, Exception):
            raise each
    return answered
