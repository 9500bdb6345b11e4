"""`ltv fit --every 7d`: fit, publish, wait, and again, until told to stop.

A run that fails ends nothing but itself: a broker that is away is tried again after a pause that
grows, too few customers at the next run. Only what a person has to change ends the command.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import click
import orjson
from aiokafka.errors import KafkaError

from stream_app.core.models.parameters import Kind
from stream_app.errors import ConfigurationError, LtvError, UsageError
from stream_app.jobs.fit import fit_and_publish
from stream_app.jobs.fit_report import print_warning, text_lines, verdict
from stream_app.jobs.interrupts import interruptible
from stream_app.settings import Settings
from stream_app.stores.kafka_trouble import denied

FIRST_PAUSE_SECONDS: Final = 5.0
LONGEST_PAUSE_SECONDS: Final = 300.0


@dataclass
class Schedule:
    """When to run next, by a clock in seconds: every period, and sooner after a failure.

    >>> schedule = Schedule(period_seconds=60.0, due=0.0)
    >>> schedule.wait(now=2.0), schedule.wait(now=60.0, failed=True)
    (58.0, 5.0)
    """

    period_seconds: float
    due: float
    """When the period of the current run began."""
    _pause_seconds: float = FIRST_PAUSE_SECONDS

    def wait(self, now: float, *, failed: bool = False) -> float:
        """Seconds from the end of a run to the next: never past the next period's beginning."""
        next_due = max(self.due + self.period_seconds, now)
        pause, self._pause_seconds = self._pause_seconds, FIRST_PAUSE_SECONDS
        if failed:
            self._pause_seconds = min(2 * pause, LONGEST_PAUSE_SECONDS)
            if now + pause < next_due:
                return pause
        self.due = next_due
        return next_due - now


def run(
    settings: Settings,
    every_seconds: float,
    *,
    kind: Kind | None,
    challenger: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Run at once and then every so many seconds; 0 once SIGTERM or Ctrl-C asks to stop.

    ConfigurationError where somebody has to change something first.
    """

    def once() -> None:
        answer = fit_and_publish(settings, kind, challenger=challenger, dry_run=dry_run)
        _print_run(answer, settings, as_json=as_json)

    def failed(why: str, pause_seconds: float) -> None:
        click.echo(f"ltv: {why}; trying again in {pause_seconds:.0f} s", err=True)
        if as_json:
            _print_line({"published": False, "reason": why, "model": None})

    return repeat(once, every_seconds, failed)


def repeat(
    once: Callable[[], None],
    every_seconds: float,
    failed: Callable[[str, float], None],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Do it again and again until a signal; `failed` is told why not, and how long the pause is."""
    with interruptible() as asked:
        try:
            schedule = Schedule(every_seconds, clock())
            while True:
                why = _failure(once)
                if asked.to_stop:
                    break
                pause = schedule.wait(clock(), failed=why is not None)
                if why is not None:
                    failed(why, pause)
                sleep(pause)
        except KeyboardInterrupt:
            pass
    return 0


def _failure(once: Callable[[], None]) -> str | None:
    """Do it; why it came to nothing, where trying again may help."""
    try:
        once()
    except (ConfigurationError, UsageError):
        raise
    except (LtvError, KafkaError, OSError) as error:
        if (refusal := denied(error)) is not None:
            raise refusal from error
        if isinstance(error, LtvError):
            return str(error).rstrip(".")
        return f"Kafka failed in the middle of the work: {error!r}"
    return None


def _print_run(answer: dict[str, Any], settings: Settings, *, as_json: bool) -> None:
    """One JSON object a line; for people the time and what a single fit says, or why not."""
    if as_json:
        _print_line(answer)
    else:
        when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        if answer["reason"] is not None:
            click.echo(f"{when}  {verdict(answer)}")
        else:
            click.echo("\n".join((when, *text_lines(answer, settings), "")))
    print_warning(answer)


def _print_line(answer: dict[str, Any]) -> None:
    click.echo(orjson.dumps(answer))
