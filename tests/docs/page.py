"""README.md as a text with two kinds of marks, HTML comments that no reader sees.

    <!-- table: settings --> ... <!-- end -->     what stands between is made by `tests.docs.tables`
    <!-- run: stack -->                           the fenced block that follows is run by a test
    <!-- shows -->                                and this is what it prints

How a block is run: `stack` with a Kafka and a Redis, one after the other in one directory; `beside`
too, but it goes on meanwhile; `redis` has lines of redis-cli; `settings` exports variables; `make`
has targets of the Makefile; `not: <why>` is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"

_TABLE = re.compile(r"(<!-- table: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
_BLOCK = re.compile(
    r"^(?:<!-- (run: [^\n]*?|shows) -->\n)?```([a-z]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its mark (`run: ...`, `shows`, or nothing), language, text and line."""

    mark: str
    language: str
    text: str
    line: int

    @property
    def how(self) -> str:
        """The first word of a `run` mark; empty for what is no program."""
        return self.mark.removeprefix("run: ").partition(":")[0] if "run:" in self.mark else ""


def blocks(page: str) -> list[Block]:
    """Every fenced block, in order."""
    return [
        Block(found[1] or "", found[2], found[3], page.count("\n", 0, found.start()) + 1)
        for found in _BLOCK.finditer(page)
    ]


def table_names(page: str) -> list[str]:
    """The tables that the page wants, in order."""
    return [found[2] for found in _TABLE.finditer(page)]


def rewritten(page: str, tables: Mapping[str, str]) -> str:
    """The page with every table as it should be; KeyError for one that nobody makes."""
    return _TABLE.sub(lambda found: f"{found[1]}{tables[found[2]].strip()}\n{found[3]}", page)
