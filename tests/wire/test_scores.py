"""Hashes of a few customers word for word, and back again."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from stream_app.core.customer import Customer
from stream_app.core.events import Signup
from stream_app.core.segments import TIERS
from stream_app.wire.score_fields import FIELDS
from stream_app.wire.scores import ScoreHash, parse_hash, redis_rows
from tests.core.scoring import DAY, customer, scored


def stored(row: list[str]) -> dict[bytes, bytes]:
    """A row as Redis gives it back."""
    return dict(
        zip((each.encode() for each in row[::2]), (e.encode() for e in row[1::2]), strict=True)
    )


def test_the_hash_of_a_buyer_word_for_word() -> None:
    bought = customer((0, 1000), (70, 2000), (140, 2500), (140, 1500), refunded=500)
    bought.apply(Signup("c", "s", (DAY - 1) * 86_400 * 10**6, DAY - 1, "search"))
    bought.pos = 77
    (row,) = redis_rows([bought], scored(bought, days=210), 3)
    found = dict(zip(row[::2], row[1::2], strict=True))
    floats = {
        name: float(found.pop(name)) for name in ("p_alive", "churn_30", "churn_90", "orders_365")
    }
    assert found == {
        "rev": "6", "gen": "3", "pos": "77", "as_of": "1746144000", "currency": "USD",
        "revenue": "6500", "orders": "4", "aov": "1750", "first_order": "2024-10-04",
        "last_order": "2025-02-21", "signup": "2024-10-03", "cohort": "2024-10",
        "channel": "search", "frequency": "2", "recency": "140", "repeat_gross": "6000",
        "monetary": "3000.00", "ltv_365": "5344", "ltv": "11844", "ltv_formula": "21000",
        "tier": "active", "at_risk_at": "1747785600", "lost_at": "1760832000",
        "next_order_at": "1764048620", "model": "cdnow-published", "basis": "model",
    }  # fmt: skip
    # Integrated to 30 digits.
    assert floats == pytest.approx(
        {
            "p_alive": 0.64185889712694,
            "churn_30": 0.84196476912844,
            "churn_90": 0.65600680601209,
            "orders_365": 0.64185889712694 * 2.69117542868071,
        },
        rel=1e-12,
    )


def test_the_hash_of_who_only_signed_up_word_for_word() -> None:
    known = Customer()
    known.apply(Signup("c", "s", DAY * 86_400 * 10**6, DAY, None))
    (row,) = redis_rows([known], scored(known, days=2), 1)
    assert dict(zip(row[::2], row[1::2], strict=True)) == {
        "rev": "1", "gen": "1", "pos": "-1", "as_of": "1728172800", "currency": "USD",
        "revenue": "0", "orders": "0", "signup": "2024-10-04", "cohort": "2024-10",
        "tier": "prospect", "model": "cdnow-published", "basis": "model",
    }  # fmt: skip


def test_the_hash_of_a_first_order_by_formula_word_for_word() -> None:
    bought = customer((0, 1205))
    (row,) = redis_rows([bought], scored(bought, days=2, parameters=None), 1)
    assert dict(zip(row[::2], row[1::2], strict=True)) == {
        "rev": "1", "gen": "1", "pos": "-1", "as_of": "1728172800", "currency": "USD",
        "revenue": "1205", "orders": "1", "aov": "1205", "first_order": "2024-10-04",
        "last_order": "2024-10-04", "frequency": "0", "recency": "0", "repeat_gross": "0",
        "ltv_365": "1205", "ltv": "2410", "ltv_formula": "3615", "tier": "new",
        "at_risk_at": "1735862400", "lost_at": "1743638400", "basis": "formula",
        "basis_reason": "no model",
    }  # fmt: skip


def test_rows_of_a_mixed_crowd_are_those_of_each_alone() -> None:
    signed_up = Customer()
    signed_up.apply(Signup("c", "s", DAY * 86_400 * 10**6, DAY, "mail"))
    crowd = [customer((0, 1), (9, 2)), signed_up, customer((3, 10**20)), Customer()]
    together = redis_rows(crowd, scored(*crowd, days=40), 1)
    alone = [redis_rows([one], scored(one, days=40), 1)[0] for one in crowd]
    assert [stored(row) for row in together] == [stored(row) for row in alone]
    assert all(text for row in together for text in row)


def test_nobody_has_no_rows() -> None:
    assert redis_rows([], scored(days=0), 1) == []


def test_a_hash_reads_back_to_the_last_bit() -> None:
    bought = customer((0, 1000), (70, 2001), (140, 2500))
    scores = scored(bought, days=150)
    found = parse_hash(stored(redis_rows([bought], scores, 3)[0]))
    assert found.p_alive == scores.p_alive.item()
    assert found.orders_365 == scores.orders_365.item()
    assert (found.gen, found.pos, found.revenue) == (3, -1, 5501)
    assert found.monetary == Decimal("2250.50")
    assert (found.first_order, found.cohort) == (date(2024, 10, 4), None)


def test_fields_of_a_later_version_are_left_out() -> None:
    assert parse_hash({b"rev": b"1", b"mood": b"good"}) == ScoreHash(rev=1)


def test_a_field_that_is_not_of_its_kind_is_named() -> None:
    with pytest.raises(ValueError, match=r"p_alive is b'often', which can't be read"):
        parse_hash({b"p_alive": b"often"})


def test_the_table_and_the_reader_have_the_same_fields() -> None:
    assert [field.name for field in FIELDS] == list(ScoreHash.__struct_fields__)
    (tiers,) = [field.choices for field in FIELDS if field.name == "tier"]
    assert tiers == TIERS
