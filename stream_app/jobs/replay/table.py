"""Customers scored, summed and, where asked for, written: a Parquet file, one row a customer.

Money is in minor units of the base currency, NULL where there is none or it does not fit 64 bits
(`state` has it all the same); times are UTC. `state` are the bytes of schemas/state.md.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.models.day_starts import ABSENT
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.statistics import statistics
from stream_app.core.score import Scores, score
from stream_app.core.segments import TIERS
from stream_app.jobs.replay.result import Totals, digests_of
from stream_app.jobs.send.files import quoted_text
from stream_app.jobs.verification.rescoring import score_settings
from stream_app.settings import Settings
from stream_app.wire.state import encode

AT_ONCE: Final = 20_000
"""Customers scored in one call."""
_INT64: Final = range(-(2**63), 2**63)

Keys = Sequence[bytes]
Part = tuple[Keys, Sequence[Customer], Scores]
Columns = dict[str, NDArray[Any]]


class Scored:
    """Scores customers; the instant and the model are the same for all."""

    def __init__(self, settings: Settings, as_of: int, parameters: ModelParameters | None) -> None:
        self._as_of = as_of
        self._parameters = parameters
        self._calendar = Calendar(settings.time_zone)
        self._settings = score_settings(settings)

    def table(self, customers: Mapping[bytes, Customer]) -> Table:
        """Of one partition."""
        return Table(self, customers)

    def parts(self, customers: Mapping[bytes, Customer]) -> Iterator[Part]:
        """Some customers at a time, with their scores; once none where there are none."""
        keys, every = list(customers), list(customers.values())
        for start in range(0, max(1, len(keys)), AT_ONCE):
            some = every[start : start + AT_ONCE]
            yield keys[start : start + AT_ONCE], some, self._score(some)

    def _score(self, customers: Sequence[Customer]) -> Scores:
        return score(
            statistics(customers),
            as_of_seconds=self._as_of,
            as_of_day=self._calendar.day_of(self._as_of * 1_000_000),
            calendar=self._calendar,
            parameters=self._parameters,
            basis_reason=None,
            settings=self._settings,
        )


class Table:
    """The customers of one partition with what is said of all of them: `digests` and `totals`."""

    def __init__(self, scored: Scored, customers: Mapping[bytes, Customer]) -> None:
        self._scored = scored
        self._customers = customers
        self.digests = digests_of(customers)
        self.totals = Totals()
        for _, some, scores in scored.parts(customers):
            self.totals.add(_totals(some, scores))

    def columns(self) -> Iterator[Columns]:
        """The columns of the file, some rows at a time."""
        for keys, some, scores in self._scored.parts(self._customers):
            yield _columns(keys, some, scores)


def _totals(customers: Sequence[Customer], scores: Scores) -> Totals:
    facts = scores.statistics
    return Totals(
        customers=len(customers),
        buyers=int(scores.bought.sum()),
        orders=sum(facts.orders.tolist()),
        revenue_minor=sum(scores.revenue_minor.tolist()),
        ltv_minor=sum(scores.ltv_minor[scores.valued].tolist()),
        past_the_duplicate_bound=sum(one.saturated for one in customers),
        tiers=Counter(TIERS[code] for code in scores.tier.tolist()),
    )


def _columns(keys: Keys, customers: Sequence[Customer], scores: Scores) -> Columns:
    facts, bought = scores.statistics, scores.bought
    signups = [one.signup for one in customers]
    every = np.ones(len(keys), np.bool_)
    return {
        "customer_id": _objects(key.decode() for key in keys),
        "state": _objects(encode(one) for one in customers),
        "rev": np.array([one.rev for one in customers], np.int64),
        "signup_us": _objects(one.at_us if one else None for one in signups),
        "channel": _objects(one.channel if one else None for one in signups),
        "first_day": _masked(facts.first_day, bought),
        "last_day": _masked(facts.last_day, bought),
        "orders": _masked(facts.orders, every),
        "gross_minor": _money(facts.gross_minor, every),
        "refunds_minor": _money(facts.refunds_minor, every),
        "revenue_minor": _money(scores.revenue_minor, every),
        "aov_minor": _money(scores.aov_minor, scores.ordered),
        "frequency": _masked(scores.frequency, bought),
        "recency_days": _masked(scores.recency_days, bought),
        "T_days": _masked(scores.T_days, bought),
        "tier": _objects(TIERS[code] for code in scores.tier.tolist()),
        "p_alive": scores.p_alive,
        "churn_30": scores.churn_30,
        "churn_90": scores.churn_90,
        "orders_365": scores.orders_365,
        "ltv_365_minor": _money(scores.ltv_365_minor, scores.valued),
        "ltv_minor": _money(scores.ltv_minor, scores.valued),
        "ltv_formula_minor": _money(scores.ltv_formula_minor, scores.ordered),
        "next_order_s": _masked(scores.next_order_at, scores.next_order_at != ABSENT),
    }


_SELECT: Final = """
    SELECT customer_id::VARCHAR AS customer_id, {number}::INTEGER AS partition,
        state::BLOB AS state, rev::BIGINT AS rev, make_timestamp(signup_us::BIGINT) AS signup_at,
        channel::VARCHAR AS channel,
        (DATE '1970-01-01' + first_day::INTEGER)::DATE AS first_day,
        (DATE '1970-01-01' + last_day::INTEGER)::DATE AS last_day, orders::BIGINT AS orders,
        {money}, frequency::BIGINT AS frequency, recency_days::BIGINT AS recency_days,
        T_days::BIGINT AS "T_days", tier::VARCHAR AS tier, {floats},
        make_timestamp(next_order_s::BIGINT * 1000000) AS next_order_at
    FROM columns
"""
_MONEY: Final = ("gross", "refunds", "revenue", "aov", "ltv_365", "ltv", "ltv_formula")
_FLOATS: Final = ("p_alive", "churn_30", "churn_90", "orders_365")


def part_file(directory: Path, number: int) -> Path:
    """Where the customers of a partition are until all are joined."""
    return directory / f"partition-{number}.parquet"


def write_part(file: Path, number: int, table: Table) -> None:
    """The customers of one partition, in a file of their own."""
    import duckdb

    sql = _SELECT.format(
        number=number,
        money=", ".join(f"{name}_minor::BIGINT AS {name}_minor" for name in _MONEY),
        floats=", ".join(f"{name}::DOUBLE AS {name}" for name in _FLOATS),
    )
    with duckdb.connect() as connection:
        into = "CREATE TABLE part AS"
        for columns in table.columns():
            connection.register("columns", columns)
            connection.execute(f"{into} {sql}")
            into = "INSERT INTO part"
        connection.execute(f"COPY part TO {quoted_text(str(file))} (FORMAT parquet)")


def join_parts(parts: Sequence[Path], beside: Path, file: Path) -> None:
    """One file of all parts, ordered by customer: the same customers give the same bytes.

    It is written to `beside`, on the same disk, and takes its place when it is whole.
    """
    import duckdb

    names = ", ".join(quoted_text(str(part)) for part in parts)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT * FROM read_parquet([{names}]) ORDER BY customer_id)"
            f" TO {quoted_text(str(beside))} (FORMAT parquet, COMPRESSION zstd)"
        )
    beside.replace(file)


def _masked(column: NDArray[Any], there: NDArray[np.bool_]) -> NDArray[Any]:
    masked: NDArray[Any] = np.ma.masked_array(column, mask=~there)
    return masked


def _money(column: NDArray[Any], there: NDArray[np.bool_]) -> NDArray[Any]:
    if column.dtype == object:
        fits = np.array([value in _INT64 for value in column.tolist()], np.bool_)
        there = there & fits
        column = np.where(there, column, 0).astype(np.int64)
    return _masked(column, there)


def _objects(values: Iterator[Any]) -> NDArray[Any]:
    given = list(values)
    made = np.empty(len(given), dtype=object)
    made[:] = given
    return made
