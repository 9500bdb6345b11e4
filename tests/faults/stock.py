"""Stock Faust and ours under the same faults: what each loses and counts twice.

    python -m tests.faults.stock [SEED ...]

The textbook app (tests/bench/textbook.py: a Record, two tables, one Redis write an event) and
`ltv worker` are put, one after the other, through F1, F2 and F4 in the rig of the fault tests: the
same Kafka 4.1 behind the same proxy, the same seeded load of distinct purchases, the same ledger.
F4 has one partition, since what Faust loses there is what does not fit a batch of its producer
(16 KB by default) while an answer is awaited: with more partitions that takes more events a second.
Each fault ends with everything healed and the topic worked off; then lost and double are counted,
customer by customer, against the ledger. The table is printed and appended to stock.csv.

The textbook app runs with what Faust gives who sets nothing: processing_guarantee=at_least_once,
broker_commit_interval 2.8 s, producer_acks=-1 (all replicas), producer not idempotent, store
memory:// with its changelog in Kafka, stream_wait_empty. Neither exactly_once (FAUST.md of the
design and DECISIONS.md say why it is worse) nor RocksDB: a worker whose disk is gone with it, as in
a container, comes back from its changelog as here. One setting is ours: the session timeout, 10 s
for both instead of Faust's 60, so that a run takes minutes; it decides how long the next worker
waits, not what it finds.
"""

from __future__ import annotations

import asyncio
import logging
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path

from stream_app.dev.valkey import Valkey
from tests.faults.contestants import SESSION_SECONDS, Contestant, Found, Ours, Textbook
from tests.faults.history import keep
from tests.generate import Shape
from tests.rig.proxy import OFFSET_COMMIT, PRODUCE, KafkaProxy, Rule, Trouble, kafka_proxy
from tests.rig.servers import Broker
from tests.rig.stage import Stages
from tests.rig.waiting import PATIENCE_SECONDS, eventually

FILE = Path(__file__).with_name("stock.csv")
SUMMED = ("events", "lost", "double")
COLUMNS = ("fault", *SUMMED, "note")
SEEDS = (1, 2, 3)
RATE = 200.0
"""Events a second: a quarter of what the textbook app can do on a small machine."""
BURST = 2_000
"""Events at once, such as a sale brings."""
CUSTOMERS = 200
DELAYS = (0.1, 0.3, 1.0)


@dataclass
class Deadly(Rule):
    """A rule that kills the worker as well, before the broker hears of the request."""

    victim: Contestant | None = field(default=None, kw_only=True)

    def strikes(self, api: int, frame: bytes) -> bool:
        """See `Rule`."""
        strikes = super().strikes(api, frame)
        if strikes and self.victim is not None:
            self.victim.shot()
        return strikes


@dataclass
class Ring:
    """Where a fault strikes: a worker under load, and the proxy that it comes through."""

    worker: Contestant
    proxy: KafkaProxy
    random: random.Random

    def appends(self, trouble: Trouble = Trouble.DELAY, seconds: float = 0.0) -> Rule:
        """A rule for its appends to its changelog."""
        return Rule(PRODUCE, trouble, topic=self.worker.changelog, seconds=seconds)

    async def appended(self, count: int) -> None:
        """Wait until it has appended so often from now on; it must live."""
        seen = self.proxy.add(self.appends())
        await self.happens(lambda: seen.struck >= count, f"{count} appends")
        self.proxy.rules.remove(seen)

    async def happens(self, look: Callable[[], bool], what: str) -> None:
        """Wait for an effect."""
        await eventually(look, f"{self.worker.title}: {what}", 2 * PATIENCE_SECONDS)

    async def dies_at(self, rule: Deadly) -> None:
        """Wait for its death by this rule; then start it again."""
        rule.victim = self.worker
        self.proxy.rules.insert(0, rule)
        await self.happens(lambda: rule.struck > 0, f"death at API {rule.api}")
        self.proxy.rules.clear()
        self.worker.launch()


Fault = Callable[[Ring], Awaitable[None]]


async def at_random(ring: Ring) -> None:
    """F1: kill -9 at random moments, three times."""
    for _ in range(3):
        await ring.appended(ring.random.randrange(20, 60))
        await asyncio.sleep(ring.random.random() * 3.0)
        ring.worker.shot()
        ring.worker.launch()


async def between_steps(ring: Ring) -> None:
    """F2: before and after an append to the changelog reaches the broker, and the same of the
    commit that follows."""
    for api, trouble in (
        (PRODUCE, Trouble.BREAK),
        (PRODUCE, Trouble.DELAY),
        (OFFSET_COMMIT, Trouble.BREAK),
        (OFFSET_COMMIT, Trouble.DELAY),
    ):
        await ring.appended(ring.random.randrange(20, 60))
        topic = ring.worker.changelog if api == PRODUCE else ""
        await ring.dies_at(Deadly(api, trouble, topic=topic))


def _has_struck(rule: Rule) -> bool:
    return rule.struck > 0


def slow_broker(seconds: float) -> Fault:
    """F4: appends to the changelog are answered late, a burst comes, and at the first commit after
    that: kill -9."""

    async def strike(ring: Ring) -> None:
        for _ in range(2):
            await ring.appended(ring.random.randrange(20, 60))
            slow = ring.proxy.add(ring.appends(seconds=seconds))
            await ring.worker.stage.load.feed(BURST)
            await ring.happens(partial(_has_struck, slow), "a late append")
            await ring.dies_at(Deadly(OFFSET_COMMIT, Trouble.DELAY))

    return strike


FAULTS: dict[str, Fault] = {
    "F1 kill -9 at random moments": at_random,
    "F2 death between two steps": between_steps,
    **{
        f"F4 appends {seconds * 1000:.0f} ms late, kill at the commit": slow_broker(seconds)
        for seconds in DELAYS
    },
}


Kind = type[Textbook] | type[Ours]
KINDS: tuple[Kind, ...] = (Textbook, Ours)


async def run(
    stages: Stages, proxy: KafkaProxy, kind: Kind, fault: Fault
) -> tuple[int, int, Found]:
    """One worker through one fault: events sent, deaths, and what was found."""
    purchases = Shape(
        seed=stages.seed,
        customers=CUSTOMERS,
        prefix="3f0c9a52-7d1e-4b8a-9c61",
        records=1_000_000,
        signups=0.0,
        activity=0.0,
        refunds=0.0,
        cancellations=0.0,
    )
    partitions = "4" if fault in (at_random, between_steps) else "1"
    async with stages.open(
        purchases, SLICE_RECORDS="50", PARTITIONS=partitions, SESSION_SECONDS=str(SESSION_SECONDS)
    ) as stage:
        with closing(kind(stage)) as worker:
            worker.launch()
            load = asyncio.ensure_future(stage.load.feed(1_000_000, RATE))
            try:
                await fault(Ring(worker, proxy, random.Random(stages.seed)))
            finally:
                proxy.rules.clear()
                stage.load.stopping = True
                await load
            found = await worker.found()
        return len(stage.ledger.records), worker.deaths, found


async def compare(directory: Path, seeds: Iterable[int]) -> None:
    """Every fault, both workers, every seed: a row for each in the file, the sums on the screen."""
    sums: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    broker, valkey = Broker(directory / "kafka"), Valkey(directory / "valkey")
    with broker.kafka, valkey:
        async with kafka_proxy(broker.proxy_port, broker.behind_proxy) as proxy:
            for seed, (name, fault), kind in product(seeds, FAULTS.items(), KINDS):
                stages = Stages(broker, valkey, directory, seed)
                events, deaths, found = await run(stages, proxy, kind, fault)
                numbers = {"events": events, "lost": found.lost, "double": found.double}
                sums[name, kind.title].update(numbers)
                notes = [kind.title, f"seed {seed}", f"{deaths} kills", found.note]
                row = (name, *numbers.values(), ", ".join(filter(None, notes)))
                print(*row, sep="  ", flush=True)
                keep(FILE, COLUMNS, [row])
    print(f"\n{'':45} {'':15} {'events':>8} {'lost':>6} {'double':>6}")
    for (name, title), one in sums.items():
        numbers = dict(one)
        print(f"{name:45} {title:15}", *(f"{numbers.get(key, 0):8,}" for key in SUMMED))


def main(seeds: tuple[int, ...]) -> None:
    """Run in a directory that goes with it."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="ltv-stock-") as name:
        asyncio.run(compare(Path(name), seeds))


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or SEEDS)
