"""The customers, models, settings and instants of schemas/reading-vectors.json, by hand.

An instant stands as a time with its offset, a customer as the sums that its hash shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final

_GAMMA = {"p": "6.25", "q": "3.7400000000000002", "gamma": "15.44", "net_ratio": "1"}
_MBG = {
    "kind": "mbg",
    "r": "0.52500000000000002",
    "alpha": "6.1829999999999998",
    "a": "0.89100000000000001",
    "b": "1.6140000000000001",
    **_GAMMA,
}
_BG = {
    "kind": "bg",
    "r": "0.24299999999999999",
    "alpha": "4.4139999999999997",
    "a": "0.79300000000000004",
    "b": "2.4260000000000002",
    **_GAMMA,
}
_PARETO = {
    "kind": "pareto",
    "r": "0.55300000000000005",
    "alpha": "10.577999999999999",
    "s": "0.60599999999999998",
    "beta": "11.669",
    **_GAMMA,
}
_UTC = {"currency": "USD", "time_zone": "UTC"}

MODELS: Final[dict[str, dict[str, str]]] = {
    name: {"id": name, **fields}
    for name, fields in {
        "mbg": {**_MBG, **_UTC},
        "bg": {**_BG, **_UTC},
        "pareto": {**_PARETO, **_UTC},
        "mbg-returns": {**_MBG, **_UTC, "net_ratio": "0.91234567890123452", "fitted_at": "1"},
        "mbg-a-is-1": {**_MBG, **_UTC, "a": "1"},
        "mbg-steady": {**_MBG, **_UTC, "r": "12.5", "alpha": "20", "a": "3.5", "b": "40.25"},
        "bg-nothing-stays": {**_BG, **_UTC, "net_ratio": "0"},
        "pareto-s-is-1": {**_PARETO, **_UTC, "s": "1"},
        "mbg-berlin": {**_MBG, "currency": "EUR", "time_zone": "Europe/Berlin"},
        "mbg-seoul": {**_MBG, "gamma": "20500.25", "currency": "KRW", "time_zone": "Asia/Seoul"},
        "mbg-kuwait": {**_MBG, "currency": "KWD", "time_zone": "Asia/Kuwait"},
        "mbg-sao-paulo": {**_MBG, "currency": "BRL", "time_zone": "America/Sao_Paulo"},
        "mbg-apia": {**_MBG, "currency": "WST", "time_zone": "Pacific/Apia"},
    }.items()
}

_BOUNDS = {
    "alive": "0.59999999999999998",
    "at_risk": "0.33000000000000002",
    "new_days": "30",
    "formula_active_days": "90",
    "formula_at_risk_days": "180",
    "lifespan_years": "3.0",
}
_OTHER_BOUNDS = {
    "alive": "0.75",
    "at_risk": "0.5",
    "new_days": "14",
    "formula_active_days": "45",
    "formula_at_risk_days": "60",
    "lifespan_years": "2.5",
}

SCORINGS: Final[dict[str, dict[str, str]]] = {
    "usual": {**_UTC, **_BOUNDS},
    "strict": {**_UTC, **_OTHER_BOUNDS},
    "never new": {**_UTC, **_BOUNDS, "new_days": "0", "lifespan_years": "0.1"},
    "always new": {**_UTC, **_BOUNDS, "new_days": "400"},
    "berlin": {"currency": "EUR", "time_zone": "Europe/Berlin", **_BOUNDS},
    "seoul": {"currency": "KRW", "time_zone": "Asia/Seoul", **_BOUNDS},
    "kuwait": {"currency": "KWD", "time_zone": "Asia/Kuwait", **_BOUNDS},
    "sao paulo": {"currency": "BRL", "time_zone": "America/Sao_Paulo", **_BOUNDS},
    "apia": {"currency": "WST", "time_zone": "Pacific/Apia", **_BOUNDS},
}


@dataclass(frozen=True)
class Buyer:
    """Sums over a customer's events; money in minor units."""

    first: str
    last: str
    x: int
    orders: int
    gross: int
    repeat: int
    refunds: int = 0

    def facts(self) -> dict[str, str]:
        """As a hash has them."""
        recency = (date.fromisoformat(self.last) - date.fromisoformat(self.first)).days
        found = {
            "revenue": str(self.gross - self.refunds),
            "orders": str(self.orders),
            "first_order": self.first,
            "last_order": self.last,
            "frequency": str(self.x),
            "recency": str(recency),
            "repeat_gross": str(self.repeat),
        }
        if self.orders > 0:
            found["aov"] = str(round(Fraction(self.gross, self.orders)))
        if self.x > 0:
            hundredths = round(Fraction(100 * self.repeat, self.x))
            sign = "-" if hundredths < 0 else ""
            found["monetary"] = f"{sign}{abs(hundredths) // 100}.{abs(hundredths) % 100:02d}"
        return found


ONCE = Buyer("2024-01-10", "2024-01-10", 0, 1, 4_250, 0)
THRICE = Buyer("2024-01-10", "2024-05-29", 2, 4, 20_995, 15_000, refunds=1_250)
WEEKLY = Buyer("2022-01-05", "2023-12-27", 103, 110, 431_245, 427_000)
DAILY = Buyer("1997-01-01", "2024-05-19", 10_000, 10_731, 21_440_538, 21_400_000)
SELDOM = Buyer("2015-03-02", "2023-11-24", 4, 5, 91_000, 70_500)


@dataclass(frozen=True)
class Case:
    """Published with everything as of `then`, read at `now`."""

    note: str
    now: str
    buyer: Buyer | None
    model: str | None
    scoring: str = "usual"
    then: str = ""
    """Empty: noon of the last purchase day, or of 2024-01-10, in UTC."""

    @property
    def seconds(self) -> tuple[int, int]:
        """Then and now, Unix seconds."""
        day = self.buyer.last if self.buyer else "2024-01-10"
        return _seconds(self.then or f"{day}T12:00:00+00:00"), _seconds(self.now)

    def facts(self) -> dict[str, str]:
        """The hash as it would be without its timed fields."""
        came = {
            "rev": "9",
            "gen": "1",
            "pos": "4711",
            "currency": SCORINGS[self.scoring]["currency"],
        }
        basis = {"basis": "formula", "basis_reason": "no model has been fitted yet"}
        if self.model:
            basis = {"basis": "model", "model": self.model}
        if self.buyer is None:
            known = {"revenue": "0", "orders": "0", "signup": "2024-01-10", "cohort": "2024-01"}
            return came | known | basis
        return came | self.buyer.facts() | basis


def _seconds(shown: str) -> int:
    return int(datetime.fromisoformat(shown).timestamp())


def cases() -> Iterator[Case]:
    """All of them."""
    for kind in ("mbg", "bg", "pareto"):
        yield from _of_kind(kind)
    yield from _of_models()
    yield from _of_money()
    yield from _of_time_zones()
    yield from _by_formula()


def _of_kind(kind: str) -> Iterator[Case]:
    for note, now, buyer in (
        ("one purchase day, still new: x = 0", "2024-01-31T00:00:00+00:00", ONCE),
        ("x = 0 on the purchase day itself, T = 0", "2024-01-10T23:59:59+00:00", ONCE),
        ("one purchase day, years ago", "2026-03-01T09:15:00+00:00", ONCE),
        ("a repeat buyer, some weeks silent", "2024-07-01T17:45:10+00:00", THRICE),
        ("read on the last purchase day: t_x = T", "2024-05-29T23:59:59+00:00", THRICE),
        ("read before the last order: T ends with it", "2024-03-01T06:00:00+00:00", THRICE),
        ("a hundred repeats, silent for two months", "2024-03-01T12:00:00+00:00", WEEKLY),
        ("ten thousand repeats, a day of silence", "2024-05-20T12:00:00+00:00", DAILY),
        ("a few orders over years", "2024-05-19T12:00:00+00:00", SELDOM),
    ):
        yield Case(f"{kind}: {note}", now, buyer, kind)


def _of_models() -> Iterator[Case]:
    yield Case(
        "ten thousand repeats and half a year of silence: p_alive is all but 0",
        "2024-11-19T12:00:00+00:00", DAILY, "mbg",
    )  # fmt: skip
    yield Case(
        "a = 1, where the closed form has a gap", "2024-07-01T00:00:00+00:00", THRICE, "mbg-a-is-1"
    )
    yield Case("x = 0 and a = 1", "2024-03-05T00:00:00+00:00", ONCE, "mbg-a-is-1")
    yield Case(
        "s = 1, where the closed form has a gap",
        "2024-07-01T00:00:00+00:00",
        THRICE,
        "pareto-s-is-1",
    )
    yield Case("customers alike: large shapes", "2024-02-15T08:00:00+00:00", WEEKLY, "mbg-steady")
    yield Case("a prospect", "2024-02-10T12:00:00+00:00", None, "mbg")
    yield Case(
        "other bounds: tiers fall sooner", "2024-07-01T17:45:10+00:00", THRICE, "mbg", "strict"
    )
    fall = "2024-08-26T00:00:00+00:00"  # start of the day on which THRICE falls to at_risk
    yield Case(
        "a second before the tier falls to at_risk", "2024-08-25T23:59:59+00:00", THRICE, "mbg"
    )
    yield Case("the second at which the tier falls to at_risk", fall, THRICE, "mbg")
    yield Case("lost: nothing falls any more", "2026-07-01T00:00:00+00:00", THRICE, "mbg")
    yield Case("the last second of new", "2024-02-08T23:59:59+00:00", ONCE, "mbg")
    yield Case("new is over", "2024-02-09T00:00:00+00:00", ONCE, "mbg")
    yield Case("nobody is ever new", "2024-01-11T12:00:00+00:00", ONCE, "mbg", "never new")
    yield Case(
        "new for long: falls wait for its end",
        "2024-06-11T12:00:00+00:00",
        ONCE,
        "mbg",
        "always new",
    )


def _of_money() -> Iterator[Case]:
    now = "2024-07-01T17:45:10+00:00"
    yield Case("refunds of the population", now, THRICE, "mbg-returns")
    yield Case("nothing stays: ltv_365 is 0", now, THRICE, "bg-nothing-stays")
    yield Case("more refunded than bought: ltv below 0", now, replace(THRICE, refunds=10**7), "mbg")
    yield Case(
        "free orders: spend of the population",
        now,
        replace(THRICE, gross=0, repeat=0, refunds=0),
        "mbg",
    )
    yield Case(
        "more cancelled than ordered: purchase days, and no average order",
        now, replace(THRICE, orders=0, gross=-500, repeat=-900, refunds=0), "mbg",
    )  # fmt: skip
    big = replace(THRICE, gross=9 * 10**20 + 7, repeat=7 * 10**20 + 3, refunds=0)
    yield Case("money beyond 64 bits", now, replace(big, orders=3), None)
    yield Case(
        "no minor unit: KRW",
        now,
        replace(THRICE, gross=420_000, repeat=300_000, refunds=9),
        "mbg-seoul",
        "seoul",
    )
    yield Case(
        "three digits: KWD",
        now,
        replace(THRICE, gross=420_123, repeat=300_123, refunds=9),
        "mbg-kuwait",
        "kuwait",
    )


def _of_time_zones() -> Iterator[Case]:
    once_spring = Buyer("2024-03-01", "2024-03-01", 0, 1, 4_250, 0)
    yield Case(
        "new ends on the day on which clocks go forward (Berlin, 2024-03-31)",
        "2024-03-30T23:59:59+01:00", once_spring, "mbg-berlin", "berlin",
    )  # fmt: skip
    yield Case(
        "the last hour of that day, summer time already",
        "2024-03-31T23:30:00+02:00", once_spring, "mbg-berlin", "berlin",
    )  # fmt: skip
    yield Case(
        "the repeated hour of the day on which clocks go back (Berlin, 2024-10-27)",
        "2024-10-27T02:30:00+01:00", THRICE, "mbg-berlin", "berlin",
    )  # fmt: skip
    yield Case(
        "a day that begins at 01:00: clocks skip midnight (Sao Paulo, 2018-11-04)",
        "2018-10-20T12:00:00-03:00",
        Buyer("2018-10-05", "2018-10-05", 0, 1, 9_990, 0), "mbg-sao-paulo", "sao paulo",
    )  # fmt: skip
    yield Case(
        "the last second before that day",
        "2018-11-03T23:59:59-03:00",
        Buyer("2018-10-05", "2018-10-05", 0, 1, 9_990, 0), "mbg-sao-paulo", "sao paulo",
    )  # fmt: skip
    yield Case(
        "a day that was skipped whole begins with the next one (Apia, 2011-12-30)",
        "2011-12-20T12:00:00-10:00",
        Buyer("2011-11-30", "2011-11-30", 0, 1, 9_990, 0), "mbg-apia", "apia",
    )  # fmt: skip
    yield Case(
        "the business's date is already tomorrow's (Seoul)",
        "2024-06-30T15:00:00+00:00", replace(THRICE, refunds=7), "mbg-seoul", "seoul",
    )  # fmt: skip
    yield Case(
        "read before the last order, which is counted from the start of its day (Seoul)",
        "2024-05-01T12:00:00+00:00", replace(THRICE, refunds=7), "mbg-seoul", "seoul",
    )  # fmt: skip


def _by_formula() -> Iterator[Case]:
    yield Case("formula: new", "2024-01-20T00:00:00+00:00", ONCE, None)
    yield Case("formula: a prospect", "2024-01-20T00:00:00+00:00", None, None)
    yield Case("formula: the last day of active", "2024-08-27T23:59:59+00:00", THRICE, None)
    yield Case("formula: the first day of at_risk", "2024-08-28T00:00:00+00:00", THRICE, None)
    yield Case("formula: lost", "2024-11-26T00:00:00+00:00", THRICE, None)
    yield Case("formula: over a year, rounded", "2025-06-01T00:00:00+00:00", THRICE, None)
    yield Case(
        "formula: other bounds and 2.5 years", "2024-07-20T00:00:00+00:00", THRICE, None, "strict"
    )
    yield Case("formula: a tenth of a year", "2024-07-20T00:00:00+00:00", THRICE, None, "never new")
    yield Case(
        "formula: no average order, so no value", "2024-07-20T00:00:00+00:00",
        replace(THRICE, orders=-1, gross=-2_000, repeat=0, refunds=0), None,
    )  # fmt: skip
    yield Case("formula: read before the last order", "2024-05-01T00:00:00+00:00", THRICE, None)
    yield Case("formula: new for long", "2024-06-11T12:00:00+00:00", ONCE, None, "always new")
    yield Case(
        "formula: clocks go forward (Berlin)", "2024-03-31T12:00:00+02:00", ONCE, None, "berlin"
    )


def document_head() -> dict[str, Any]:
    """What stands above the cases."""
    return {
        "title": "Test vectors for reading a score at one's own now",
        "description": "Inputs and answers for reading.md, by exact arithmetic; all values are"
        " text as in Redis. The fields in `expected` are all computed fields there are at `now`.",
        "scorings": SCORINGS,
        "models": MODELS,
    }
