"""Waiting goes on while things move, and ends when they don't."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable

import pytest

from tests.rig.patience import until_nothing_is_left


def counting(numbers: Iterable[int]) -> Callable[[], Awaitable[int]]:
    """Looks that find one number after the other."""
    rest = iter(numbers)

    async def look() -> int:
        return next(rest)

    return look


async def test_what_shrinks_is_waited_for_however_long_it_takes() -> None:
    await until_nothing_is_left(counting(range(20, -1, -1)), str, 0.1, every_seconds=0.02)


async def test_what_does_not_shrink_is_not_waited_for() -> None:
    with pytest.raises(AssertionError, match=r"stuck for 0\.1 s: seven"):
        await until_nothing_is_left(
            counting([9, 7] + [7, 8] * 100), lambda: "seven", 0.1, every_seconds=0.02
        )
