"""What a judge found: how much was lost or counted twice, and every difference in words."""

from __future__ import annotations

from dataclasses import dataclass, field

SHOWN = 5
"""How many differences of a kind are spelt out."""


@dataclass
class Verdict:
    """What was found wrong; `clean` where nothing was."""

    lost: int = 0
    double: int = 0
    customers: int = 0
    records: int = 0
    differences: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether everything is as it must be."""
        return not (self.lost or self.double or self.differences)

    def differs(self, words: str) -> None:
        """Note a difference."""
        self.differences.append(words)

    def __str__(self) -> str:
        said = [f"lost={self.lost} double={self.double} in {self.records} records"]
        said += [f"  {one}" for one in self.differences[: 4 * SHOWN]]
        if len(self.differences) > 4 * SHOWN:
            said.append(f"  and {len(self.differences) - 4 * SHOWN} more differences")
        return "\n".join(said)
