"""What the models make of the CDNOW sample, computed anew, beside what has been published of it."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from stream_app.jobs.fit_report import LABELS
from stream_app.jobs.validate import SHORT_COLUMNS, as_object, short_comparison
from stream_app.settings import load
from tests.core.models.test_validation import CUT, END, graded

PUBLISHED_FITS: Final = {
    "mbg": ("r 0.525, alpha 6.183, a 0.891, b 1.614", "Hoppe and Wagner (2007)"),
    "bg": ("r 0.243, alpha 4.414, a 0.793, b 2.426", "Fader, Hardie and Lee (2005)"),
    "pareto": ("r 0.553, alpha 10.578, s 0.606, beta 11.669", "Fader, Hardie and Lee (2005)"),
    "gamma_gamma": ("p 6.25, q 3.74, gamma 15.44", "Fader and Hardie (2013), note 025"),
}
"""As they were rounded, and by whom."""
PUBLISHED_MEANS: Final = {
    "bg": ".2251 .5231 1.0441 1.5203 2.1638 2.6538 3.5040 6.1570",
    "pareto": ".138 .600 1.196 1.714 2.399 2.907 3.819 6.403",
}
"""Of purchase days in the hold-out, by frequency: Hardie's sheets, the walkthrough of R's BTYD."""
FREQUENCIES: Final = ("0", "1", "2", "3", "4", "5", "6", "7+")


@cache
def validated() -> dict[str, Any]:
    """As `ltv validate --cut 1997-09-30 --json` tells it."""
    return as_object(load({}), CUT, END, graded(), None)


def fits() -> str:
    """Parameters and likelihoods of the fits to the calibration days."""
    found = graded().fitted
    rows = []
    for kind, (published, where) in PUBLISHED_FITS.items():
        one = found.spend if kind == "gamma_gamma" else found.buying[kind]  # type: ignore[index]
        ours = ", ".join(f"{name} {value:.4f}" for name, value in one.parameters.items())
        name = LABELS.get(kind, "Gamma-Gamma")
        rows.append((name, ours, f"{one.log_likelihood:,.2f}", published, where))
    header = ("", "fitted here", "log-likelihood", "published", "by")
    return _table(header, rows, numbers={2})


def hold_out() -> str:
    """Grades of every model and baseline."""
    return _table(("", *SHORT_COLUMNS), short_comparison(validated()))


def means() -> str:
    """Purchase days after the cut by frequency before it: what came, ours, and as published."""
    answer = validated()
    rows = [("what came", *_four(answer["actual"]["by_frequency"]))]
    for name, grade in answer["models"].items():
        if grade["by_frequency"] is not None and name in LABELS:
            rows.append((LABELS[name], *_four(grade["by_frequency"])))
        if name in PUBLISHED_MEANS:
            rows.append((f"{LABELS[name]}, published", *PUBLISHED_MEANS[name].split()))
    return _table(("", *FREQUENCIES), rows)


def _four(values: Any) -> list[str]:
    return [f"{value:.4f}" for value in values]


def _table(header: Any, rows: Any, numbers: set[int] | None = None) -> str:
    """Markdown; all columns but the first are numbers, unless it is said which."""
    right = set(range(1, len(header))) if numbers is None else numbers
    marks = ["--:" if place in right else "---" for place in range(len(header))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, marks, *rows))
