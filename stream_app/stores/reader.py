"""Reading what was published: for commands that look, and for verification.

For programs that may wait (the storefront's own client is `stream_app.reader`). Errors of Redis
come out as `Unreachable` or, where a person has to change something, `ConfigurationError`, with
one sentence.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from stream_app.stores.address import address
from stream_app.stores.keys import Keys
from stream_app.stores.published import Published, decode
from stream_app.stores.redis import TIMEOUT_SECONDS, TROUBLE
from stream_app.stores.trouble import failure

Hash = dict[bytes, bytes]
"""A customer's fields as Redis holds them; `wire.scores.parse_hash` makes values of them."""


class ScoreReader:
    """Reads one prefix and build."""

    def __init__(self, client: Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    def customer(self, customer_id: bytes) -> Hash | None:
        """A customer's hash; None where nothing is published of him."""
        return self.customers([customer_id])[0]

    def customers(self, customer_ids: Sequence[bytes]) -> list[Hash | None]:
        """The hashes of many customers, in one exchange."""
        return [found or None for found in self._hashes(map(self._keys.customer, customer_ids))]

    def published(self) -> dict[int, Published]:
        """How far Redis follows each partition; a partition never published is absent."""
        (found,) = self._hashes([self._keys.published])
        values = ((int(number), decode(value)) for number, value in found.items())
        return {number: value for number, value in values if value is not None}

    def generation(self) -> tuple[int, int] | None:
        """The build that publishes and its generation; None where nobody has published yet."""
        (found,) = self._hashes([self._keys.gen])
        build, gen = found.get(b"build"), found.get(b"gen")
        return None if build is None or gen is None else (int(build), int(gen))

    def summaries(self, name: str) -> dict[int, bytes]:
        """What the partitions say of themselves (`keys.SUMMARIES`), in the publication in use."""
        generation = self.generation()
        if generation is None:
            return {}
        (found,) = self._hashes([self._keys.summary(name, generation[1])])
        return {int(number): value for number, value in found.items()}

    def model(self, model_id: str | None = None) -> dict[bytes, bytes] | None:
        """Parameters of a model, or of the one in use; None where there is none."""
        key = self._keys.model_current if model_id is None else self._keys.model(model_id)
        return self._hashes([key])[0] or None

    def _hashes(self, keys: Iterable[bytes]) -> list[Hash]:
        """What is under these keys, in one exchange: an error of a pipeline names the command."""
        pipeline = self._client.pipeline(transaction=False)
        for key in keys:
            pipeline.hgetall(key.decode())
        found: list[Hash] = pipeline.execute()
        return found


@contextmanager
def score_reader(
    url: str, shown_url: str, prefix: str, build: int, timeout_seconds: float = TIMEOUT_SECONDS
) -> Iterator[ScoreReader]:
    """A reader over a connection of its own; `shown_url` is the URL without its password."""
    try:
        where = address(url).locate_now(timeout_seconds)
        with _client(where, timeout_seconds) as client:
            yield ScoreReader(client, Keys(prefix, build))
    except TROUBLE as error:
        raise failure(error, shown_url) from error


def _client(arguments: dict[str, Any], timeout_seconds: float) -> Redis:
    named = dict(arguments)
    if "path" in named:
        named["unix_socket_path"] = named.pop("path")
    return Redis(
        **named,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        protocol=2,
        retry=Retry(NoBackoff(), 0),  # its default tries for five seconds before it says a word
    )
