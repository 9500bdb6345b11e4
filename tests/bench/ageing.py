"""What silence costs: who drifts by a level when a day begins, and the CPU to find out.

The share is a property of the model, the grid and the customers, not of the machine.
"""

from __future__ import annotations

import time

import numpy as np

from stream_app.core.ageing import movements
from stream_app.core.calendar import DAY_SECONDS, Calendar
from stream_app.core.models.published import CDNOW
from stream_app.core.models.statistics import Statistics
from stream_app.core.score import Scores, ScoreSettings, score
from stream_app.worker.publishing.pace import MOST
from tests.bench.bed import Bed
from tests.bench.publish_cost import TODAY, customers, scoring
from tests.bench.results import Figure
from tests.core.models.population import drawn

CUSTOMERS = 200_000
DAYS = 3 * 365
"""First purchases are spread evenly over the last three years."""
DRIFTS = (0.01, 0.05)


async def run(bed: Bed) -> list[Figure]:
    """Needs no server."""
    facts = population()
    yesterday, today = (scores(facts, day) for day in (TODAY - 1, TODAY))
    shares = [
        100 * (len(moved) - moved.count(None)) / len(moved)
        for moved in (movements(yesterday, today, CDNOW, drift) for drift in DRIFTS)
    ]
    note = f"LTV_DRIFT 0.01; {shares[1]:.0f} % at 0.05; bought first within three years, MBG/NBD"
    return [
        Figure("moved by silence on a day", shares[0], "% of customers", "", note),
        Figure("a day's sweep, CPU", cost_us(), "us a customer", "", "without writing who moved"),
    ]


def population() -> Statistics:
    """Customers who buy as MBG/NBD says, in columns."""
    made = drawn(CUSTOMERS, seed=4, days=DAYS)
    spent = np.rint(made.m * made.x * 100).astype(np.int64)
    nothing = np.zeros(CUSTOMERS, np.int64)
    return Statistics(
        orders=made.x + 1,
        gross_minor=spent + 3000,
        refunds_minor=nothing,
        purchase_days=made.x + 1,
        first_day=TODAY - made.T,
        last_day=TODAY - made.T + made.t_x,
        repeat_gross_minor=spent,
        negative_days=nothing,
        unconverted=nothing.astype(bool),
    )


def scores(facts: Statistics, day: int) -> Scores:
    """At the beginning of a day."""
    return score(
        facts,
        as_of_seconds=day * DAY_SECONDS,
        as_of_day=day,
        calendar=Calendar("UTC"),
        parameters=CDNOW,
        basis_reason=None,
        settings=ScoreSettings("USD"),
    )


def cost_us() -> float:
    """CPU microseconds to look at a customer, in pieces as large as a sweep has them."""
    everybody = list(customers(20_000).values())
    pieces = [everybody[at : at + MOST] for at in range(0, len(everybody), MOST)]
    bound = scoring(CDNOW, None)
    began = time.process_time()
    for piece in pieces:
        bound.moved([b""] * len(piece), piece, TODAY * DAY_SECONDS - 1, TODAY * DAY_SECONDS)
    return (time.process_time() - began) / len(everybody) * 1e6
