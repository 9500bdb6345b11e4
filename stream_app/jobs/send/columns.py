"""Which column of a file is which field of an event.

A header is compared without regard to case and punctuation: `Order Date`, `order_date` and
`orderDate` are one name. Exact names win over guesses; `--map FIELD=COLUMN` wins over both.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from stream_app.errors import UsageError

GUESSES: Mapping[str, tuple[str, ...]] = {
    "type": ("event_type",),
    "event_id": ("transaction_id", "payment_id", "refund_id", "id"),
    "customer_id": (
        "customer", "user_id", "user", "client_id", "client", "buyer_id", "member_id",
        "account_id", "cust_id", "master_id", "customer_unique_id", "customer_no",
        "customer_number", "shopper_id",
    ),
    "order_id": ("order", "order_no", "order_number", "invoice_id", "invoice_no", "invoice"),
    "amount": (
        "total", "order_total", "total_amount", "total_price", "amount_paid", "grand_total",
        "payment_value", "order_value", "transaction_amount", "price", "revenue", "sales", "value",
        "dollars",
    ),
    "currency": ("currency_code", "ccy"),
    "fx_rate": ("exchange_rate",),
    "occurred_at": (
        "event_time", "timestamp", "datetime", "created_at", "order_date", "purchase_date",
        "purchased_at", "order_purchase_timestamp", "purchase_timestamp", "order_timestamp",
        "order_time", "transaction_date", "transaction_time", "event_timestamp", "paid_at",
        "signup_date", "signed_up_at", "invoice_date", "date", "time", "ts",
    ),
    "ordered_at": (),
    "channel": ("acquisition_channel", "utm_source", "source"),
    "kind": (),
    "items": (),
}  # fmt: skip

OF_ONE_PIECE = frozenset({"price", "value"})
PIECES = ("quantity", "qty", "units", "pieces")

NEEDED = {
    "purchase": ("customer_id", "amount", "occurred_at"),
    "refund": ("customer_id", "order_id", "amount", "occurred_at"),
    "cancellation": ("customer_id", "order_id", "amount", "ordered_at", "occurred_at"),
    "signup": ("customer_id", "occurred_at"),
    "activity": ("customer_id", "occurred_at"),
}


def parse_mapping(words: Iterable[str]) -> dict[str, str]:
    """`FIELD=COLUMN` words as column by field."""
    mapping: dict[str, str] = {}
    for word in words:
        field, equals, column = word.partition("=")
        if not equals or field not in GUESSES:
            raise UsageError(f"--map {word!r} is not FIELD=COLUMN with a field of {_fields()}.")
        mapping[field] = column
    return mapping


def fields_of(header: Sequence[str], mapping: Mapping[str, str], where: str) -> list[str | None]:
    """For each column its field; None for columns that are not used.

    >>> fields_of(["Customer ID", "Order Date", "Total", "note"], {}, "orders.csv")
    ['customer_id', 'occurred_at', 'amount', None]
    """
    found: dict[str, int] = {}
    for field, column in mapping.items():
        if column not in header:
            raise UsageError(
                f"--map {field}={column}: {where} has no such column; it has {', '.join(header)}."
            )
        found[field] = header.index(column)
    names = [plain(column) for column in header]
    for field, guesses in GUESSES.items():
        for name in (field, *guesses):
            if field not in found and name in names and names.index(name) not in found.values():
                found[field] = names.index(name)
    if "amount" not in mapping:
        _refuse_price_of_one_piece(header, names, found, where)
    fields: list[str | None] = [None] * len(header)
    for field, index in found.items():
        fields[index] = field
    return fields


def _refuse_price_of_one_piece(
    header: Sequence[str], names: Sequence[str], found: Mapping[str, int], where: str
) -> None:
    """A price beside a quantity is most often that of one piece, and a guess would be wrong money.

    >>> fields_of(["Customer ID", "Date", "Quantity", "Price"], {}, "lines.csv")
    Traceback (most recent call last):
    stream_app.errors.UsageError: lines.csv has 'Quantity' beside 'Price', ...
    """
    index = found.get("amount")
    if index is None or names[index] not in OF_ONE_PIECE:
        return
    for column, name in zip(header, names, strict=True):
        if name in PIECES:
            raise UsageError(
                f"{where} has {column!r} beside {header[index]!r}, which may be the price of one"
                f" piece: say --map amount={header[index]} if it is the whole line's, else make a"
                " column of the product (`ltv backfill` reads SQL, too)."
            )


def require(fields: Iterable[str | None], kind: str, header: Sequence[str], where: str) -> None:
    """Raise UsageError when the columns can't make an event of this type at all."""
    there = set(fields)
    missing = [field for field in NEEDED[kind] if field not in there]
    if "type" in there or not missing:
        return
    raise UsageError(
        f"{where} has no column for {' and '.join(missing)} of a {kind}; its columns are"
        f" {', '.join(header)}. Say which with --map {missing[0]}=COLUMN"
        " (or say what the rows are with --type)."
    )


def told(header: Sequence[str], fields: Sequence[str | None]) -> str:
    """Which column was taken for what, and which for nothing.

    >>> told(["Customer ID", "Total", "note"], ["customer_id", "amount", None])
    "customer_id is 'Customer ID', amount is 'Total'; not used: 'note'"
    """
    used = [f"{field} is {name!r}" for name, field in zip(header, fields, strict=True) if field]
    unused = [repr(name) for name, field in zip(header, fields, strict=True) if field is None]
    return ", ".join(used) + (f"; not used: {', '.join(unused)}" if unused else "")


def plain(column: str) -> str:
    """A header in lower case with underscores.

    >>> plain("orderDate"), plain(" Order-Date "), plain("INVOICE_NO")
    ('order_date', 'order_date', 'invoice_no')
    """
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.strip())
    return re.sub(r"[^a-z0-9]+", "_", parted.lower()).strip("_")


def _fields() -> str:
    return ", ".join(GUESSES)
