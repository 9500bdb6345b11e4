"""What grading a model costs, in microseconds a customer; `python -m tests.bench.grading_cost`.

The CDNOW sample over its last year: 13.5 forecasts a customer. CPU time, the best of some rounds.
"""

from __future__ import annotations

import time

from stream_app.core.models.prequential import GRADED_DAYS, prequential
from stream_app.core.models.published import CDNOW
from tests.core.models.test_validation import END, cdnow
from tests.core.scoring import BG, PARETO

ROUNDS = 20


def main() -> None:
    """Print a line a kind of model."""
    known = cdnow()
    for parameters in (CDNOW, BG, PARETO):
        took = []
        for _ in range(ROUNDS):
            began = time.process_time()
            graded = prequential(
                known, parameters, today=END, currency="USD", from_day=END - GRADED_DAYS
            )
            took.append(time.process_time() - began)
        each = min(took) / known.size * 1e6
        forecasts = graded.forecasts / known.size
        print(f"{parameters.kind:8} {each:7.2f} us a customer, {forecasts:.1f} forecasts each")


if __name__ == "__main__":
    main()
