"""Rows of files become the records a worker accepts, or are refused with line and reason."""

import gzip
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import pytest

from stream_app.errors import UsageError
from stream_app.jobs.send.files import open_source
from stream_app.jobs.send.messages import Message, Messages, Refused
from stream_app.settings import load

SEOUL = load({"LTV_TIMEZONE": "Asia/Seoul", "LTV_CURRENCY": "KRW"})


def messages(path: Path, kind: str = "purchase", **mapping: str) -> list[Message | Refused]:
    with closing(open_source(path, kind, mapping)) as source:
        return list(Messages(SEOUL, kind).of(source.rows))


def values(path: Path, kind: str = "purchase", **mapping: str) -> list[dict[str, Any]]:
    found = messages(path, kind, **mapping)
    assert all(isinstance(one, Message) for one in found), found
    return [json.loads(one.value) for one in found if isinstance(one, Message)]


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


def test_a_csv_row_becomes_a_whole_event(tmp_path: Path) -> None:
    path = written(
        tmp_path, "o.csv", "Customer ID,Order No,Date,Total,note\nc-1,o-1,2025-03-01,1200,x\n"
    )
    (message,) = messages(path)
    assert isinstance(message, Message)
    assert (message.role, message.key) == ("purchases", b"c-1")
    value = json.loads(message.value)
    assert value.pop("event_id").startswith("row-")
    assert value == {
        "type": "purchase",
        "customer_id": "c-1",
        "order_id": "o-1",
        "occurred_at": "2025-03-01T00:00:00+09:00",
        "amount": "1200",
        "currency": "KRW",
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_header(tmp_path: Path, delimiter: str) -> None:
    text = "\ufeffuser,date,amount\nc,2025-01-01,5\n".replace(",", delimiter)
    assert values(written(tmp_path, "o.csv", text))[0]["customer_id"] == "c"


def test_sending_the_same_content_again_gives_the_same_ids_whatever_the_file_is_called(
    tmp_path: Path,
) -> None:
    text = "user,date,amount\na,2025-01-01,5\nb,2025-01-01,5\n"
    first = [value["event_id"] for value in values(written(tmp_path, "o.csv", text))]
    longer = text + "c,2025-01-02,5\n"
    again = [value["event_id"] for value in values(written(tmp_path, "renamed.csv", longer))]
    assert again[:2] == first
    assert len(set(again)) == 3


def test_two_identical_rows_of_a_file_are_two_events(tmp_path: Path) -> None:
    text = "user,date,amount\na,2025-01-01,5\na,2025-01-01,5\n"
    ids = [value["event_id"] for value in values(written(tmp_path, "o.csv", text))]
    assert len(set(ids)) == 2
    assert ids == [value["event_id"] for value in values(written(tmp_path, "p.csv", text))]


def test_a_given_event_id_is_kept_and_stands_in_for_an_order_id(tmp_path: Path) -> None:
    path = written(tmp_path, "o.csv", "id,user,date,amount\np-7,a,2025-01-01,5\n")
    (value,) = values(path)
    assert (value["event_id"], value["order_id"]) == ("p-7", "p-7")


def test_each_type_goes_to_its_topic(tmp_path: Path) -> None:
    text = (
        "type,user,date,amount,order_id,ordered_at,channel\n"
        "purchase,a,2025-01-01,5,o,,\n"
        "refund,a,2025-01-02,5,o,,\n"
        "cancellation,a,2025-01-03,5,o,2025-01-01,\n"
        "signup,a,2025-01-01,,,,ads\n"
        "activity,a,2025-01-01,,,,\n"
    )
    found = messages(written(tmp_path, "o.csv", text))
    roles = [one.role if isinstance(one, Message) else one for one in found]
    assert roles == ["purchases", "purchases", "purchases", "signups", "activity"]


def test_rows_a_worker_would_refuse_are_refused_with_line_and_reason(tmp_path: Path) -> None:
    text = (
        "type,user,date,amount\n"
        "purchase,a,2025-01-01,5\n"
        'purchase,"a",2025-01-01,5.5\n'
        "purchase,,2025-01-01,5\n"
        "purchase,a,01/02/2025,5\n"
        "sale,a,2025-01-01,5\n"
        "purchase,a,2999-01-01,5\n"
        "purchase,a\n"
    )
    found = messages(written(tmp_path, "o.csv", text))
    assert [(one.line, one.reason) for one in found if isinstance(one, Refused)] == [
        (3, "amount_precision"),
        (4, "missing_field"),
        (5, "bad_time"),
        (6, "unknown_type"),
        (7, "in_the_future"),
        (8, "unreadable"),
    ]


def test_a_json_line_that_is_an_event_already_is_sent_byte_by_byte(tmp_path: Path) -> None:
    line = (
        '{"type": "purchase",  "event_id":"e","customer_id":"c","order_id":"o",'
        '"occurred_at":"2025-01-01T00:00:00Z","amount":1200.0,"currency":"KRW","own":1}'
    )
    (message,) = messages(written(tmp_path, "e.jsonl", line + "\n\n"))
    assert isinstance(message, Message)
    assert message.value == line.encode()


def test_a_json_number_never_passes_through_a_float(tmp_path: Path) -> None:
    line = '{"id":"e","user":17,"date":"2025-01-01","total":123456789012345.00}'
    (message,) = messages(written(tmp_path, "e.jsonl", line))
    assert isinstance(message, Message)
    assert b'"amount":123456789012345.00' in message.value
    assert message.key == b"17"


def test_lines_that_are_no_json_objects_are_refused(tmp_path: Path) -> None:
    found = messages(written(tmp_path, "e.jsonl", "{\n[1]\n"))
    assert [(one.line, one.reason) for one in found if isinstance(one, Refused)] == [
        (1, "unreadable"),
        (2, "unreadable"),
    ]


def test_a_gzipped_file_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "o.csv.gz"
    path.write_bytes(gzip.compress(b"user,date,amount\na,2025-01-01,5\n"))
    assert values(path)[0]["customer_id"] == "a"


def test_parquet_is_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "o.parquet"
    duckdb.execute(
        f"""COPY (SELECT 17 AS customer_id, 'o-1' AS order_id, DATE '2025-01-01' AS date,
        123456789012345.00::DECIMAL(18, 2) AS amount, NULL AS channel,
        [{{'sku': 'x', 'quantity': 2, 'amount': '5'}}] AS items
        UNION ALL SELECT 18, 'o-2', DATE '2025-01-02', 7, NULL, NULL)
        TO '{path}' (FORMAT parquet)"""
    )
    first, second = values(path)
    assert first["amount"] == "123456789012345.00"
    assert first["customer_id"] == "17"
    assert first["items"] == [{"sku": "x", "quantity": 2, "amount": "5"}]
    assert first["occurred_at"] == "2025-01-01T00:00:00+09:00"
    assert "items" not in second


def test_a_parquet_time_with_a_zone_keeps_its_instant(tmp_path: Path) -> None:
    path = tmp_path / "o.parquet"
    duckdb.execute(
        f"""COPY (SELECT 'a' AS customer_id, 5 AS amount,
        TIMESTAMPTZ '2025-01-01 12:00:00+09' AS ts)
        TO '{path}' (FORMAT parquet)"""
    )
    assert values(path)[0]["occurred_at"] == "2025-01-01T03:00:00+00:00"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("o.xlsx", "", "is not .csv"),
        ("o.parquet", "no", "can't be read as Parquet"),
        ("o.csv", "a,b\n", "no column for customer_id and amount and occurred_at"),
        ("o.csv", "", r"^o\.csv is empty: its first line has to name the columns"),
        ("o.csv", "\ufeff", r"^o\.csv is empty"),
        ("o.csv", "\nuser,date,amount\n", r"^The first line of o\.csv is empty"),
        ("o.parquet", "", "can't be read as Parquet: .*small"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    with pytest.raises(UsageError, match=words) as raised:
        messages(written(tmp_path, name, text))
    assert "\n" not in str(raised.value)


def test_bytes_that_are_no_text_are_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "o.csv"
    path.write_bytes(b"user,date,amount\n\xff,2025-01-01,5\n")
    with pytest.raises(UsageError, match="not UTF-8"):
        messages(path)
