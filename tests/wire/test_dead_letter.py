"""A refused record becomes a letter that says why, and can be sent again."""

from __future__ import annotations

from stream_app.core.calendar import Calendar
from stream_app.wire import dead_letter
from stream_app.wire.events import Decoder
from stream_app.wire.record import Record
from stream_app.wire.refusal import Reason, Refusal, quoted

REFUSAL = Refusal(Reason.BAD_ID, "event_id is ''; it must not be empty")
RECORD = Record("purchases", 3, 42, 1_704_110_400_000, b"c", b"{", (("trace", b"\xff"),))


def test_the_letter_keeps_its_own_headers_and_gains_ours() -> None:
    assert dead_letter.headers(RECORD, REFUSAL) == [
        ("trace", b"\xff"),
        ("ltv-topic", b"purchases"),
        ("ltv-partition", b"3"),
        ("ltv-offset", b"42"),
        ("ltv-timestamp", b"1704110400000"),
        ("ltv-reason", b"bad_id"),
        ("ltv-detail", b"event_id is ''; it must not be empty"),
    ]


def test_a_letter_sent_again_is_judged_as_of_the_first_time() -> None:
    first = dead_letter.headers(RECORD, REFUSAL)
    again = Record("purchases", 3, 99, 1_800_000_000_000, b"c", b"{", tuple(first))
    second = dict(dead_letter.headers(again, REFUSAL))
    assert second["ltv-timestamp"] == b"1704110400000"
    assert second["ltv-offset"] == b"99"
    assert len(second) == len(dead_letter.headers(again, REFUSAL))


def test_a_record_without_a_timestamp_is_refused_again() -> None:
    bare = Record("purchases", 0, 0, None, b"c", _purchase())
    decode = Decoder("purchases", Calendar("UTC"), "USD", 1_000).decode
    refused = decode(bare)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.BAD_TIME
    headers = dead_letter.headers(bare, refused)
    again = decode(Record("purchases", 0, 0, 1_704_110_400_000, b"c", _purchase(), headers))
    assert isinstance(again, Refusal)
    assert again.reason is Reason.BAD_TIME


def test_what_a_stranger_wrote_is_shown_on_one_short_line() -> None:
    for written in ("\n\r\x1b[31m", "é\u2028", "\x00" * 500, b"\xff\n", "'\""):
        shown = quoted(written)
        assert shown.isascii()
        assert shown.isprintable()
        assert len(shown) < 70


def _purchase() -> bytes:
    return (
        b'{"event_id": "e", "customer_id": "c", "occurred_at": "2024-01-01T00:00:00Z", '
        b'"order_id": "o", "amount": "1", "currency": "USD"}'
    )
