"""The two array types every model speaks: what it takes and what it gives back."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Numbers: TypeAlias = npt.ArrayLike
"""A number or an array of them; arguments of one call broadcast against each other."""

Floats: TypeAlias = npt.NDArray[np.float64]


def as_floats(*columns: Numbers) -> tuple[Floats, ...]:
    """The columns as float64 arrays; one that is already is not copied."""
    return tuple(np.asarray(column, dtype=np.float64) for column in columns)
