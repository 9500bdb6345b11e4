"""What a verification has compared, what differed, and its verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

EXAMPLES = 10
"""Differences that are told in full; all are counted."""


@dataclass(slots=True)
class Tally:
    """Customers compared in one place, by outcome."""

    equal: int = 0
    different: int = 0
    missing: int = 0
    extra: int = 0
    stale: int = 0
    """Older than the state for longer than a publisher may take; Redis only."""

    @property
    def wrong(self) -> int:
        """All that are not equal."""
        return self.different + self.missing + self.extra + self.stale

    @property
    def compared(self) -> int:
        """All that were looked at."""
        return self.equal + self.wrong


@dataclass(slots=True)
class TopicTally:
    """Records of one topic over all partitions, as the recount sorted them."""

    read: int = 0
    applied: int = 0
    duplicate: int = 0
    refused: int = 0


@dataclass(slots=True)
class Letters:
    """Refused records against the dead letters."""

    refused: int = 0
    found: int = 0
    different: int = 0
    """Letters that give another reason."""
    missing: int = 0
    extra: int = 0
    """Letters about records before the cut that the recount accepts."""

    @property
    def wrong(self) -> int:
        """Letters that are missing, differ, or should not be there."""
        return self.different + self.missing + self.extra


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it should be; `what` is one line for a person."""

    where: str
    who: str
    what: str


@dataclass(slots=True)
class Findings:
    """Everything that `ltv verify` has to say."""

    build: int
    customers: int = 0
    """In the state at the cut."""
    past_the_duplicate_bound: int = 0
    """Customers of more than 1,024 identities: compared without promise, counted here alone."""
    unpromised_different: int = 0
    """Those of them that differ."""
    state: Tally | None = None
    partly: Tally | None = None
    """Customers of a state that began with a history which was not given: whether they hold at
    least what the topics say."""
    redis: Tally | None = None
    dead_letters: Letters | None = None
    models: dict[str, int] = field(default_factory=dict)
    """Hashes that show the state at the cut, by the model they name; `formula`: none."""
    other_model: int = 0
    """Those of them that name another than the models in use and the share give them."""
    money_delta_minor: int = 0
    """Revenue of the state less revenue of the recount, summed."""
    money_off_minor: int = 0
    """The same, summed without signs: what cancels out shows here."""
    revenue_minor: int = 0
    """Of all customers, by the state."""
    topics: dict[str, TopicTally] = field(default_factory=dict)
    cut: dict[int, dict[str, int]] = field(default_factory=dict)
    """Partition -> topic -> next offset: what the state holds."""
    void_records: int = 0
    problems: list[str] = field(default_factory=list)
    """Sentences about whole partitions; each makes the verdict unequal."""
    notes: list[str] = field(default_factory=list)
    """Sentences that change no verdict."""
    examples: list[Difference] = field(default_factory=list)
    differences: int = 0
    seconds: float = 0.0

    def differs(self, where: str, who: str, what: str) -> None:
        """Count a difference; keep it as an example while there are few."""
        self.differences += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(Difference(where, who, what))

    @property
    def equal(self) -> bool:
        """The verdict: nothing at all differs of what was compared."""
        tallies = (self.state, self.partly, self.redis, self.dead_letters)
        return not self.problems and not any(one.wrong for one in tallies if one is not None)

    def as_json(self) -> dict[str, Any]:
        """One JSON object; partitions become texts, as JSON's names are."""
        answer = asdict(self)
        answer["cut"] = {str(number): offsets for number, offsets in sorted(self.cut.items())}
        return {"equal": self.equal, **answer}
