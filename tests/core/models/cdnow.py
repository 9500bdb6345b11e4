"""The CDNOW sample split as in the papers: calibration to 1997-09-30 inclusive, then 39 weeks.

Counted here straight from the rows, sharing no code with the product.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream_app.dev.cache import cache_directory
from stream_app.dev.cdnow import cdnow_sample, read_sample

CUT = date(1997, 9, 30)
Column = NDArray[np.float64]


class Split(NamedTuple):
    """Columns over the 2,357 customers, in the order of the file; weeks and US dollars."""

    x: Column
    t_x: Column
    T: Column
    monetary: Column
    later_days: Column
    """Purchase days in the hold-out."""
    later_spend: Column


@cache
def split() -> Split:
    """Calibration statistics and what then happened."""
    histories: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for row in read_sample(cdnow_sample(cache_directory(), print)):
        histories[row.master_id][row.day] += row.amount_minor
    return Split(*np.array([_row(spent) for spent in histories.values()]).T)


def _row(spent: dict[date, int]) -> tuple[float, ...]:
    days = sorted(day for day in spent if day <= CUT)
    later = [day for day in spent if day > CUT]
    repeats = [spent[day] for day in days[1:]]
    return (
        len(repeats),
        (days[-1] - days[0]).days / 7,
        (CUT - days[0]).days / 7,
        sum(repeats) / len(repeats) / 100 if repeats else 0.0,
        len(later),
        sum(spent[day] for day in later) / 100,
    )
