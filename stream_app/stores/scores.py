"""Writing to Redis under guard: scores, positions, epochs, the generation.

Every write names the build, generation, partition and epoch it is made for, and is refused by the
server when a newer one is there. The methods that return bytes pack a command for a pipeline; its
reply is read by the function named beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any, Final, Literal

import msgspec

from stream_app.stores import scripts
from stream_app.stores.keys import Keys
from stream_app.stores.redis import Argument, Link, packed

Place = Literal["current", "challenger"]
"""What parameters are in use as; no model has such an id."""

_PACKER: Final = msgspec.msgpack.Encoder()


def _name(script: bytes) -> bytes:
    """What EVALSHA calls a script by: Redis fixes this use of SHA-1."""
    return sha1(script, usedforsecurity=False).hexdigest().encode()


_ALL: Final = (
    scripts.WRITE,
    scripts.OPEN,
    scripts.MOVE,
    scripts.MODEL,
    scripts.SCORING,
    scripts.SUMMARY,
)
_WRITE, _OPEN, _MOVE, _MODEL, _SCORING, _SUMMARY = map(_name, _ALL)


@dataclass(frozen=True)
class Opened:
    """What Redis held when partitions were opened."""

    build: int | None
    """The build that publishes; None where nobody has said so."""
    gen: int
    epochs: tuple[int | None, ...]
    """For each partition the epoch that was registered before; None where there was none."""
    published: tuple[bytes | None, ...]
    """For each partition the published value."""


@dataclass(frozen=True)
class Written:
    """What became of one `write`."""

    status: int
    """One of the statuses in `scripts`."""
    refused: Sequence[int]
    """Places of the customers, in the call, of whom Redis has a newer version."""


@dataclass(frozen=True)
class Move:
    """One partition's published value, to be replaced if it is still the one expected."""

    partition: int
    epoch: int
    expected: bytes | None
    new: bytes


class ScoreStore:
    """The scores of one prefix and build."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

    async def prepare(self, link: Link) -> None:
        """Load the scripts over a new connection."""
        await link.load(_ALL)

    async def open(
        self, link: Link, partitions: Sequence[tuple[int, int]], *, gen_if_none: int = 0
    ) -> Opened:
        """Register `(partition, epoch)` pairs and read what Redis holds of them.

        `gen_if_none`: where no build publishes yet, ours does, with this generation; 0 leaves it.
        """
        numbers = [b"%d" % number for pair in partitions for number in pair]
        reply = await self._run(
            link,
            _OPEN,
            (self.keys.gen, self.keys.epoch, self.keys.published),
            (self.keys.build, b"%d" % gen_if_none, *numbers),
        )
        return Opened(
            int(reply[0]) if reply[0] is not None else None,
            int(reply[1] or 0),
            tuple(int(each) if each is not None else None for each in reply[2::2]),
            tuple(reply[3::2]),
        )

    def write(
        self,
        gen: int,
        partition: int,
        epoch: int,
        customers: Sequence[bytes],
        positions: Sequence[int],
        rows: Sequence[Sequence[str]],
    ) -> bytes:
        """Pack one guarded write of customers of one partition; `written` reads its reply.

        `positions` are the changelog offsets of the versions that `rows` (field, value, ...) show.
        """
        opening = self.keys.opening
        return packed(
            (
                b"EVALSHA",
                _WRITE,
                b"%d" % (len(customers) + 2),
                self.keys.gen,
                self.keys.epoch,
                *[opening + each + b"}" for each in customers],
                self.keys.build,
                b"%d" % gen,
                b"%d" % partition,
                b"%d" % epoch,
                _PACKER.encode((positions, rows)),
            )
        )

    async def move(self, link: Link, moves: Sequence[Move]) -> list[bool]:
        """Replace published values where nobody else has; for each whether it was."""
        arguments: list[bytes] = []
        for each in moves:
            arguments += (
                b"%d" % each.partition,
                b"%d" % each.epoch,
                each.expected or b"",
                each.new,
            )
        reply = await self._run(link, _MOVE, (self.keys.epoch, self.keys.published), arguments)
        return [moved == 1 for moved in reply]

    async def put_model(
        self, link: Link, model_id: str | None, fields: Sequence[str], *, place: Place = "current"
    ) -> bool:
        """Show the parameters in use (`fields`: field, value, ...); None: there are none.

        False when another build publishes, and so has the say.
        """
        keys = [self.keys.gen, self.keys.model(place)]
        if model_id is not None:
            keys.append(self.keys.model(model_id))
        return bool(await self._run(link, _MODEL, keys, (self.keys.build, *fields)) == 1)

    async def put_scoring(self, link: Link, fields: Sequence[str]) -> bool:
        """Show what scores depend on besides the model; False when another build publishes."""
        keys = (self.keys.gen, self.keys.scoring)
        return bool(await self._run(link, _SCORING, keys, (self.keys.build, *fields)) == 1)

    async def put_summaries(
        self, link: Link, gen: int, partition: int, epoch: int, values: Mapping[str, bytes]
    ) -> int:
        """Write what is said of a partition as a whole, by name of the summary; a status."""
        keys = [self.keys.gen, self.keys.epoch, *(self.keys.summary(one, gen) for one in values)]
        arguments = (self.keys.build, b"%d" % gen, b"%d" % partition, b"%d" % epoch)
        return int(await self._run(link, _SUMMARY, keys, (*arguments, *values.values())))

    async def summaries(self, link: Link, name: str, gen: int) -> dict[int, bytes]:
        """One summary of every partition that has said it."""
        reply = await link.call(b"HGETALL", self.keys.summary(name, gen))
        return {int(number): value for number, value in zip(reply[::2], reply[1::2], strict=True)}

    async def _run(
        self, link: Link, script: bytes, keys: Sequence[bytes], arguments: Sequence[Argument]
    ) -> Any:
        return await link.call(b"EVALSHA", script, b"%d" % len(keys), *keys, *arguments)


def written(reply: Sequence[int]) -> Written:
    """Read the reply to `ScoreStore.write`.

    >>> written([0, 2, 5])
    Written(status=0, refused=[1, 4])
    """
    return Written(reply[0], [place - 1 for place in reply[1:]])
