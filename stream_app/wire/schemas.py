"""The schemas that the code is the source of: what Redis holds of a customer, and a model.

    python -m stream_app.wire.schemas [FOLDER]

writes them into FOLDER (default `schemas`). A test fails when the files there are not these.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from stream_app.wire.model_schema import DIALECT, model_schema
from stream_app.wire.score_fields import FIELDS, Field, Kind

_PATTERNS: Final[dict[Kind, str]] = {
    "integer": "^-?[0-9]+$",
    "float": r"^-?[0-9]+(\.[0-9]+)?(e[+-][0-9]+)?$",
    "hundredths": r"^-?[0-9]+\.[0-9]{2}$",
    "date": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "month": "^[0-9]{4}-[0-9]{2}$",
    "seconds": "^[0-9]+$",
}
"""The kinds of score_fields.py, as texts."""


def documents() -> dict[str, str]:
    """File name and content of each schema."""
    schemas = (score_schema(), model_schema())
    return {schema["$id"]: json.dumps(schema, indent=2) + "\n" for schema in schemas}


def score_schema() -> dict[str, Any]:
    """A customer's hash as a reader gets it: every value is text, an absent field is unknown."""
    return {
        "$schema": DIALECT,
        "$id": "score.schema.json",
        "title": "Score",
        "description": "One customer's hash in Redis, ltv:{<customer id>}. All values are text;"
        " money is in minor units of `currency`; T is max(day of as_of, last purchase day) less"
        " the first purchase day. Absent means unknown.",
        "type": "object",
        "properties": {field.name: _property(field) for field in FIELDS},
        "required": [field.name for field in FIELDS if not field.absent],
    }


def _property(field: Field) -> dict[str, Any]:
    absent = f" Absent {field.absent}." if field.absent else ""
    described: dict[str, Any] = {
        "description": f"{field.meaning[0].upper()}{field.meaning[1:]}.{absent}",
        "type": "string",
    }
    if field.choices:
        return described | {"enum": list(field.choices)}
    if field.kind in _PATTERNS:
        return described | {"pattern": _PATTERNS[field.kind]}
    return described | {"minLength": 1}


def main() -> None:
    """Write the files."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "schemas")
    for name, content in documents().items():
        (folder / name).write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
