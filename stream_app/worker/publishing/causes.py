"""Why customers are published by a pass, rather than by an event of theirs: labels of metrics."""

from __future__ import annotations

from typing import Final, Literal

from stream_app.core.ageing import Movement

Cause = Literal["missing", "emptied", "interrupted", "foreign", "server", "model", "generation"]
"""Why everything is published: `ltv_full_publishes_total{cause}`.

missing      no position: a new build, or an empty Redis
emptied      the position or epoch that we had written is gone: FLUSHALL, a restart without data
interrupted  the pass of an earlier worker did not come to its end
foreign      a position that we did not write: an older snapshot, another writer
server       another process answers: restarted, failed over
model        other parameters or score settings
generation   a cut-over has made this build the publishing one, with another generation
"""

Republished = Cause | Literal["refresh", "changed", "rank"] | Movement
"""Why a customer was: `ltv_republished_customers_total{cause}`.

refresh      its scores were as old as they may get
changed      changed after the position that an earlier worker had reached
fall         its tier fell by silence
drift        a number of it drifted by a level
rank         it stands elsewhere among all customers
"""

LACKING: Final[frozenset[Republished]] = frozenset(
    ("missing", "emptied", "interrupted", "foreign", "server")
)
"""Redis may lack customers altogether, or show what was overtaken: as fast as it goes."""
LIMITED: Final[frozenset[Republished]] = frozenset(
    ("model", "generation", "refresh", "rank", "fall", "drift")
)
"""Redis has everybody, by older numbers: `LTV_REPUBLISH_RATE` holds. Who has `changed` since an
earlier worker's position is neither, and published before those whom silence has moved."""
SWEEPS: Final[frozenset[Republished]] = frozenset(("drift", "rank"))
"""Everybody is looked at for the sake of a few."""
