"""Which build publishes: read, switched by a cut-over, cleared up after one, and a build retired.

One hash, `ltv:gen`, decides whose writes Redis takes, so each script below compares it and changes
in the same step; whoever comes second is refused. Fields:

    build     the build that publishes
    gen       number of the publication: raised by every cut-over, either way
    before    the build that published before, where a cut-over went forward: the way back
    pending   `build:gen` of publications whose hashes may still be there, apart by spaces; gone
              when a cut-over has come to its end
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from stream_app.stores.keys import SUMMARIES, Keys
from stream_app.stores.redis import Link, packed

SWITCH: Final = b"""
-- KEYS: gen.  ARGV: build and gen expected ('' where nobody publishes), build and gen to be, and
-- whether to remember the way back (0 or 1).   Reply: 1 switched, 0 somebody else has been here.
local found = redis.call('HMGET', KEYS[1], 'build', 'gen', 'pending')
if (found[1] or '') ~= ARGV[1] or (found[2] or '') ~= ARGV[2] then return 0 end
local row = {'build', ARGV[3], 'gen', ARGV[4]}
if found[1] then
  row[5] = 'pending'
  row[6] = (found[3] and found[3] .. ' ' or '') .. ARGV[1] .. ':' .. ARGV[2]
  if ARGV[5] == '1' then row[7] = 'before' row[8] = ARGV[1] end
end
redis.call('HSET', KEYS[1], unpack(row))
if not row[7] then redis.call('HDEL', KEYS[1], 'before') end
return 1
"""

CLEAR: Final = b"""
-- KEYS: gen, then customers.  ARGV: build, gen.
-- Reply: how many hashes of an older generation were deleted; -1 where another build publishes.
local call = redis.call
local publishing = call('HMGET', KEYS[1], 'build', 'gen')
if publishing[1] ~= ARGV[1] or publishing[2] ~= ARGV[2] then return -1 end
local gen, deleted = tonumber(ARGV[2]), 0
for i = 2, #KEYS do
  local stored = redis.pcall('HGET', KEYS[i], 'gen')
  stored = type(stored) == 'string' and tonumber(stored)
  if stored and stored < gen then deleted = deleted + call('DEL', KEYS[i]) end
end
return deleted
"""

FINISH: Final = b"""
-- KEYS: gen, then summaries of older generations.  ARGV: build, gen.
-- Reply: 1 nothing of an older publication is left, 0 another build publishes.
local publishing = redis.call('HMGET', KEYS[1], 'build', 'gen')
if publishing[1] ~= ARGV[1] or publishing[2] ~= ARGV[2] then return 0 end
for i = 2, #KEYS do redis.call('DEL', KEYS[i]) end
redis.call('HDEL', KEYS[1], 'pending')
return 1
"""

RETIRE: Final = b"""
-- KEYS: gen, epochs, published.  ARGV: build.   Reply: 1 forgotten, 0 it publishes.
local found = redis.call('HMGET', KEYS[1], 'build', 'before')
if found[1] == ARGV[1] then return 0 end
redis.call('DEL', KEYS[2], KEYS[3])
if found[2] == ARGV[1] then redis.call('HDEL', KEYS[1], 'before') end
return 1
"""


@dataclass(frozen=True)
class Publication:
    """Who publishes, and what a cut-over has left to do."""

    build: int | None = None
    """None where nobody publishes yet."""
    gen: int = 0
    before: int | None = None
    """The build to go back to; None where the last cut-over was the way back, or there was none."""
    pending: tuple[tuple[int, int], ...] = ()
    """(build, gen) of publications that are over and not cleared away."""


def parsed(stored: Sequence[bytes | None]) -> Publication:
    """The values of build, gen, before and pending as Redis holds them.

    >>> parsed([b"2", b"3", b"1", b"1:1 1:2"])
    Publication(build=2, gen=3, before=1, pending=((1, 1), (1, 2)))
    >>> parsed([None, None, None, None])
    Publication(build=None, gen=0, before=None, pending=())
    """
    build, gen, before, pending = stored
    pairs = (pair.partition(b":") for pair in (pending or b"").split())
    return Publication(
        int(build) if build is not None else None,
        int(gen or 0),
        int(before) if before is not None else None,
        tuple((int(one), int(other)) for one, _, other in pairs),
    )


class PublicationStore:
    """The publication of one key prefix, over one connection."""

    def __init__(self, link: Link, prefix: str) -> None:
        self._link = link
        self._prefix = prefix
        self._keys = Keys(prefix, 0)

    async def read(self) -> Publication:
        """Who publishes now."""
        names = (b"build", b"gen", b"before", b"pending")
        return parsed(await self._link.call(b"HMGET", self._keys.gen, *names))

    async def switch(self, found: Publication, build: int, *, way_back: bool) -> bool:
        """Make `build` the publisher with the next generation; False: it is not as `found` now.

        `way_back`: the switch undoes one, so there is nothing to go back to after it.
        """
        expected = (b"", b"") if found.build is None else (b"%d" % found.build, b"%d" % found.gen)
        wanted = (b"%d" % build, b"%d" % (found.gen + 1), b"%d" % (not way_back))
        return bool(await self._run(SWITCH, [self._keys.gen], *expected, *wanted))

    async def clear(self, current: Publication, customers: Iterable[bytes]) -> int | None:
        """Delete the hashes of customers that an older publication wrote; how many those were.

        None where `current` is not the publication any more.
        """
        keys = [self._keys.gen, *map(self._keys.customer, customers)]
        deleted = int(await self._run(CLEAR, keys, *_named(current)))
        return None if deleted < 0 else deleted

    async def finish(self, current: Publication) -> bool:
        """Nothing is left of older publications but what was said of them as wholes: forget that.

        False where `current` is not the publication any more.
        """
        gens = sorted({gen for _, gen in current.pending})
        keys = [self._keys.summary(name, gen) for gen in gens for name in SUMMARIES]
        return bool(await self._run(FINISH, [self._keys.gen, *keys], *_named(current)))

    async def retire(self, build: int) -> bool:
        """Forget epochs and positions of a build; False where it publishes."""
        keys = Keys(self._prefix, build)
        return bool(await self._run(RETIRE, [keys.gen, keys.epoch, keys.published], keys.build))

    async def generations(self, customers: Sequence[bytes]) -> list[int]:
        """The generation that each hash says it is of; 0 where there is none."""
        asked = (packed((b"HGET", self._keys.customer(one), b"gen")) for one in customers)
        await self._link.send(b"".join(asked))
        return [int(await self._link.reply() or 0) for _ in customers]

    async def published(self, build: int) -> dict[int, bytes]:
        """For each partition of a build how far Redis follows it (`published.decode`)."""
        return await self._numbered(Keys(self._prefix, build).published)

    async def epochs(self, build: int) -> dict[int, bytes]:
        """For each partition of a build the epoch of the worker that has it."""
        return await self._numbered(Keys(self._prefix, build).epoch)

    async def _numbered(self, key: bytes) -> dict[int, bytes]:
        reply = await self._link.call(b"HGETALL", key)
        return {int(number): value for number, value in zip(reply[::2], reply[1::2], strict=True)}

    async def _run(self, script: bytes, keys: Sequence[bytes], *arguments: bytes) -> Any:
        return await self._link.call(b"EVAL", script, b"%d" % len(keys), *keys, *arguments)


def _named(publication: Publication) -> tuple[bytes, bytes]:
    return b"%d" % (publication.build or 0), b"%d" % publication.gen
