"""Which column is which field."""

import pytest

from stream_app.errors import UsageError
from stream_app.jobs.send.columns import fields_of, parse_mapping, require, told


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        (["customer_id", "order_id", "amount"], ["customer_id", "order_id", "amount"]),
        (["User", "ts", "Total Price"], ["customer_id", "occurred_at", "amount"]),
        (["id", "customerId", "InvoiceNo"], ["event_id", "customer_id", "order_id"]),
        (["date", "occurred_at"], [None, "occurred_at"]),
        (["customer", "customer_id"], [None, "customer_id"]),
        (["note", "ordered_at"], [None, "ordered_at"]),
        (["customer_unique_id", "payment_value"], ["customer_id", "amount"]),
        (["quantity", "dollars"], [None, "amount"]),
    ],
)
def test_headers_are_guessed_and_exact_names_win(
    header: list[str], fields: list[str | None]
) -> None:
    assert fields_of(header, {}, "f.csv") == fields


def test_a_given_mapping_wins_over_a_guess() -> None:
    mapping = parse_mapping(["amount=net", "customer_id=who"])
    assert fields_of(["who", "amount", "net"], mapping, "f.csv") == ["customer_id", None, "amount"]


@pytest.mark.parametrize("word", ["amount", "price=x", "=x"])
def test_a_mapping_that_is_none_is_refused_with_the_fields_there_are(word: str) -> None:
    with pytest.raises(UsageError, match=r"FIELD=COLUMN .*customer_id"):
        parse_mapping([word])


def test_a_mapping_to_a_column_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(UsageError, match="it has a, b"):
        fields_of(["a", "b"], {"amount": "c"}, "f.csv")


def test_a_file_that_cannot_hold_what_is_needed_is_refused_before_its_first_row() -> None:
    header = ["customer_id", "date", "sum"]
    with pytest.raises(UsageError, match="no column for amount of a purchase"):
        require(fields_of(header, {}, "f.csv"), "purchase", header, "f.csv")
    require(fields_of(header, {}, "f.csv"), "signup", header, "f.csv")
    header = ["customer_id", "date", "type"]
    require(fields_of(header, {}, "f.csv"), "purchase", header, "f.csv")


@pytest.mark.parametrize("quantity", ["Quantity", "qty", "Units"])
def test_a_price_beside_a_quantity_is_no_guess_but_a_question(quantity: str) -> None:
    header = ["CustomerID", "InvoiceDate", quantity, "Price"]
    with pytest.raises(UsageError, match=r"--map amount=Price if it is the whole line's"):
        fields_of(header, {}, "f.csv")
    assert fields_of(header, {"amount": "Price"}, "f.csv")[-1] == "amount"


def test_what_was_taken_for_what_is_told_with_what_was_not() -> None:
    header = ["user", "Total", "note", "memo"]
    said = told(header, fields_of(header, {}, "f.csv"))
    assert said == "customer_id is 'user', amount is 'Total'; not used: 'note', 'memo'"
