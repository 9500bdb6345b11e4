"""What a comparison of two builds has found, and its verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final

from stream_app.core import facts
from stream_app.core.customer import Customer
from stream_app.jobs.builds.scoring import Scorer, Worth
from stream_app.jobs.recount.instant import day_text
from stream_app.jobs.recount.ledger import Day, Facts
from stream_app.jobs.verification.state import facts_of

EXAMPLES: Final = 5
"""Customers of each kind of difference who are named; all are counted."""


@dataclass(frozen=True)
class Example:
    """One customer who differs."""

    kind: str
    """different, missing or extra."""
    who: str
    what: str


@dataclass
class Findings:
    """All that `ltv diff` has to say of builds `one` and `other`, in that order."""

    one: int
    other: int
    as_of: int = 0
    model: str | None = None
    """The parameters that both were scored with; None: by formula."""
    comparable: bool = True
    """Whether money of the two may be compared: they have one currency."""
    sample: int | None = None
    equal_customers: int = 0
    different: int = 0
    identities_alone: int = 0
    """Those of them whose scores can't differ: only the events remembered against duplicates do."""
    missing: int = 0
    """In `one` and not in `other`."""
    extra: int = 0
    """In `other` and not in `one`."""
    money_delta_minor: int = 0
    """Revenue of `other` less that of `one`, summed."""
    money_off_minor: int = 0
    """The same without signs: what cancels out shows here."""
    tier_flips: Counter[str] = field(default_factory=Counter)
    """By `tier in one -> tier in other`, of customers in both."""
    ltv_smape: float = 0.0
    """Of customers in both: mean of 200 |b - a| / (|a| + |b|) over their `ltv`, percent."""
    folded: int = 0
    """Records between the two positions that were read to compare at one cut."""
    settled: int = 0
    """Customers who differed only because the builds stood at different positions."""
    notes: list[str] = field(default_factory=list)
    examples: list[Example] = field(default_factory=list)
    seconds: float = 0.0
    _apart: float = 0.0

    @property
    def customers(self) -> int:
        """All who were compared."""
        return self.equal_customers + self.wrong

    @property
    def wrong(self) -> int:
        """All who are not the same in both."""
        return self.different + self.missing + self.extra

    @property
    def equal(self) -> bool:
        """The verdict."""
        return not self.wrong

    def compare(
        self, one: Mapping[bytes, Customer], other: Mapping[bytes, Customer], scorer: Scorer
    ) -> None:
        """Enter customers who seemed to differ, as both builds have them at one cut."""
        same = [key for key, customer in one.items() if customer == other.get(key)]
        self.equal_customers += len(same)
        self.settled += len(same)
        settled = set(same)
        for key in one.keys() - other.keys():
            self._alone("missing", key, one[key], -1)
        for key in other.keys() - one.keys():
            self._alone("extra", key, other[key], 1)
        differing = sorted((one.keys() & other.keys()) - settled)
        pairs = zip(
            scorer.worth([one[key] for key in differing]),
            scorer.worth([other[key] for key in differing]),
            strict=True,
        )
        for key, (mine, theirs) in zip(differing, pairs, strict=True):
            self._differ(key, one[key], other[key], mine, theirs)
        both = self.equal_customers + self.different
        self.ltv_smape = 100 * self._apart / both if both else 0.0

    def _alone(self, kind: str, key: bytes, customer: Customer, sign: int) -> None:
        setattr(self, kind, getattr(self, kind) + 1)
        self._money(sign * customer.revenue_minor)
        where = self.one if kind == "missing" else self.other
        self._example(kind, key, f"is in build {where} alone")

    def _differ(
        self, key: bytes, one: Customer, other: Customer, mine: Worth, theirs: Worth
    ) -> None:
        self.different += 1
        mine_facts, their_facts = facts_of(one), facts_of(other)
        self._money(other.revenue_minor - one.revenue_minor)
        if mine_facts == their_facts:
            self.identities_alone += 1
        if mine.tier != theirs.tier:
            self.tier_flips[f"{mine.tier} -> {theirs.tier}"] += 1
        size = abs(mine.ltv_minor) + abs(theirs.ltv_minor)
        if self.comparable and size:
            self._apart += 2 * abs(theirs.ltv_minor - mine.ltv_minor) / size
        self._example("different", key, difference(mine_facts, their_facts, one, other))

    def _money(self, delta_minor: int) -> None:
        if self.comparable:
            self.money_delta_minor += delta_minor
            self.money_off_minor += abs(delta_minor)

    def _example(self, kind: str, key: bytes, what: str) -> None:
        if sum(one.kind == kind for one in self.examples) < EXAMPLES:
            self.examples.append(Example(kind, key.decode("utf-8", "replace"), what))

    def as_json(self) -> dict[str, Any]:
        """One JSON object."""
        answer = {name: value for name, value in asdict(self).items() if name[0] != "_"}
        answer["tier_flips"] = dict(self.tier_flips)
        builds = [answer.pop("one"), answer.pop("other")]
        return {"equal": self.equal, "builds": builds, "customers": self.customers, **answer}


def difference(mine: Facts, theirs: Facts, one: Customer, other: Customer) -> str:
    """What differs, in one line: the first day that does, or the first fact."""
    if mine.days != theirs.days:
        return _days_difference(mine.days, theirs.days)
    for each in fields(Facts):
        ours, others = getattr(mine, each.name), getattr(theirs, each.name)
        if ours != others:
            return f"{each.name} is {ours!r} and {others!r}"
    kept = [len(facts.split(each.facts).identities) for each in (one, other)]
    return f"the events remembered against duplicates ({kept[0]} and {kept[1]} bytes of them)"


def _days_difference(mine: tuple[Day, ...], theirs: tuple[Day, ...]) -> str:
    ours, others = ({day[0]: day[1:] for day in days} for days in (mine, theirs))
    day = min(day for day in ours.keys() | others.keys() if ours.get(day) != others.get(day))
    words = (_words(*days.get(day, (0, 0, 0))) for days in (ours, others))
    return f"{day_text(day)} has {' and '.join(words)}"


def _words(orders: int, gross: int, refunds: int) -> str:
    return f"({orders} orders, gross {gross}, refunds {refunds})"
