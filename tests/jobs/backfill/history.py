"""Histories as files, what a stream makes of their rows one by one, and what a backfill does."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import duckdb

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer, Outcome
from stream_app.jobs.backfill.folding import ROLES, Counted, Folding
from stream_app.jobs.backfill.odd import STAMP_MS, RefusedFile
from stream_app.jobs.backfill.reading import read_history
from stream_app.jobs.backfill.sources import open_sources
from stream_app.jobs.backfill.staging import Staging
from stream_app.jobs.send.columns import parse_mapping
from stream_app.jobs.send.files import open_source
from stream_app.jobs.send.messages import Messages, Refused
from stream_app.settings import Settings
from stream_app.wire import state
from stream_app.wire.events import Decoder
from stream_app.wire.partitioner import murmur2
from stream_app.wire.record import Record
from stream_app.wire.refusal import Refusal
from stream_app.worker.fold import signed_money

FAR_US = STAMP_MS * 1_000
"""A cut that leaves nothing out."""

Cells = Mapping[str, str]


@dataclass
class Made:
    """Customers' states, and what was counted."""

    states: dict[bytes, bytes] = field(default_factory=dict)
    counted: list[Counted] = field(default_factory=list)
    reasons: dict[str, int] = field(default_factory=dict)
    past_the_cut: int = 0
    rows: int = 0


def write(path: Path, rows: Sequence[Cells]) -> Path:
    """Rows as a file, of the kind that its name says; an absent cell is empty or null."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(names)
            writer.writerows([row.get(name, "") for name in names] for row in rows)
    elif path.suffix == ".jsonl":
        lines = (json.dumps(dict(row), ensure_ascii=False) for row in rows)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    else:
        columns = ", ".join(f"\"{name}\": 'VARCHAR'" for name in names)
        texts = write(path.with_suffix(".jsonl"), rows)
        with closing(duckdb.connect()) as connection:
            connection.execute(
                f"COPY (SELECT * FROM read_json('{texts}', format = 'newline_delimited',"
                f" columns = {{{columns}}})) TO '{path}' (FORMAT parquet)"
            )
        texts.unlink()
    return path


def streamed(
    settings: Settings,
    files: Iterable[tuple[str, Path]],
    until_us: int = FAR_US,
    mapping: Sequence[str] = (),
) -> Made:
    """Every row sent, decoded and applied one after the other."""
    made = Made(counted=[Counted() for _ in range(settings.partitions)])
    calendar = Calendar(settings.time_zone)
    decoders = {
        role: Decoder(role, calendar, settings.currency, settings.max_value) for role in ROLES
    }
    customers: dict[bytes, Customer] = {}
    for kind, path in files:
        messages = Messages(settings, kind)
        with closing(open_source(path, kind, parse_mapping(mapping))) as opened:
            for row in opened.rows:
                made.rows += 1
                message = messages.message_of(row)
                if isinstance(message, Refused):
                    made.reasons[message.reason] = made.reasons.get(message.reason, 0) + 1
                    continue
                record = Record("", 0, 0, STAMP_MS, message.key, message.value)
                event = decoders[message.role].decode(record)
                if isinstance(event, Refusal):
                    made.reasons[event.reason] = made.reasons.get(event.reason, 0) + 1
                    continue
                if event.at_us >= until_us:
                    made.past_the_cut += 1
                    continue
                counted = made.counted[murmur2(message.key, settings.partitions)]
                role = ROLES.index(message.role)
                customer = customers.setdefault(message.key, Customer())
                if customer.apply(event) is Outcome.DUPLICATE:
                    counted.duplicate[role] += 1
                    continue
                counted.applied[role] += 1
                counted.net_minor += signed_money(event)
                counted.max_at_us = max(counted.max_at_us, event.at_us)
    made.states = {key: state.encode(customer) for key, customer in customers.items()}
    for key in customers:
        made.counted[murmur2(key, settings.partitions)].customers += 1
    return made


def backfilled(
    settings: Settings,
    words: Sequence[str],
    until_us: int = FAR_US,
    mapping: Sequence[str] = (),
    kind: str | None = None,
) -> Made:
    """The same by the backfill, without a broker."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with closing(Staging(directory, settings)) as staging:
            parsed = parse_mapping(mapping)
            sources = open_sources(words, kind, parsed, staging.connection)
            refused = RefusedFile(directory / "refused.csv")
            read = read_history(staging, sources, settings, directory, refused)
            refused.close()
            folding = Folding(settings, until_us, [one.with_ids for one in sources])
            made = Made(counted=folding.counted, reasons=dict(refused.reasons), rows=read.rows)
            for number in range(read.buckets):
                columns = staging.bucket(number)
                for entry in folding.fold(columns, partial(staging.whole, number)):
                    assert murmur2(entry.key, settings.partitions) == entry.partition
                    assert entry.key not in made.states
                    made.states[entry.key] = entry.state
            made.past_the_cut = folding.past_the_cut
    return made
