"""A wall clock that is wrong by as many seconds as a file says, for a child process.

Python imports a module of this name before anything else where it finds one: a child with this
directory on its PYTHONPATH and the file in CLOCK_FILE has `time.time` and `time.time_ns` off by the
eight bytes there, a signed little-endian number, looked at anew at every call. The monotonic clock
stays right, as it does when an operator or NTP sets a machine's clock.
"""

from __future__ import annotations

import mmap
import os
import struct
import time


def shift(path: str) -> None:
    """Put the clock of this process off."""
    with open(path, "rb") as file:
        held = mmap.mmap(file.fileno(), 8, access=mmap.ACCESS_READ)
    real_s, real_ns = time.time, time.time_ns
    off_by = struct.Struct("<q").unpack_from
    vars(time)["time"] = lambda: real_s() + off_by(held)[0]
    vars(time)["time_ns"] = lambda: real_ns() + off_by(held)[0] * 1_000_000_000


if "CLOCK_FILE" in os.environ:
    shift(os.environ["CLOCK_FILE"])
