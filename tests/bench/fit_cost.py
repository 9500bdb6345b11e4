"""What fitting a million customers costs, in seconds; `python -m tests.bench.fit_cost [N]`.

CPU time beside the time on the clock: two cores are rarely ours alone.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from stream_app.core.calendar import DAY_US
from stream_app.core.customer import Customer
from stream_app.core.events import Purchase
from stream_app.core.models.counts import Population
from stream_app.core.models.fitting import COARSEST, fit_buying
from stream_app.core.models.fitting_spend import correlation, fit_spend
from stream_app.core.models.histories import histories
from stream_app.core.models.parameters import KINDS
from tests.core.models.population import drawn

CUSTOMERS = 1_000_000
UNPACKED = 100_000
T = TypeVar("T")


def timed(what: str, work: Callable[[], T]) -> T:
    """Do it and print what it took."""
    clock, cpu = time.perf_counter(), time.process_time()
    answer = work()
    took = time.perf_counter() - clock
    print(f"{what:34} {took:7.2f} s {time.process_time() - cpu:7.2f} s of CPU", flush=True)
    return answer


def customers(count: int) -> list[Customer]:
    """States with three purchase days each."""
    rng = np.random.default_rng(2)
    made = []
    for number in range(count):
        customer = Customer()
        for day in sorted(rng.integers(19_000, 19_700, 3).tolist()):
            name = f"{number}-{day}"
            customer.apply(Purchase("c", name, name, day * DAY_US, day, "USD", 500, 500))
        made.append(customer)
    return made


def main(count: int) -> None:
    """Print a line a step."""
    known = customers(UNPACKED)
    found = timed(f"days of {UNPACKED:,} states", lambda: histories(known))
    timed("their statistics as of a day", lambda: found.statistics(19_500))
    x, t_x, age, m = drawn(count, seed=1)
    population = timed(f"counting {count:,} customers", lambda: Population(x, t_x, age))
    timed("by weeks and wider", lambda: population.of_size(COARSEST))
    for kind in KINDS:
        fit = timed(f"fit of {kind}", lambda kind=kind: fit_buying(kind, population))  # type: ignore[misc]
        print(f"    {fit.parameters} {fit.log_likelihood:.4f} slope {fit.slope:.1g}")
    spend = timed("fit of Gamma-Gamma", lambda: fit_spend(x, m))
    print(f"    {spend.parameters}")
    timed("correlation", lambda: correlation(x, m))
    print(f"{len(population.exact):,} distinct histories")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CUSTOMERS)
