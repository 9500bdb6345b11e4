"""Every record in schemas/examples, through the decoder and through the oracle: both must agree."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from stream_app.core.calendar import Calendar
from stream_app.wire.events import Decoder
from stream_app.wire.record import Record
from stream_app.wire.refusal import Reason, Refusal
from tests import examples
from tests.core.naive_decoder import MAX_VALUE
from tests.core.naive_time import business_day
from tests.examples import Example

ACCEPTED = examples.accepted()
REFUSED = examples.refused()
DECODED = [example for example in REFUSED if example.expected_reason != "wrong_partition"]
"""The partition is checked where it is known whether the customer is: not by the decoder."""


def _name(example: Example) -> str:
    return example.name


def record_of(example: Example) -> Record:
    """The example as a consumer hands it over."""
    raw = example.raw
    return Record(
        topic=raw.role,
        partition=raw.partition,
        offset=0,
        timestamp=-1 if raw.timestamp_ms is None else raw.timestamp_ms,
        key=raw.key,
        value=raw.value,
        headers=raw.headers,
    )


def decode(example: Example) -> Any:
    """What the product makes of an example."""
    calendar = Calendar(example.rules.get("time_zone", "UTC"))
    currency = example.rules.get("currency", "USD")
    return Decoder(example.raw.role, calendar, currency, MAX_VALUE).decode(record_of(example))


def expected_fields(example: Example) -> dict[str, Any]:
    """The decoded event's fields, from the event in the example's file."""
    assert example.event is not None
    fields = dict(example.event)
    zone = example.rules.get("time_zone", "UTC")
    kind = fields.pop("type")
    fields["day"] = business_day(fields["at_us"], zone)
    if kind == "cancellation":
        fields["occurred_day"] = fields["day"]
        fields["day"] = business_day(fields.pop("ordered_us"), zone)
    return fields


@pytest.mark.parametrize("example", ACCEPTED, ids=_name)
def test_an_accepted_example_means_what_its_file_says(example: Example) -> None:
    event = decode(example)
    assert not isinstance(event, Refusal), event
    assert example.event is not None
    assert type(event).__name__.lower() == example.event["type"]
    assert msgspec.structs.asdict(event) == expected_fields(example)


@pytest.mark.parametrize("example", DECODED, ids=_name)
def test_a_refused_example_is_refused_for_its_reason(example: Example) -> None:
    refusal = decode(example)
    assert isinstance(refusal, Refusal), refusal
    assert refusal.reason == example.expected_reason


@pytest.mark.parametrize("example", DECODED, ids=_name)
def test_a_refusal_says_in_one_printable_line_what_is_wrong(example: Example) -> None:
    refusal = decode(example)
    assert refusal.detail.isprintable()
    assert 0 < len(refusal.detail) <= 500


@pytest.mark.parametrize("example", ACCEPTED, ids=_name)
def test_the_oracle_accepts_what_is_accepted(example: Example) -> None:
    assert example.judged() == example.event


@pytest.mark.parametrize("example", REFUSED, ids=_name)
def test_the_oracle_refuses_what_is_refused(example: Example) -> None:
    assert example.reason() == example.expected_reason


def test_every_reason_has_an_example_and_its_folder_says_which() -> None:
    assert {example.expected_reason for example in REFUSED} == {str(reason) for reason in Reason}
    for example in REFUSED:
        assert example.name.split("/")[1] == example.expected_reason


def test_every_event_type_has_an_example() -> None:
    kinds = {example.event["type"] for example in ACCEPTED if example.event}
    assert kinds == {"purchase", "refund", "cancellation", "signup", "activity"}
