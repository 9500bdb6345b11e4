"""The fields of a customer's hash: the one place for their names, types and meanings.

What formats them, what reads them back, the schema and the README all go by this table.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

Kind = Literal["integer", "float", "hundredths", "date", "month", "seconds", "text"]
"""How the text of a field reads.

integer      decimal digits, of any size, perhaps with a minus sign
float        17 significant digits, which give back the very same double
hundredths   a decimal with two digits after the point
date month   YYYY-MM-DD and YYYY-MM, of the business time zone
seconds      Unix seconds, an integer
text         itself; never empty
"""


class Field(NamedTuple):
    """One field of the hash."""

    name: str
    kind: Kind
    meaning: str
    absent: str = ""
    """When it is not there; empty: it always is."""
    choices: tuple[str, ...] = ()
    """All texts it can be, where they are few."""


_NEVER_BOUGHT: Final = "without a purchase day"
_NO_SIGNUP: Final = "without a signup"
_BY_FORMULA: Final = "without a purchase day, and by formula"
_NO_VALUE: Final = "without a purchase day; by formula also where `aov` is"

FIELDS: Final = (
    Field("rev", "integer", "distinct money events + distinct signups + months with activity"),
    Field("gen", "integer", "publishing generation"),
    Field("pos", "integer", "changelog offset of the record that this hash shows"),
    Field("as_of", "seconds", "instant at which the computed fields hold"),
    Field("currency", "text", "base currency, ISO 4217; all money is in its minor units"),
    Field("revenue", "integer", "lifetime purchases less refunds less cancellations"),
    Field("orders", "integer", "purchases less cancellations"),
    Field("aov", "integer", "gross per order, rounded half even", "where `orders` is below 1"),
    Field("first_order", "date", "first purchase day", _NEVER_BOUGHT),
    Field("last_order", "date", "last purchase day", _NEVER_BOUGHT),
    Field("signup", "date", "day of the signup", _NO_SIGNUP),
    Field("cohort", "month", "month of the signup", _NO_SIGNUP),
    Field("channel", "text", "acquisition channel of the signup", "where the signup has none"),
    Field("frequency", "integer", "purchase days less one", _NEVER_BOUGHT),
    Field(
        "recency",
        "integer",
        "days from the first to the last purchase day; not days since the last order",
        _NEVER_BOUGHT,
    ),
    Field("repeat_gross", "integer", "gross of all purchase days but the first", _NEVER_BOUGHT),
    Field("monetary", "hundredths", "repeat_gross / frequency", "at frequency 0"),
    Field("p_alive", "float", "probability that the customer still buys", _BY_FORMULA),
    Field("churn_30", "float", "probability of no purchase in the next 30 days", _BY_FORMULA),
    Field("churn_90", "float", "probability of no purchase in the next 90 days", _BY_FORMULA),
    Field("orders_365", "float", "expected purchase days in the next 365 days", _BY_FORMULA),
    Field("ltv_365", "integer", "expected net spend in the next 365 days", _NO_VALUE),
    Field("ltv", "integer", "revenue + ltv_365", _NO_VALUE),
    Field(
        "ltv_formula",
        "integer",
        "aov x orders a year x LTV_LIFESPAN_YEARS, orders a year being"
        " orders x 365.25 / max(T + 1, 365.25)",
        "where `aov` is",
    ),
    Field(
        "tier",
        "text",
        "how warm the customer still is",
        choices=("prospect", "new", "active", "at_risk", "lost"),
    ),
    Field(
        "at_risk_at",
        "seconds",
        "instant at which, without an order, the tier falls to at_risk or below",
        "where it has, for a prospect, and where it never will (before 2149-06-06)",
    ),
    Field(
        "lost_at",
        "seconds",
        "instant at which, without an order, the tier falls to lost",
        "as at_risk_at",
    ),
    Field(
        "next_order_at",
        "seconds",
        "instant by which the next order is due: median, given the silence so far, counted from"
        " as_of",
        "where no order is expected, without a purchase day, and by formula",
    ),
    Field(
        "rfm",
        "text",
        "three digits 1-5, fifths of all customers, 5 the best: last purchase day, purchase days,"
        " mean spend of one",
        "without a purchase day, and until all were looked over",
    ),
    Field(
        "value_rank",
        "float",
        "share of customers with a lower ltv, within .01; of .8 and more are the top fifth",
        "where `ltv` is, and until all were looked over",
    ),
    Field("model", "text", "id of the parameters used, as in ltv:model:<id>", "by formula"),
    Field("basis", "text", "what the computed fields were made with", choices=("model", "formula")),
    Field("basis_reason", "text", "why by formula", "by model"),
)
