"""Progress of a long command: one living line on a terminal, plain lines otherwise.

    sending: 412,000 of 1,000,000 events, 58,200/s, 10 s left

On a terminal the line is written over a few times a second. Elsewhere (a pipe, a log, CI) a line
is written now and then, so that a log stays readable, and one at the end.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Final, TextIO

TERMINAL_SECONDS: Final = 0.1
LINES_SECONDS: Final = 10.0
RATE_SECONDS: Final = 5.0
"""The rate shown is that of about the last five seconds: it follows, but does not jump."""


class Progress:
    """Counts what is done and shows it; use it in a `with`.

    `total` is what there is to do, None where nobody knows; work of unknown size that knows its
    fraction (bytes read of a file) gives it to `advance`. The clock is in seconds.
    """

    def __init__(
        self,
        what: str,
        unit: str,
        total: int | None = None,
        *,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.what = what
        self.unit = unit
        self.total = total
        self.done = 0
        self._stream = stream if stream is not None else sys.stderr
        self._clock = clock
        self._on_terminal = self._stream.isatty()
        self._every = TERMINAL_SECONDS if self._on_terminal else LINES_SECONDS
        self._began = self._shown = self._measured = clock()
        self._done_then = 0
        self._rate = 0.0
        self._fraction: float | None = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        seconds = max(self._clock() - self._began, 1e-9)
        verb = "done" if kind is None else "stopped"
        words = f"{self.what}: {verb}, {self.done:,} {self.unit} in {_duration(seconds)}"
        self._write(f"{words}, {self.done / seconds:,.0f}/s", last=True)

    def advance(self, count: int = 1, fraction: float | None = None) -> None:
        """`count` more are done; cheap, so call it for every slice of work."""
        self.done += count
        self._fraction = fraction
        now = self._clock()
        if now - self._shown >= self._every:
            self._shown = now
            self._write(self._line(now))

    def _line(self, now: float) -> str:
        self._measure(now)
        of = f" of {self.total:,}" if self.total is not None else ""
        line = f"{self.what}: {self.done:,}{of} {self.unit}, {self._rate:,.0f}/s"
        left = self._seconds_left(now)
        return line if left is None else f"{line}, {_duration(left)} left"

    def _measure(self, now: float) -> None:
        passed = now - self._measured
        rate = (self.done - self._done_then) / passed if passed > 0 else self._rate
        weight = 1.0 if self._rate == 0 else min(1.0, passed / RATE_SECONDS)
        self._rate += weight * (rate - self._rate)
        self._measured, self._done_then = now, self.done

    def _seconds_left(self, now: float) -> float | None:
        fraction = self.done / self.total if self.total else self._fraction
        if not fraction:
            return None
        if self.total and self._rate > 0:
            return max(0, self.total - self.done) / self._rate
        return (now - self._began) * max(0.0, 1 - fraction) / fraction

    def _write(self, line: str, last: bool = False) -> None:
        if self._on_terminal:
            self._stream.write(f"\r\x1b[2K{line}" + ("\n" if last else ""))
        else:
            self._stream.write(line + "\n")
        self._stream.flush()


def _duration(seconds: float) -> str:
    """Seconds in words of a useful size.

    >>> _duration(0.26), _duration(42.3), _duration(135), _duration(7300)
    ('0.3 s', '42 s', '2 min 15 s', '2 h 1 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
