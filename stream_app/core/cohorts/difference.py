"""What changed from one version of customers to the next, month by month."""

from __future__ import annotations

import numpy as np

from stream_app.core.cohorts.contributions import MONTH_BITS, Months
from stream_app.core.cohorts.unpacked import Bools


def difference(months: Months, stays: Bools) -> Months:
    """The months to be added to totals that hold the first half of customers, for the second half.

    `stays` says of each pair whether it stays in its cohorts: of such a pair a month in both
    versions is one month with the difference, and none where there is no difference. All else of
    the first half is there with its signs turned, all else of the second as it is.
    """
    second = len(stays) << MONTH_BITS
    cut = int(np.searchsorted(months.at, second))
    was, now = months.at[:cut], months.at[cut:] - second
    before, after = months.values[:, :cut], months.values[:, cut:]
    place = np.searchsorted(now, was)
    both = np.append(now, -1)[place] == was
    both &= stays[was >> MONTH_BITS]
    if both.all():
        after[:, place] -= before
        changed = np.flatnonzero(after.any(axis=0))
        return Months(months.at[cut + changed], after[:, changed])
    after[:, place[both]] -= before[:, both]
    changed, gone = np.flatnonzero(after.any(axis=0)), np.flatnonzero(~both)
    return Months(
        np.concatenate((months.at[cut + changed], was[gone])),
        np.concatenate((after[:, changed], -before[:, gone]), axis=1),
    )
