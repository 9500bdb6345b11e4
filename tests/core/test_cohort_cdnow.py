"""The cells of the CDNOW sample are those that the report's definitions were checked against."""

from __future__ import annotations

import pytest

from stream_app.core.cohorts.cells import TABLES, Key
from tests.cdnow_log import CUSTOMERS
from tests.core.cdnow_totals import cdnow_totals

JANUARY = 27 * 12


def test_every_customer_is_in_both_tables() -> None:
    for table in TABLES:
        assert cdnow_totals().columns(table).members == CUSTOMERS


def test_the_first_cohort_has_the_known_cells() -> None:
    cohort = cdnow_totals().cohorts("first-purchase")[Key("first-purchase", None, JANUARY)]
    assert cohort.members == cohort.buyers == 781
    cells = [cohort.cells[offset] for offset in range(12)]
    assert [cell.net_minor for cell in cells] == [
        2859270, 700373, 424164, 375536, 383325, 354750,
        317231, 231348, 229267, 225257, 312426, 328114,
    ]  # fmt: skip
    assert [cell.active for cell in cells] == [781, 124, 95, 70, 65, 77, 65, 53, 52, 45, 62, 59]
    assert cells[0].payers == 777


@pytest.mark.parametrize(("month", "members", "payers"), [(1, 857, 854), (2, 719, 718)])
def test_the_other_cohorts_have_the_known_members(month: int, members: int, payers: int) -> None:
    cohorts = cdnow_totals().cohorts("first-purchase")
    cohort = cohorts[Key("first-purchase", None, JANUARY + month)]
    assert (cohort.members, cohort.cells[0].payers) == (members, payers)


def test_by_signup_nobody_has_a_month() -> None:
    assert list(cdnow_totals().cohorts("signup")) == [Key("signup", None, None)]
