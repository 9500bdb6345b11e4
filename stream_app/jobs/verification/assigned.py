"""By which model each hash says it was scored, and whether that is its customer's own.

What differs is no fault of a score, each of which is computed again with the model that it names:
another model may be on its way, or the workers have another share than whoever verifies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from stream_app.core.models.assignment import challenged
from stream_app.jobs.verification.findings import Findings
from stream_app.stores.keys import Keys
from stream_app.stores.redis import Link

FORMULA = "formula"


@dataclass(frozen=True)
class Assigned:
    """The models in use as Redis shows them, and the share that is the challenger's."""

    champion: str
    """Id of the model, `FORMULA` without one."""
    challenger: str | None
    share: float

    @classmethod
    async def read(cls, link: Link, keys: Keys, share: float) -> Self:
        """What is in use now."""
        champion = await link.call(b"HGET", keys.model_current, b"id")
        challenger = await link.call(b"HGET", keys.model_challenger, b"id")
        return cls(
            FORMULA if champion is None else champion.decode("utf-8", "replace"),
            None if challenger is None else challenger.decode("utf-8", "replace"),
            share,
        )

    def count(
        self, customers: Sequence[bytes], hashes: Sequence[Mapping[str, str]], findings: Findings
    ) -> None:
        """Count hashes by the model they name, and those that name another than they should."""
        share = 0.0 if self.challenger is None else self.share
        for found, theirs in zip(hashes, challenged(customers, share), strict=True):
            named = found.get("model", FORMULA)
            findings.models[named] = findings.models.get(named, 0) + 1
            findings.other_model += named != (self.challenger if theirs else self.champion)
