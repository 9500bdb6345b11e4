"""The schemas and the decoder say the same about every event."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from stream_app.core.calendar import Calendar
from stream_app.settings import load as settings_of
from stream_app.stores.topic_plan import dead_letter_bytes, plans
from stream_app.wire.dead_letter import headers
from stream_app.wire.events import Decoder
from stream_app.wire.record import Record
from stream_app.wire.refusal import Reason, Refusal
from tests import examples
from tests.core.naive_decoder import MAX_VALUE, TYPES, RawRecord, header
from tests.examples import Example

FOLDER = Path(__file__).parent.parent.parent / "schemas"
SCHEMA_FILES = sorted(FOLDER.glob("*.schema.json"))
SHAPE_REASONS = {"wrong_type", "missing_field", "bad_id", "bad_time", "bad_amount", "bad_value"}
"""Reasons that a schema can see; the others need the key, the clock or the list of currencies."""
UNSEEN = (
    # these need a calendar
    "february-",
    "before-1970",
    "year-0",
    "ordered-at-before-1970",
    # these are about the record, not its value
    "cloudevents-id-no-utf-8",
    "record-without-timestamp",
    "copied-timestamp-no-number",
    # Python's search takes the end before a last line feed for the end
    "line-feed-at-the-end",
)


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@cache
def validator(kind: str) -> Draft202012Validator:
    """The validator of one schema, which finds the others by their file names."""
    resources = [(path.name, Resource.from_contents(load(path))) for path in SCHEMA_FILES]
    return Draft202012Validator(
        load(FOLDER / f"{kind}.schema.json"), registry=Registry().with_resources(resources)
    )


def kind_of(value: Any, raw: RawRecord) -> str:
    """The type whose schema a record's value must fit."""
    named = value.get("type") if isinstance(value, dict) else None
    named = named or (header(raw, "ce_type") or "").rsplit(".", 1)[-1]
    return named if named in TYPES[raw.role] else TYPES[raw.role][0]


def filled(value: Any, raw: RawRecord) -> Any:
    """The value with what CloudEvents headers fill in."""
    if not isinstance(value, dict):
        return value
    known = {name: member for name, member in value.items() if member is not None}
    fills = (("event_id", "ce_id"), ("occurred_at", "ce_time"))
    added = {name: header(raw, source) for name, source in fills if header(raw, source) is not None}
    return {"type": kind_of(value, raw)} | added | known


def fits(example: Example) -> bool:
    """Whether the schema of its type takes the example's value."""
    value = json.loads(example.raw.value or b"null", parse_int=_whole)
    return bool(validator(kind_of(value, example.raw)).is_valid(filled(value, example.raw)))


def _whole(digits: str) -> float:
    """Python reads no integers of thousands of digits."""
    return int(digits) if len(digits) < 300 else float(digits)


def seen_by_schema(example: Example) -> bool:
    """Whether the refusal is one that a schema can express."""
    name = example.name.rsplit("/", 1)[1]
    return example.expected_reason in SHAPE_REASONS and not name.startswith(UNSEEN)


def _name(example: Example) -> str:
    return example.name


@pytest.mark.parametrize("path", SCHEMA_FILES, ids=lambda path: path.stem)
def test_every_schema_is_one(path: Path) -> None:
    schema = load(path)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == path.name


@pytest.mark.parametrize("example", examples.accepted(), ids=_name)
def test_an_accepted_example_fits_its_schema(example: Example) -> None:
    assert fits(example)


@pytest.mark.parametrize("example", [e for e in examples.refused() if seen_by_schema(e)], ids=_name)
def test_a_refusal_of_shape_is_one_of_the_schema_too(example: Example) -> None:
    assert not fits(example)


MEMBERS = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3), st.just([]), st.just({}), st.just([{}]), st.just([{"quantity": 0}]),
    st.sampled_from(("1.5", "-1", "USD", "2024-01-01T00:00:00Z", "x" * 129, "login", "1e3", "")),
)  # fmt: skip
GOOD = {
    "event_id": "e", "customer_id": "c", "occurred_at": "2024-01-01T00:00:00Z", "order_id": "o",
    "amount": "1.00", "currency": "EUR", "ordered_at": "2024-01-01T00:00:00Z", "fx_rate": "1.1",
    "items": [{"sku": "A", "quantity": 1, "amount": "1.00"}], "channel": "ads", "kind": "login",
}  # fmt: skip


@given(
    st.sampled_from([(role, kind) for role, kinds in TYPES.items() for kind in kinds]),
    st.dictionaries(st.sampled_from(sorted(GOOD)), MEMBERS, max_size=2),
    st.sets(st.sampled_from(sorted(GOOD)), max_size=2),
)
@settings(max_examples=200, deadline=None)
def test_what_the_decoder_takes_the_schema_takes(
    of: tuple[str, str], changed: dict[str, Any], lost: set[str]
) -> None:
    role, kind = of
    event = {"type": kind} | {k: v for k, v in (GOOD | changed).items() if k not in lost}
    value = json.dumps(event).encode()
    key = str(event.get("customer_id")).encode()
    record = Record(role, 0, 0, 1_704_110_400_000, key, value, ())
    found = Decoder(role, Calendar("UTC"), "USD", MAX_VALUE).decode(record)
    known = {name: member for name, member in event.items() if member is not None}
    taken = validator(kind).is_valid(known)
    if not isinstance(found, Refusal):
        assert taken
    elif str(found.reason) in SHAPE_REASONS and found.reason != Reason.BAD_TIME:
        assert not taken


def test_the_dead_letter_names_every_reason_in_order() -> None:
    reasons = load(FOLDER / "dead_letter.schema.json")["properties"]["ltv-reason"]["oneOf"]
    assert [reason["const"] for reason in reasons] == [str(reason) for reason in Reason]


@pytest.mark.parametrize("example", examples.refused(), ids=_name)
def test_a_letter_s_headers_fit_the_schema(example: Example) -> None:
    raw = example.raw
    refusal = Refusal(Reason(str(example.expected_reason)), "what is wrong with it")
    stamp = -1 if raw.timestamp_ms is None else raw.timestamp_ms
    record = Record(raw.role, 3, 17, stamp, raw.key, raw.value, raw.headers)
    letter = headers(record, refusal)
    ours = {name: value.decode() for name, value in letter if value and name.startswith("ltv-")}
    validator("dead_letter").validate(ours)
    given = dict(raw.headers).get("ltv-timestamp", b"").decode()
    # The contract: numbers in a letter's headers are decimal digits, so that tools can read them.
    copied = given if given.isascii() and given.isdigit() else str(stamp)
    told = (ours["ltv-topic"], ours["ltv-partition"], ours["ltv-offset"], ours["ltv-timestamp"])
    assert told == (raw.role, "3", "17", copied)
    assert [own for own in letter if own[0] not in ours] == [
        own for own in raw.headers if own[0] != "ltv-timestamp"
    ]


def _references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [ref for member in node.values() for ref in _references(member)]
    return [ref for member in node for ref in _references(member)] if isinstance(node, list) else []


def test_every_reference_of_the_topics_document_leads_somewhere() -> None:
    document = load(FOLDER / "asyncapi.json")
    assert document["asyncapi"].startswith("3.")
    for reference in _references(document):
        name, _, pointer = reference.partition("#")
        target = document if not name else load(FOLDER / name)
        for step in pointer.strip("/").split("/") if pointer else ():
            target = target[step]


def test_the_topics_document_says_what_the_topics_are_made_with() -> None:
    channels = load(FOLDER / "asyncapi.json")["channels"]
    documented = {channel["address"]: channel["bindings"]["kafka"] for channel in channels.values()}
    planned = {
        plan.name: plan for role, plan in plans(settings_of({})).items() if role != "changelog"
    }
    assert documented.keys() == planned.keys()
    for name, plan in planned.items():
        told = documented[name]["topicConfiguration"]
        assert documented[name]["partitions"] == plan.partitions
        for config, wanted in plan.configs.items():
            found = told[config]
            assert (found[0] if isinstance(found, list) else str(found)) == wanted
    letters = documented["ltv-dead-letters"]["topicConfiguration"]
    assert letters["max.message.bytes"] == dead_letter_bytes({})
