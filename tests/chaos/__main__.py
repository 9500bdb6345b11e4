"""python -m tests.chaos --seed N (--minutes M | --round K) [--planted BUG]: see the package.

Exit codes: 0 all rounds clean, 1 one was not, 130 Ctrl-C, 143 SIGTERM. With a bug planted it is the
other way round: 0 as soon as a round's verdict is not clean, 1 when all were.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import logging
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from tests.chaos.draw import draw_round
from tests.chaos.planted import BUGS, planted
from tests.chaos.play import play
from tests.chaos.results import PLANTED, Results, line

LONG_SECONDS = 60.0
"""Of a round in which nothing was folded for so long the logs are kept, clean as it may be."""


async def run(
    results: Results, numbers: Iterator[int], logs: Path, given: argparse.Namespace
) -> None:
    """Round after round; what a clean one leaves behind is removed."""
    seed = given.seed
    for number in numbers:
        round = draw_round(seed, number)
        directory = _new(logs / f"seed-{seed}-round-{number}")
        try:
            played = await play(round, directory)
        except BaseException:
            say(f"round {number} was broken off; its logs are in {directory}")
            raise
        results.played.append(played)
        say(line(played))
        if given.planted and not played.verdict.clean:
            say(f"caught: {str(played.verdict).splitlines()[0]}")
            return
        if played.failure:
            say(f"{round}\n{played.failure}\nlogs: {directory}\nagain: {round.command}")
        elif played.longest_seconds < LONG_SECONDS:
            shutil.rmtree(directory)


def _new(directory: Path) -> Path:
    """A directory that is not there: what an earlier failure left behind is evidence."""
    while directory.exists():
        directory = directory.with_name(f"{directory.name}-again")
    return directory


def say(words: str) -> None:
    """To whoever waits, at once."""
    print(words, flush=True)


def until(deadline: float) -> Iterator[int]:
    """Numbers of rounds, from 1, for as long as there is time to begin one."""
    for number in itertools.count(1):
        if time.monotonic() >= deadline:
            return
        yield number


async def main(given: argparse.Namespace) -> int:
    """The exit code."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # of what is done to its broker
    logs = given.logs or Path(tempfile.mkdtemp(prefix="ltv-chaos-"))
    numbers = until(time.monotonic() + given.minutes * 60)
    results = Results(given.seed)
    caught: list[signal.Signals] = []
    running = asyncio.ensure_future(
        run(results, iter([given.round]) if given.round else numbers, logs, given)
    )

    def stop(number: signal.Signals) -> None:
        caught.append(number)
        running.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    with planted(given.planted, logs) if given.planted else nullcontext():
        await asyncio.wait([running])
    if not caught:
        running.result()
    if given.planted:
        return _planted_said(results, given, caught)
    result = "failed" if results.failed else "interrupted" if caught else "clean"
    say(f"\n{results.table(result)}")
    if results.played and not given.round:
        results.keep(result)
    return 128 + caught[0] if caught else int(bool(results.failed))


def _planted_said(results: Results, given: argparse.Namespace, caught: list[signal.Signals]) -> int:
    """The exit code of a run with a bug: only what a verdict counts has caught it."""
    seen = any(not one.verdict.clean for one in results.played)
    result = f"{given.planted} was {'caught' if seen else 'missed'}"
    say(f"\n{results.table(result)}")
    if results.played and not given.round and not caught:
        results.keep(result, PLANTED)
    return 128 + caught[0] if caught else int(not seen)


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--minutes", type=float, default=10.0, help="begin rounds for so long")
    parser.add_argument("--round", type=int, default=0, help="play this one alone")
    parser.add_argument("--planted", choices=BUGS, help="with this bug, until it is caught")
    parser.add_argument("--logs", type=Path, default=None, help="where failed rounds are kept")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(arguments())))
