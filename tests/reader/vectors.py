"""schemas/reading-vectors.json: made by `python -m tests.reader.vectors`, and by nothing else.

It takes minutes: Pareto/NBD is integrated in 45 digits, some ten thousand times.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any, Final

from stream_app.wire.score_fields import FIELDS
from tests.reader.cases import MODELS, SCORINGS, Case, cases, document_head
from tests.reader.exact import timed_fields

PATH: Final = Path(__file__).parents[2] / "schemas" / "reading-vectors.json"
ORDER: Final = {field.name: place for place, field in enumerate(FIELDS)}


@cache
def vectors() -> dict[str, Any]:
    """What the file holds."""
    found: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return found


def made(case: Case) -> dict[str, Any]:
    """One case with its answer."""
    then, now = case.seconds
    facts = case.facts()
    model = MODELS[case.model] if case.model else None
    rules = SCORINGS[case.scoring]
    published = facts | timed_fields(facts, model, rules, then)
    return {
        "note": case.note,
        "scoring": case.scoring,
        "now": now,
        "hash": _ordered(published),
        "expected": _ordered(timed_fields(facts, model, rules, now)),
    }


def _ordered(fields: dict[str, str]) -> dict[str, str]:
    """In the order in which a score's fields are documented."""
    return dict(sorted(fields.items(), key=lambda pair: ORDER[pair[0]]))


def main() -> None:
    """Write the file."""
    answered = []
    for case in cases():
        print(case.note, file=sys.stderr, flush=True)
        answered.append(made(case))
    text = json.dumps(document_head() | {"cases": answered}, indent=1) + "\n"
    PATH.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
