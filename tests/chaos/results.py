"""What a run of chaos came to: a line a round, a table at the end, a row of results.csv."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.bench.results import commit, date
from tests.chaos.play import Played

FILE = Path(__file__).with_name("results.csv")
PLANTED = Path(__file__).with_name("planted.csv")
"""Of runs with a bug on purpose, which are another story."""
COLUMNS = (
    *("date", "commit", "seed", "minutes", "rounds", "events", "customers", "faults"),
    *("struck", "exits", "lost", "double", "longest_stall_s", "failed_rounds", "result"),
)


class Results:
    """Of one run with one seed; the commit is that of its beginning."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._date, self._commit = date(), commit()
        self.played: list[Played] = []

    @property
    def failed(self) -> list[Played]:
        """The rounds that were not clean."""
        return [one for one in self.played if one.failure]

    def row(self, result: str) -> dict[str, str]:
        """The run as a line of the file."""
        played = self.played
        faults = Counter(kind for one in played for kind in one.round.faults)
        return {
            "date": self._date,
            "commit": self._commit,
            "seed": str(self._seed),
            "minutes": f"{sum(one.seconds for one in played) / 60:.1f}",
            "rounds": str(len(played)),
            "events": str(sum(one.verdict.records for one in played)),
            "customers": str(sum(one.verdict.customers for one in played)),
            "faults": counted(faults),
            "struck": counted(_sum([one.struck for one in played])),
            "exits": counted(_sum([_as_text(one.exits) for one in played])),
            "lost": str(sum(one.verdict.lost for one in played)),
            "double": str(sum(one.verdict.double for one in played)),
            "longest_stall_s": f"{max((one.longest_seconds for one in played), default=0.0):.1f}",
            "failed_rounds": " ".join(str(one.round.number) for one in self.failed),
            "result": result,
        }

    def keep(self, result: str, file: Path = FILE) -> None:
        """Append the row to the file."""
        is_new = not file.exists()
        with file.open("a", newline="") as out:
            rows = csv.DictWriter(out, COLUMNS)
            if is_new:
                rows.writeheader()
            rows.writerow(self.row(result))

    def table(self, result: str) -> str:
        """The row for people, and why workers ended."""
        width = max(map(len, COLUMNS))
        lines = [f"{name:{width}}  {value}" for name, value in self.row(result).items()]
        reasons: Counter[str] = _sum([one.reasons for one in self.played])
        lines += [
            f"{'said' if not i else '':{width}}  {number} x {said[:200]}"
            for i, (said, number) in enumerate(reasons.most_common(20))
        ]
        return "\n".join(lines)


def line(played: Played) -> str:
    """A round in one line."""
    verdict = played.verdict
    return (
        f"round {played.round.number:3}  {played.seconds:5.0f} s  {verdict.records:7,} events"
        f"  stall {played.longest_seconds:5.1f} s"
        f"  lost {verdict.lost} double {verdict.double}"
        f"  {'FAILED' if played.failure else 'clean'}  {', '.join(played.round.faults)}"
    )


def counted(found: Counter[str]) -> str:
    """``kill -9 12, join 4``: the most frequent first."""
    return ", ".join(f"{name} {number}" for name, number in found.most_common())


def _sum(counters: Sequence[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in counters:
        total.update(one)
    return total


def _as_text(exits: Counter[int]) -> Counter[str]:
    return Counter({f"code {code}": number for code, number in exits.items()})
