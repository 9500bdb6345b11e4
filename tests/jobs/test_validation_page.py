"""The page of `ltv validate --html` says what its numbers say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from stream_app.core.models.validation import Validation
from stream_app.jobs.validate import as_object, comparison
from stream_app.jobs.validation_page import page
from stream_app.settings import load
from tests.core.models.test_validation import CUT, END, graded
from tests.pages.test_page import Parsed


def _page(found: Validation) -> Parsed:
    answer = as_object(load({}), CUT, END, found, None)
    return Parsed(page(answer, comparison(answer)))


@pytest.fixture(scope="module")
def cdnow() -> Parsed:
    return _page(graded())


def test_it_leads_with_what_came_and_what_was_expected(cdnow: Parsed) -> None:
    assert "2,357 customers" in cdnow.texts["p"][0]
    tiles = list(
        zip(cdnow.texts["dt"], cdnow.texts["dd"][::2], cdnow.texts["dd"][1::2], strict=True)
    )
    assert tiles == [
        ("Purchase days that came", "1,882", "of 684 customers"),
        ("MBG/NBD expected", "1,577", "16% too few"),
        ("Its best fifth brought", "66.9%", "of the revenue; at best 94.3%, by chance 20.0%"),
        ("The right way round", "77.3%",
         "of pairs of a customer who bought and one who did not; by chance 50.0%"),
    ]  # fmt: skip


def test_it_compares_every_model_and_baseline(cdnow: Parsed) -> None:
    rows = cdnow.texts["th"][9:15]
    assert rows == ["what came", "MBG/NBD", "BG/NBD", "Pareto/NBD", "the formula", "past revenue"]
    assert cdnow.texts["td"][8:16] == [
        "1,576.73", "0.76478", "1.60718", "0.7728", "57,128.10", "29.71", "71.95", "0.6687",
    ]  # fmt: skip


def test_it_draws_calibration_gains_and_tenths(cdnow: Parsed) -> None:
    assert len(cdnow.elements["figure"]) == 3
    assert "0 (1,411)" in cdnow.texts["details"][0]
    assert "20%94.2%66.9%66.3%67.2%66.3%66.3%" in cdnow.texts["details"][1]


def test_without_a_fit_and_without_revenue_there_is_still_a_page() -> None:
    found = graded()
    grades = {name: found.grades[name] for name in ("formula", "past-revenue")}
    bare = replace(found, grades=grades, perfect_capture=None, perfect_by_decile=None)
    shown = _page(bare)
    assert len(shown.elements["figure"]) == 1
    assert shown.texts["dt"] == ["Purchase days that came"]
