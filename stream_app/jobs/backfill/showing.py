"""What a backfill says: how it reads the sources, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import click
import orjson

from stream_app.jobs.backfill.sources import Column, Source
from stream_app.jobs.verification.printing import amount
from stream_app.settings import Settings

_FLOATS = ("DOUBLE", "FLOAT")
_OPTIONAL = {
    "event_id": "made of each row's content",
    "currency": "{currency} (LTV_CURRENCY)",
    "order_id": "the event id",
}


@dataclass
class Outcome:
    """What was asked, what was read, what was made of it."""

    build: int
    changelog: str
    until_us: int
    lateness_us: int
    dry_run: bool
    rows: int = 0
    applied: int = 0
    duplicate: int = 0
    past_the_cut: int = 0
    without_id: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    refused_file: str | None = None
    customers: int = 0
    net_minor: int = 0
    starts: dict[str, dict[str, int]] = field(default_factory=dict)
    """By topic and partition: the offset from which the stream goes on."""
    to_stream: int = 0
    """Records that lie after them now."""
    written: bool = False
    seconds: float = 0.0

    @property
    def refused(self) -> int:
        """Rows and lines of every reason."""
        return sum(self.reasons.values())

    def as_json(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "build": self.build,
            "changelog": self.changelog,
            "until": instant_text(self.until_us),
            "lateness_seconds": self.lateness_us / 1_000_000,
            "dry_run": self.dry_run,
            "written": self.written,
            "rows": self.rows,
            "applied": self.applied,
            "duplicate": self.duplicate,
            "refused": self.refused,
            "reasons": self.reasons,
            "refused_file": self.refused_file,
            "past_the_cut": self.past_the_cut,
            "without_event_id": self.without_id,
            "customers": self.customers,
            "revenue_minor": self.net_minor,
            "starts": self.starts,
            "to_stream": self.to_stream,
            "seconds": round(self.seconds, 3),
        }


def show_sources(sources: Sequence[Source], settings: Settings) -> None:
    """Which column is taken for what; to standard error, before anything is read."""
    for source in sources:
        for line in _source_lines(source, settings):
            click.echo(line, err=True)


def _source_lines(source: Source, settings: Settings) -> Iterator[str]:
    rows = f", {source.rows:,} rows" if source.rows is not None else ""
    said = " where a row does not say" if source.column_of("type") is not None else ""
    yield f"{source.name}: {source.kind}{said}{rows}"
    if source.relation is None:
        yield "  JSON lines: fields by their names"
        return
    for column in source.columns:
        if column.field is not None:
            yield f"  {column.field:12} <- {column.name}{_remark(column)}"
    for name, words in _OPTIONAL.items():
        wanted = name == "event_id" or source.kind not in ("signup", "activity")
        if wanted and source.column_of(name) is None:
            yield f"  {name:12} <- none: {words.format(currency=settings.currency)}"
    unused = [column.name for column in source.columns if column.field is None]
    if unused:
        yield f"  not used: {', '.join(unused)}"


def _remark(column: Column) -> str:
    if column.field == "amount" and column.type in _FLOATS:
        return f" ({column.type}: read by its shortest decimal text, never rounded)"
    return f" ({column.type})" if column.type != "VARCHAR" else ""


def print_outcome(outcome: Outcome, settings: Settings, *, as_json: bool) -> None:
    """The outcome, to standard output."""
    if as_json:
        click.echo(orjson.dumps(outcome.as_json(), option=orjson.OPT_INDENT_2))
        return
    for line in lines(outcome, settings):
        click.echo(line)


def lines(outcome: Outcome, settings: Settings) -> Iterator[str]:
    """The outcome for people; the last line says what to do next."""
    yield (
        f"history:    {outcome.rows:,} rows = {outcome.applied:,} applied"
        f" + {outcome.duplicate:,} duplicate + {outcome.refused:,} refused"
        f" + {outcome.past_the_cut:,} at the cut or later"
    )
    for reason, count in outcome.reasons.items():
        yield f"            {count:,} {reason}"
    if outcome.refused_file is not None:
        yield f"refused:    {outcome.refused_file}"
    yield (
        f"customers:  {outcome.customers:,}, revenue {amount(outcome.net_minor, settings.currency)}"
    )
    if outcome.lateness_us:
        cut = f"{outcome.lateness_us / 3_600_000_000:g} h before {instant_text(outcome.until_us)}"
    else:
        cut = f"{instant_text(outcome.until_us)} exactly"
    yield f"stream:     goes on from {cut}; {outcome.to_stream:,} records to read"
    if outcome.dry_run:
        yield f"nothing was written: build {outcome.build} would be made by this without --dry-run"
    elif outcome.written:
        yield (
            f"build {outcome.build} is made, in {outcome.seconds:.1f} s; its worker:"
            f" LTV_BUILD={outcome.build} ltv worker"
        )
    else:
        yield (
            "nothing was written: correct the refused rows, or leave them out with --skip-refused"
        )


def instant_text(at_us: int) -> str:
    """An instant in UTC.

    >>> instant_text(1_762_000_000_000_000)
    '2025-11-01T12:26:40Z'
    """
    seconds, rest = divmod(at_us, 1_000_000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:06d}Z" if rest else f"{text}Z"
