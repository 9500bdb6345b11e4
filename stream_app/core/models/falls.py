"""The day on which silence takes P(alive) below a bound: whole days, and exactly that day.

`age_at` solves for the age; here it becomes the first whole day T with P(alive) < theta. A score
computed on that day finds the bound broken and one computed the day before does not, also where
rounding puts the solution on the wrong side of a whole day.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_app.core.models.arrays import Floats
from stream_app.core.models.purchase_model import PurchaseModel

NEVER: Final = 1 << 30
"""Days; after every day that has a date."""
# A solution this close to a whole day is checked against P(alive) itself.
NEAR: Final = 1e-6


def day_of_fall(model: PurchaseModel, theta: float, x: Floats, t_x: Floats) -> NDArray[np.int64]:
    """Days after the first purchase day until P(alive) < theta in silence; NEVER where it stays.

    At or before the last purchase day where P(alive) is below theta from the start.
    """
    if theta <= 0:
        return np.full(np.shape(x), NEVER)
    # P(alive) may round to 1 but not pass it: a bound of 1 is broken just below 1.
    age = model.age_at(min(theta, float(np.nextafter(1.0, 0.0))), x, t_x) * 7.0
    age = np.clip(age, -1.0, float(NEVER))
    day = np.ceil(age)
    nearest = np.rint(age)
    close = (np.abs(age - nearest) < NEAR) & (age < NEVER)
    if close.any():
        at = nearest[close]
        p_alive = model.p_alive(x[close], t_x[close], np.maximum(at / 7.0, t_x[close]))
        day[close] = np.where(p_alive < theta, at, at + 1.0)
    return day.astype(np.int64)
