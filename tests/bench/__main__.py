"""`make bench`: measure, print, append to results.csv.

python -m tests.bench [NAME]...     those of BENCHES; all of them when none is named
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable

from tests.bench import (
    ageing,
    backfill,
    diff,
    latency,
    recovery,
    replay,
    republish,
    serve_cost,
    throughput,
)
from tests.bench.bed import Bed, new_bed
from tests.bench.results import Figure, keep, show

BENCHES: dict[str, Callable[[Bed], Awaitable[list[Figure]]]] = {
    "throughput": throughput.run,
    "latency": latency.run,
    "recovery": recovery.run,
    "replay": replay.run,
    "diff": diff.run,
    "republish": republish.run,
    "ageing": ageing.run,
    "backfill": backfill.run,
    "serve": serve_cost.run,
}


async def main(names: list[str]) -> None:
    """Each bench on a stack of its own."""
    for name in names:
        async with new_bed() as bed:
            figures = await BENCHES[name](bed)
        show(figures)
        keep(figures)


if __name__ == "__main__":
    unknown = [name for name in sys.argv[1:] if name not in BENCHES]
    if unknown:
        sys.exit(f"no bench is called {unknown[0]!r}; there are {', '.join(BENCHES)}")
    asyncio.run(main(sys.argv[1:] or list(BENCHES)))
