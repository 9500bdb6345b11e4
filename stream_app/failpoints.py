"""Places where a fault can be made to strike on purpose, for the fault tests.

A failpoint is armed by one setting, ``LTV_FAILPOINT=name[:hit[:action]]``: at the given
hit (the first by default) of ``hit(name)`` the process kills itself (``kill``, SIGKILL,
the default), stops itself (``stop``, SIGSTOP, to play a zombie) or lets nothing else have its
thread for a while (``block``, as a computation that is too long would).  Unarmed, a hit is one
comparison.  Before it strikes, a line on standard error proves that it did.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Final

from stream_app.errors import ConfigurationError

NAMES: Final = (
    "after_fold",
    "before_append",
    "after_append",
    "mid_redis_write",
    "after_redis",
    "during_commit",
    "during_recovery",
    "after_claim",
    "before_reappend",
    "in_revoke",
    "before_switch",
    "after_switch",
    "mid_clear",
    "before_finish",
    "backfill_marked",
    "backfill_bucket",
    "backfill_written",
    "backfill_watermark",
    "replay_checkpoint",
    "replay_partition",
)

BLOCK_SECONDS: Final = 5.0
"""How long ``block`` blocks."""

_SIGNALS: Final = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP, "block": None}

_armed = ""
_remaining = 0
_signal: signal.Signals | None = signal.SIGKILL


def arm(text: str) -> None:
    """Arm one failpoint from ``name[:hit[:action]]``; an empty text arms none."""
    global _armed, _remaining, _signal
    if not text:
        _armed = ""
        return
    name, _, rest = text.partition(":")
    hit_number, _, action = rest.partition(":")
    if (
        name not in NAMES
        or not (hit_number or "1").isdecimal()
        or (action or "kill") not in _SIGNALS
    ):
        raise ConfigurationError(
            f"LTV_FAILPOINT={text!r} is not name[:hit[:kill|stop|block]]; names: {', '.join(NAMES)}"
        )
    _armed, _remaining, _signal = name, int(hit_number or "1"), _SIGNALS[action or "kill"]


def hit(name: str) -> None:
    """Pass the failpoint ``name``; strikes when it is the armed one and its turn has come."""
    if name == _armed:
        _strike()


def _strike() -> None:
    global _armed, _remaining
    _remaining -= 1
    if _remaining > 0:
        return
    name, _armed = _armed, ""
    sys.stderr.write(f"failpoint {name} strikes\n")
    sys.stderr.flush()
    if _signal is None:
        time.sleep(BLOCK_SECONDS)
    else:
        os.kill(os.getpid(), _signal)
