"""Acquisition costs from a CSV file: month, amount, currency, and the channel where it is known."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from stream_app.core.calendar import month_from_text
from stream_app.core.money import EXPONENTS, MAX_MINOR
from stream_app.errors import UsageError
from stream_app.wire.amounts import decimal_of, minor_units

DELIMITERS: Final = ",;\t|"
NEEDED: Final = ("month", "amount", "currency")


class Cost(NamedTuple):
    """What was spent on winning the customers of one month, and by which channel."""

    month: int
    """Months since January 1970."""
    channel: str | None
    amount_minor: int


def read_costs(path: Path, currency: str, asked_by: str) -> list[Cost]:
    """The rows of a file; UsageError names the line and what is wrong with it.

    ``asked_by`` is the option or the setting that named the file.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(_costs(file, f"{asked_by} {path.name!a}", currency))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{asked_by} {str(path)!a} can't be read: {error}.") from None


def by_month(costs: Iterable[Cost], channel: str | None) -> dict[int, int]:
    """Costs of each month, of one channel or, for None, of all; empty: of those without one."""
    sums: dict[int, int] = {}
    for cost in costs:
        if channel is None or channel == (cost.channel or ""):
            sums[cost.month] = sums.get(cost.month, 0) + cost.amount_minor
    return sums


def _costs(file: Iterator[str], name: str, currency: str) -> Iterator[Cost]:
    first = next(file, "")
    delimiter = max(DELIMITERS, key=first.count)
    header = [cell.strip().lower() for cell in next(csv.reader([first], delimiter=delimiter), [])]
    missing = [column for column in NEEDED if column not in header]
    if missing:
        raise UsageError(
            f"{name} has no column {' or '.join(missing)}; its first line must name month,"
            " amount and currency, and may name channel."
        )
    rows = csv.reader(file, delimiter=delimiter)
    for cells in rows:
        if any(cells):
            try:
                yield _cost(header, cells, currency)
            except ValueError as error:
                line = rows.line_num + 1
                raise UsageError(f"{name} line {line}: {error}.") from None


def _cost(header: Sequence[str], cells: Sequence[str], currency: str) -> Cost:
    if len(cells) != len(header):
        raise ValueError(f"{len(cells)} cells where the header has {len(header)}")
    row = {column: cell.strip() for column, cell in zip(header, cells, strict=True)}
    if row["currency"] != currency:
        raise ValueError(f"currency is {row['currency']!a}, and the totals are in {currency}")
    return Cost(
        month_from_text(row["month"]), row.get("channel") or None, _minor(row["amount"], currency)
    )


def _minor(text: str, currency: str) -> int:
    amount = decimal_of(text, is_number=False)
    if amount is None:
        raise ValueError(f"amount is {text!a}; it must be a number such as 1234.50, not negative")
    minor = minor_units(amount, EXPONENTS[currency])
    if minor is None or minor > MAX_MINOR:
        raise ValueError(
            f"amount is {text!a}; {currency} has {EXPONENTS[currency]} digits after the point, and"
            f" no more than 10^15 minor units are taken"
        )
    return minor
