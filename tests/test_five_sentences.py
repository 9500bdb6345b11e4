"""The five sentences over the README's door, each held by a test whose name repeats it."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest

from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer, Outcome
from stream_app.core.models.parameters import ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.core.models.statistics import statistics
from stream_app.core.score import ScoreSettings, score
from stream_app.wire.scores import redis_rows
from stream_app.wire.state import encode
from tests.core.naive_decoder import RawRecord
from tests.core.test_naive_equality import fold
from tests.docs.figures import newest
from tests.docs.page import README, blocks, rewritten
from tests.docs.tables import all_tables
from tests.generate import Shape, generate
from tests.poison import POISONS
from tests.rig.script import drain, feed, start
from tests.rig.stage import Stages

AS_OF_DAY = 20_000
SHOP = Shape(
    seed=5, customers=150, records=4_000, cancellations=0.06, cancelled_first=0.5, foreign=0.2
)


def states(records: list[RawRecord]) -> dict[str, bytes]:
    """Each customer's state, as it would stand in the changelog."""
    customers, _ = fold(records, "Europe/Berlin")
    return {name: encode(customer) for name, customer in customers.items()}


def test_the_same_log_folded_twice_gives_byte_identical_state_in_whatever_order() -> None:
    log = list(generate(SHOP))
    once = states(log)
    assert states(log) == once
    for seed in range(5):
        shuffled = log.copy()
        random.Random(seed).shuffle(shuffled)
        assert states(shuffled) == once


def test_a_duplicate_changes_nothing_and_a_late_event_changes_what_a_timely_one_would() -> None:
    """Late: every tenth event comes after all others. Twice: each comes again at the end."""
    log = list(generate(SHOP))
    timely = states(log)
    late = [record for number, record in enumerate(log) if number % 10 == 0]
    punctual = [record for number, record in enumerate(log) if number % 10]
    customers, outcomes = fold([*punctual, *late, *log], "Europe/Berlin")
    assert {name: encode(customer) for name, customer in customers.items()} == timely
    again = zip(log, outcomes[len(log) :], strict=True)
    assert {str(outcome) for record, outcome in again if record.role != "activity"} == {
        str(Outcome.DUPLICATE)
    }


@pytest.mark.parametrize("model", [CDNOW, None], ids=["by model", "by formula"])
def test_every_score_says_as_of_when_from_which_state_and_with_which_parameters(
    model: ModelParameters | None,
) -> None:
    customers, _ = fold(generate(SHOP), "UTC")
    held = [Customer(one.facts, pos) for pos, one in enumerate(customers.values())]
    for pos, fields in enumerate(_published(held, model)):
        assert fields["as_of"] == str(AS_OF_DAY * 86_400)
        assert (fields["gen"], fields["pos"]) == ("7", str(pos))
        if model is None:
            assert (fields["basis"], fields["basis_reason"]) == ("formula", "none was given")
            assert "model" not in fields
        else:
            assert (fields["basis"], fields["model"]) == ("model", model.id)


def _published(customers: list[Customer], model: ModelParameters | None) -> list[dict[str, Any]]:
    scores = score(
        statistics(customers),
        as_of_seconds=AS_OF_DAY * 86_400,
        as_of_day=AS_OF_DAY,
        calendar=Calendar("UTC"),
        parameters=model,
        basis_reason=None if model else "none was given",
        settings=ScoreSettings(currency="USD"),
    )
    rows = redis_rows(customers, scores, 7)
    return [dict(zip(row[::2], row[1::2], strict=True)) for row in rows]


@pytest.mark.timeout(240)
async def test_nothing_is_dropped_in_silence_applied_duplicate_and_refused_add_up(
    stages: Stages,
) -> None:
    """On a real Kafka, poisoned for every reason; the judge counts each partition by itself."""
    shape = Shape(
        seed=stages.seed,
        customers=200,
        records=4_000,
        duplicates=0.1,
        poison=dict.fromkeys(POISONS, 0.005),
    )
    async with stages.open(shape) as stage:
        await stage.play([start(), feed(4_000), drain()])
        metrics = await stage.worker.metrics()
        counted = {key[1]: 0.0 for key in metrics if key[0] == "ltv_events_total"}
        for (name, *labels), value in metrics.items():
            if name == "ltv_events_total":
                counted[labels[0]] += value
        assert min(counted.values()) > 0, "all three occur"
        assert sum(counted.values()) == len(stage.ledger.records) == 4_000
        assert counted["refused"] == len(stage.ledger.dead_letters())


def test_any_number_in_the_readme_can_be_reproduced_by_one_command() -> None:
    """Tables by `make docs`, measurements by `make bench`; what blocks show, tests/test_docs.py."""
    page = README.read_text(encoding="utf-8")
    assert rewritten(page, all_tables()) == page, "run 'make docs'"
    for row in newest():
        assert row["figure"] in page
        assert row["value"], "a figure without a value"
    pairs = list(pairwise(blocks(page)))
    assert any(second.mark == "shows" for _, second in pairs)
    for first, second in pairs:
        ran = first.how in ("stack", "redis")
        assert second.mark != "shows" or ran, f"line {second.line} shows what nobody ran"
