"""The report's arithmetic, against figures worked out elsewhere and by hand."""

from __future__ import annotations

from typing import Any

import pytest

from stream_app.core.calendar import day_from_text, month_from_text
from stream_app.core.cohorts.cells import Cell
from stream_app.core.cohorts.lines import METRICS, Known, covered_from
from stream_app.core.cohorts.report import Asked, Report, report
from stream_app.core.cohorts.report_object import report_as_object
from stream_app.core.cohorts.totals import Totals
from stream_app.core.customer import Customer
from stream_app.core.events import Activity, Event, Purchase, Refund, Signup
from tests.core.cdnow_totals import cdnow_totals

LATE = Known(as_of_month=month_from_text("1998-06"), from_month=month_from_text("1997-01"))


class TestCdnow:
    """Known figures, in dollars, by month of first purchase."""

    def report(self, **asked: Any) -> Report:
        columns = cdnow_totals().columns("first-purchase")
        return report(columns, Asked("first-purchase", **asked), LATE)

    def test_ltr_is_cumulative_net_revenue_per_member(self) -> None:
        line = self.report().lines[0]
        dollars = [(line.value("ltr", offset) or 0) / 100 for offset in (0, 1, 2, 3, 6, 11)]
        assert [round(one, 4) for one in dollars] == [
            36.6104, 45.5780, 51.0091, 55.8175, 69.3297, 86.3132,
        ]  # fmt: skip

    @pytest.mark.parametrize(("cohort", "ltr"), [(1, 88.2550), (2, 92.0724)])
    def test_ltr_of_a_year_of_the_other_cohorts(self, cohort: int, ltr: float) -> None:
        line = self.report().lines[cohort]
        assert round((line.value("ltr", 11) or 0) / 100, 4) == ltr

    def test_arppu_is_per_payer(self) -> None:
        line = self.report().lines[0]
        assert [round((line.value("arppu", k) or 0) / 100, 4) for k in (0, 1)] == [36.7988, 56.4817]

    def test_retention_is_of_all_members(self) -> None:
        line = self.report().lines[0]
        assert line.value("active", 1) == 124 / 781
        assert line.value("paying", 0) == 777 / 781

    def test_everything_adds_up_to_all_customers(self) -> None:
        found = self.report()
        assert found.members == 2357
        assert found.total.net_minor == 24_409_194
        assert [line.members for line in found.lines] == [781, 857, 719]
        for line in found.lines:
            told = [one.cell for one in line.offsets if one is not None]
            assert sum(cell.net_minor for cell in (*told, line.before, line.later)) == (
                line.total.net_minor
            )

    def test_pooled_is_weighted_by_members(self) -> None:
        found = self.report()
        whole = sum(one.net_so_far_minor for line in found.lines if (one := line.offsets[11]))
        assert found.pooled("ltr", 11) == whole / 2357
        assert found.pooled("revenue", 3) is None

    def test_a_month_that_runs_is_incomplete_and_one_to_come_is_not_there(self) -> None:
        found = self.report(offsets=18)
        first, second = found.lines[0], found.lines[1]
        assert [first.state("ltr", k) for k in (16, 17, 18)] == ["complete", "incomplete", None]
        assert [second.state("arpu", k) for k in (15, 16, 17)] == ["complete", "incomplete", None]
        assert second.value("ltr", 17) is None
        assert first.latest is not None
        assert first.latest.offset == 16

    def test_pooled_takes_only_cohorts_that_are_complete(self) -> None:
        found = self.report(offsets=18)
        first = found.lines[0].offsets[16]
        assert first is not None
        assert found.pooled("ltr", 16) == first.net_so_far_minor / 781
        assert found.pooled("ltr", 17) is None

    def test_cohorts_can_be_chosen_by_month(self) -> None:
        february = month_from_text("1997-02")
        found = self.report(first=february, last=february)
        assert [line.members for line in found.lines] == [857]
        assert found.members == 857

    def test_second_purchases_are_counted_on_days(self) -> None:
        line = self.report().lines[0]
        cohort = next(iter(cdnow_totals().cohorts("first-purchase").values()))
        days = sorted(day for day, n in cohort.second_after.items() for _ in range(n))
        assert line.second_buyers == len(days)
        assert line.second_rate == len(days) / 781
        middle = len(days) // 2
        median = (days[middle] + days[middle - 1]) / 2 if len(days) % 2 == 0 else days[middle]
        assert line.second_median_days == median


def test_one_cohort_by_hand() -> None:
    """Two signed up by an ad in January; one buys, returns some, comes back; one only looks."""
    buyer = _customer(
        Signup("a", "s", 0, day("2024-01-05"), "ads"),
        _purchase("2023-12-30", 1_000),
        _purchase("2024-01-10", 6_000),
        Refund("a", "r", "o", 0, day("2024-02-01"), "USD", 2_000, 2_000),
        _purchase("2024-03-01", 500),
        _purchase("2024-03-02", 500),
    )
    looker = _customer(
        Signup("b", "s", 0, day("2024-01-31"), "ads"),
        Activity("b", "v", 0, day("2024-02-10"), "visit"),
    )
    stranger = _customer(_purchase("2024-01-01", 77))
    found = report(
        _totals(buyer, looker, stranger).columns("signup"),
        Asked("signup", offsets=3),
        Known(month_from_text("2024-03"), month_from_text("2024-01")),
    )
    (line,) = found.lines
    assert (line.members, line.buyers, line.second_buyers) == (2, 1, 1)
    assert (line.second_rate, line.second_median_days) == (1.0, 11.0)
    rows = {
        metric: [(line.value(metric, k), line.state(metric, k)) for k in range(4)]
        for metric in METRICS
    }
    done, running, absent = "complete", "incomplete", (None, None)
    assert rows == {
        "ltr": [(3_000, done), (2_000, done), (2_500, running), absent],
        "arpu": [(3_000, done), (-1_000, done), (500, running), absent],
        "arppu": [(6_000, done), (None, done), (1_000, running), absent],
        "active": [(0.5, done), (0.5, done), (0.5, running), absent],
        "paying": [(0.5, done), (0.0, done), (0.5, running), absent],
        "revenue": [(6_000, done), (-2_000, done), (1_000, running), absent],
    }
    assert line.before == Cell(1, 1, 1, 1, 1_000, 0)
    assert line.before_share == 1_000 / 6_000
    assert line.arppu_minor == 5_000 / 2
    assert found.undated is not None
    assert (found.undated.members, found.undated.offsets) == (1, ())
    assert found.undated.total.net_minor == 77
    assert found.members == 3
    assert found.total.net_minor == 6_077


@pytest.mark.parametrize(
    ("channel", "members"), [(None, 3), ("ads", 1), ("post", 1), ("", 1), ("nobody", 0)]
)
def test_a_channel_can_be_chosen_also_that_of_those_without(
    channel: str | None, members: int
) -> None:
    totals = _totals(
        _customer(Signup("a", "s", 0, day("2024-01-05"), "ads")),
        _customer(Signup("b", "s", 0, day("2024-01-05"), "post")),
        _customer(Signup("c", "s", 0, day("2024-02-05"), None)),
    )
    known = Known(month_from_text("2024-03"), month_from_text("2024-01"))
    assert report(totals.columns("signup"), Asked("signup", channel), known).members == members


class TestCosts:
    """One customer who brings 30.00, 20.00 and 10.00."""

    def line(self, cost: int, as_of: str = "2024-04") -> Any:
        customer = _customer(
            _purchase("2024-01-10", 3_000), _purchase("2024-02-10", 2_000),
            _purchase("2024-03-10", 1_000),
        )  # fmt: skip
        months = Known(month_from_text(as_of), month_from_text("2024-01"))
        costs = {month_from_text("2024-01"): cost, month_from_text("2023-12"): 5}
        columns = _totals(customer).columns("first-purchase")
        found = report(columns, Asked("first-purchase", offsets=1), months, costs)
        assert found.costs_without_cohort == {month_from_text("2023-12"): 5}
        return found.lines[0]

    @pytest.mark.parametrize(
        ("cost", "payback"), [(0, 0), (3_000, 0), (3_001, 1), (5_001, 2), (6_001, None)]
    )
    def test_payback_is_the_first_month_in_which_ltr_reaches_cac(
        self, cost: int, payback: int | None
    ) -> None:
        assert self.line(cost).acquisition.payback_offset == payback

    def test_an_incomplete_month_pays_nothing_back(self) -> None:
        assert self.line(3_001, "2024-03").acquisition.payback_offset == 1
        assert self.line(3_001, "2024-02").acquisition.payback_offset is None

    def test_ltr_is_compared_at_the_last_complete_offset_that_is_told(self) -> None:
        line = self.line(4_000)
        assert (line.cac_minor, line.ltr_less_cac_minor, line.ltr_per_cac) == (4_000, 1_000, 1.25)
        running = self.line(4_000, "2024-02")
        assert (running.ltr_less_cac_minor, running.ltr_per_cac) == (-1_000, 0.75)
        assert self.line(4_000, "2024-01").ltr_less_cac_minor is None
        assert self.line(0).ltr_per_cac is None


class TestCoverage:
    """Which months the data cover from their first day."""

    @pytest.mark.parametrize(
        ("data_from", "first_days", "month"),
        [
            (None, ["2024-08-15"], "2024-09"),
            (None, ["2024-08-01"], "2024-08"),
            (None, ["2024-08-01", "2024-08-02"], "2024-09"),
            (None, [None, "2024-08-02"], "2024-09"),
            ("2024-10-01", ["2020-01-01"], "2024-10"),
            ("2024-10-02", ["2020-01-01"], "2024-11"),
        ],
    )
    def test_the_first_whole_month(
        self, data_from: str | None, first_days: list[str | None], month: str
    ) -> None:
        days = [None if one is None else day(one) for one in first_days]
        given = None if data_from is None else day(data_from)
        assert covered_from(given, *days) == month_from_text(month)

    def test_without_a_record_no_month_is_covered(self) -> None:
        assert covered_from(None, None) is None
        assert Known(600, None).state(599) == "partial"

    def test_months_before_it_are_partial_and_a_sum_with_one_of_them_too(self) -> None:
        customer = _customer(_purchase("2024-01-10", 3_000), _purchase("2024-03-10", 1_000))
        found = report(
            _totals(customer).columns("first-purchase"),
            Asked("first-purchase", offsets=3),
            Known(month_from_text("2024-04"), month_from_text("2024-02")),
        )
        (line,) = found.lines
        states = ["partial", "complete", "complete", "incomplete"]
        assert [line.state("arpu", offset) for offset in range(4)] == states
        assert [line.state("ltr", offset) for offset in range(4)] == ["partial"] * 4
        assert found.pooled("ltr", 1) is None
        assert found.pooled("arpu", 2) == 1_000
        assert line.latest is None

    def test_what_is_counted_in_a_month_to_come_is_shown(self) -> None:
        """Clocks differ: a purchase a few hours ahead of the business's month."""
        found = report(
            _totals(_customer(_purchase("2024-02-01", 3_000))).columns("first-purchase"),
            Asked("first-purchase", offsets=1),
            Known(month_from_text("2024-01"), month_from_text("2024-01")),
        )
        assert found.lines[0].value("revenue", 0) == 3_000
        assert found.lines[0].state("revenue", 0) == "incomplete"


def test_sums_beyond_a_double_s_digits_are_exact() -> None:
    customers = [
        _customer(Purchase("c", f"{n}", "o", 0, 19_750, "USD", 10**15, 10**30 + n))
        for n in range(3)
    ]
    known = Known(month_from_text("2024-03"), month_from_text("2024-01"))
    columns = _totals(*customers).columns("first-purchase")
    found = report_as_object(report(columns, Asked("first-purchase"), known))
    assert found["total"]["net_minor"] == 3 * 10**30 + 3


def day(text: str) -> int:
    return day_from_text(text)


def _purchase(when: str, minor: int) -> Purchase:
    return Purchase("a", f"p-{when}", "o", 0, day(when), "USD", minor, minor)


def _customer(*events: Event) -> Customer:
    customer = Customer()
    for event in events:
        customer.apply(event)
    return customer


def _totals(*customers: Customer) -> Totals:
    totals = Totals()
    totals.add(customers)
    return totals
