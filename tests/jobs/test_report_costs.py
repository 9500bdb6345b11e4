"""Acquisition costs are read to the cent, or refused with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream_app.core.calendar import month_from_text
from stream_app.errors import UsageError
from stream_app.jobs.report.costs import Cost, by_month, read_costs

JANUARY, FEBRUARY = month_from_text("2024-01"), month_from_text("2024-02")


def costs(tmp_path: Path, text: str, currency: str = "USD") -> list[Cost]:
    path = tmp_path / "costs.csv"
    path.write_bytes(text.encode())
    return read_costs(path, currency, "--cac")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_rows_are_read_in_any_order_of_columns(tmp_path: Path, delimiter: str) -> None:
    text = (
        "\ufeffAmount,Currency,Month,Channel\r\n1234.50,USD,2024-01,ads\r\n\r\n7,USD,2024-02,\r\n"
    )
    found = costs(tmp_path, text.replace(",", delimiter))
    assert found == [Cost(JANUARY, "ads", 123_450), Cost(FEBRUARY, None, 700)]


def test_a_channel_is_optional_and_costs_of_a_month_add_up(tmp_path: Path) -> None:
    found = costs(tmp_path, "month,amount,currency\n2024-01,1,USD\n2024-01,2,USD\n")
    assert by_month(found, None) == {JANUARY: 300}
    assert by_month(found, "ads") == {}


def test_costs_are_of_one_channel_or_of_all() -> None:
    rows = [Cost(JANUARY, "ads", 5), Cost(JANUARY, None, 3), Cost(FEBRUARY, "ads", 2)]
    assert by_month(rows, None) == {JANUARY: 8, FEBRUARY: 2}
    assert by_month(rows, "ads") == {JANUARY: 5, FEBRUARY: 2}
    assert by_month(rows, "") == {JANUARY: 3}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no column month or amount or currency"),
        ("month,amount\n", "has no column currency"),
        ("month,amount,currency\n2024-01,1\n", "line 2: 2 cells where the header has 3"),
        ("month,amount,currency\n\n2024,1,USD\n", "line 3: '2024' is not a month"),
        ("month,amount,currency\n2024-01,-1,USD\n", "line 2: amount is '-1'; it must be"),
        ("month,amount,currency\n2024-01,1.234,USD\n", "line 2: amount is '1.234'; USD has 2"),
        ("month,amount,currency\n2024-01,99999999999999,USD\n", "no more than 10.15 minor units"),
        ("month,amount,currency\n2024-01,1,EUR\n", "currency is 'EUR', and the totals are in USD"),
        ("month,amount,currency\n2024-01,1,\n", "currency is ''"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        costs(tmp_path, text)


def test_a_file_that_is_no_text_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "costs.csv"
    path.write_bytes(b"month,amount,currency\n\xff\xfe")
    with pytest.raises(UsageError, match=r"--cac .* can't be read"):
        read_costs(path, "USD", "--cac")
