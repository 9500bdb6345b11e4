"""A round is a function of seed and number, and nothing else."""

from __future__ import annotations

import subprocess
import sys

from stream_app.settings import load
from tests.chaos.draw import draw_round
from tests.chaos.faults import KINDS

ROUNDS = [draw_round(7, number) for number in range(1, 200)]


def test_the_same_seed_draws_the_same_rounds_in_another_process_too() -> None:
    program = (
        "from tests.chaos.draw import draw_round\nfor n in range(1, 20): print(draw_round(7, n))"
    )
    asked = [
        subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": str(number)},
        ).stdout
        for number in (1, 2)
    ]
    here = "".join(f"{draw_round(7, number)}\n" for number in range(1, 20))
    assert asked == [here, here]


def test_other_seeds_and_other_numbers_draw_other_rounds() -> None:
    texts = {str(draw_round(seed, number)) for seed in range(5) for number in range(1, 20)}
    scripts = {text.partition("\n")[2] for text in texts}
    assert len(scripts) == 5 * 19


def test_every_kind_of_fault_is_drawn_and_rounds_stay_short() -> None:
    drawn = {kind for one in ROUNDS for kind in one.faults}
    assert len(drawn) >= len(KINDS) - 1, "two draws make one kind: failpoint"
    assert all(2 <= len(one.faults) <= 60 for one in ROUNDS)
    assert {one.settings["PARTITIONS"] for one in ROUNDS} == {"1", "3", "8"}


def test_every_round_has_settings_that_a_worker_takes() -> None:
    for one in ROUNDS:
        load({f"LTV_{name}": value for name, value in one.settings.items()})


def test_a_customer_stays_below_the_bound_of_identities_where_records_may_come_twice() -> None:
    for one in ROUNDS:
        if one.shape.duplicates or {"broker killed", "broker frozen"} & {*one.faults}:
            weights = [(rank + 1) ** -one.shape.zipf for rank in range(one.shape.customers)]
            (begin,) = (str(act) for act in one.script if str(act).startswith("begin("))
            records = int(begin.partition("(")[2].partition(",")[0])
            assert records * weights[0] / sum(weights) <= 900
            assert not one.shape.hot


def test_every_fault_is_ended_before_the_verdict() -> None:
    """Pairs of words come in pairs, in this order."""
    pairs = {
        "kafka_kill": "kafka_start",
        "kafka_pause": "kafka_resume",
        "kafka_unreachable": "kafka_reachable",
        "redis_kill": "redis_start",
        "redis_pause": "redis_resume",
        "redis_unreachable": "redis_reachable",
        "redis_full": "redis_roomy",
        "redis_read_only": "redis_writable",
        "redis_snapshot": "redis_restored",
        "freezes": "wakes",
    }
    for drawn in ROUNDS:
        words = [str(act).partition("(")[0] for act in drawn.script]
        for begins, ends in pairs.items():
            places = [one for one in words if one in {begins, ends}]
            if begins != "freezes":
                assert places == [begins, ends] * (len(places) // 2)
            elif places:
                assert places[-1] == ends
