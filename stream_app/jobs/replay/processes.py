"""Partitions over processes: started, listened to, stopped; one that dies takes the others along.

Each process has a pipe to the one that started it and tells over it how far it is. When that one is
gone, telling fails, and the process ends too.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any, Final

from stream_app.errors import Fault, LtvError
from stream_app.jobs.replay.result import Outcome
from stream_app.jobs.replay.span import Span
from stream_app.jobs.replay.work import Stopped, Work, do

LISTEN_SECONDS: Final = 0.5
STOP_SECONDS: Final = 60.0
"""How long a process may take to keep its checkpoint."""

Advance = Callable[[int], None]


@dataclass(frozen=True)
class _Failed:
    error: BaseException


@dataclass(frozen=True)
class _Ended:
    cpu_seconds: float
    stopped: bool = False


@dataclass
class Ran:
    """What all processes came to."""

    outcomes: list[Outcome]
    cpu_seconds: float
    processes: int


def shares(span: Span, processes: int) -> list[tuple[int, ...]]:
    """Partitions of each process: the largest that is left goes to whom has least."""
    given: list[list[int]] = [[] for _ in range(processes)]
    load = [0] * processes
    for number in sorted(span.partitions, key=span.records, reverse=True):
        least = load.index(min(load))
        given[least].append(number)
        load[least] += span.records(number) + 1
    return [tuple(one) for one in given if one]


def run(work: Work, processes: int | None, advance: Advance) -> Ran:
    """Do `work` in processes of its own; the error of the first that fails is raised here.

    On KeyboardInterrupt every process keeps its checkpoint and ends.
    """
    wanted = processes or os.cpu_count() or 1
    given = shares(work.span, min(wanted, len(work.span.partitions)))
    rate = work.rate / len(given) if work.rate is not None else None
    crew = _Crew([replace(work, partitions=some, rate=rate) for some in given])
    try:
        crew.listen(advance)
    finally:
        crew.stop()
    return Ran(sorted(crew.outcomes, key=lambda one: one.number), crew.cpu_seconds, len(given))


class _Crew:
    """The processes and what they have told."""

    def __init__(self, works: Sequence[Work]) -> None:
        context = get_context("spawn")  # a fork would share an event loop and its sockets
        self.outcomes: list[Outcome] = []
        self.cpu_seconds = 0.0
        self._processes: dict[Connection, BaseProcess] = {}
        for work in works:
            ours, theirs = context.Pipe(duplex=False)
            process = context.Process(target=_main, args=(work, theirs), daemon=True)
            process.start()
            theirs.close()
            self._processes[ours] = process

    def listen(self, advance: Advance) -> None:
        """Until all have ended."""
        left = set(self._processes)
        while left:
            for pipe in wait(list(left), timeout=LISTEN_SECONDS):
                assert isinstance(pipe, Connection)
                try:
                    if self._take(pipe.recv(), advance):
                        left.discard(pipe)
                except EOFError:
                    process = self._processes[pipe]
                    process.join()
                    raise Fault(
                        f"a process of the replay died (exit {process.exitcode}); nothing is wrong"
                        " with what it read: give the same command again"
                    ) from None

    def _take(self, told: Any, advance: Advance) -> bool:
        """Whether the process has ended."""
        if isinstance(told, int):
            advance(told)
        elif isinstance(told, Outcome):
            self.outcomes.append(told)
        elif isinstance(told, _Failed):
            raise told.error
        elif isinstance(told, _Ended):
            self.cpu_seconds += told.cpu_seconds
            if told.stopped:
                raise KeyboardInterrupt
            return True
        return False

    def stop(self) -> None:
        """End those that still run, in order where they can."""
        for process in self._processes.values():
            if process.is_alive():
                process.terminate()
        deadline = time.monotonic() + STOP_SECONDS
        while self._alive() and time.monotonic() < deadline:
            self._hear_out()
        for process in self._processes.values():
            process.kill()
            process.join()
        for pipe in self._processes:
            pipe.close()

    def _alive(self) -> bool:
        return any(process.is_alive() for process in self._processes.values())

    def _hear_out(self) -> None:
        """Take what they say: nobody ends who waits to be heard."""
        open_ = [pipe for pipe, process in self._processes.items() if process.is_alive()]
        for pipe in wait(open_, timeout=LISTEN_SECONDS):
            assert isinstance(pipe, Connection)
            with suppress(EOFError, OSError):
                pipe.recv()


def _main(work: Work, pipe: Connection) -> None:
    """A process from its start to its end."""
    # Until the loop listens to them: a Ctrl-C reaches every process of a terminal.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()
    try:
        told = _outcome(work, pipe)
        pipe.send(told)
    except BrokenPipeError:
        pass  # nobody listens any more: what is kept is kept
    finally:
        pipe.close()


def _end_with_parent() -> None:
    """Nobody waits for the work of a process that was killed: whatever it is doing, it ends."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _outcome(work: Work, pipe: Connection) -> _Ended | _Failed:
    try:
        do(work, pipe.send)
        return _Ended(_cpu_seconds())
    except Stopped:
        return _Ended(_cpu_seconds(), stopped=True)
    except BrokenPipeError:
        raise
    except LtvError as error:
        return _Failed(error)
    except Exception as error:
        return _Failed(Fault(f"a process of the replay failed: {error!r}"))


def _cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system
