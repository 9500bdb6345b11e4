"""The report as CSV: a line a cohort and month, all metrics, money in major units."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import IO, Any, Final

from stream_app.core.cohorts.cells import Cell
from stream_app.core.cohorts.report_object import NAMES
from stream_app.core.money import EXPONENTS
from stream_app.jobs.verification.printing import figure

COUNTS: Final = tuple(name for name in Cell._fields if not name.endswith("_minor"))
MONEY: Final = ("gross_minor", "refunds_minor", "net_minor")


def write_csv(answer: dict[str, Any], file: IO[str]) -> None:
    """Write `report_as_object`'s answer; what is in no offset has its cell's name for one."""
    header = ["by", "channel", "cohort", "currency", "members", "buyers", "offset", "month"]
    header += ["state", "state_so_far", *COUNTS, *map(_major_name, (*MONEY, *NAMES.values()))]
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(header)
    undated = [answer["undated"]] if answer["undated"] is not None else []
    for line in (*answer["cohorts"], *undated):
        start = [answer["by"], answer["channel"], line["cohort"], answer["currency"]]
        start += [line["members"], line["buyers"]]
        for one in _cells(line):
            rows.writerow([*start, *_cell(one, answer["currency"])])


def _cells(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What a cohort's line adds up to: its offsets, and whatever is before and after them."""
    offsets = [one for one in line["offsets"] if one is not None]
    yield from offsets
    if not line["offsets"]:
        yield {"offset": "undated", **line["total"]}
        return
    for name in ("before", "later"):
        if any(line[name].values()):
            yield {"offset": name, **line[name]}


def _cell(one: dict[str, Any], currency: str) -> Iterator[Any]:
    yield from (one.get(name) for name in ("offset", "month", "state", "state_so_far"))
    yield from (one[name] for name in COUNTS)
    for name in MONEY:
        yield figure(one[name], currency).replace(",", "")
    unit = 10 ** EXPONENTS[currency]
    for name in NAMES.values():
        value = one.get(name)
        if value is None:
            yield None
        else:
            yield f"{value / unit if name.endswith('_minor') else value:.6f}"


def _major_name(name: str) -> str:
    return name.removesuffix("_minor")
