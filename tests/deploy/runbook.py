"""The runbook in parts: its entries, and what they tell to type."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.deploy.tools import DEPLOY

RUNBOOK = DEPLOY / "RUNBOOK.md"
PAGE = RUNBOOK.read_text(encoding="utf-8")
PARTS = ("Means", "Look", "Do", "Don't")
"""Of each entry, in this order."""


@dataclass(frozen=True)
class Entry:
    """One heading of the third rank and what stands below it."""

    title: str
    text: str

    @property
    def parts(self) -> list[str]:
        """The bold words that its paragraphs begin with."""
        return list(re.findall(r"^\*\*([^*]+)\.\*\*", self.text, re.MULTILINE))


def entries() -> dict[str, Entry]:
    """By title."""
    found = re.split(r"^#{2,3} (.+)$", PAGE, flags=re.MULTILINE)[1:]
    ranks = re.findall(r"^(#{2,3}) .+$", PAGE, re.MULTILINE)
    pairs = zip(ranks, found[::2], found[1::2], strict=True)
    return {title: Entry(title, text) for rank, title, text in pairs if rank == "###"}


def blocks(language: str) -> list[str]:
    """Lines of all blocks in a language, without their comments; none is empty."""
    lines = "\n".join(re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)).splitlines()
    told = (line.partition("  #")[0].strip() for line in lines)
    return [line for line in told if line]


def anchors() -> set[str]:
    """Of all headings, as pages of repositories make them."""
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}
