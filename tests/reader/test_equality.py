"""A hash published at one instant and read at another is what the worker would publish then."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stream_app.core.customer import Customer
from stream_app.core.days import LAST_DAY
from stream_app.core.events import Event, Purchase
from stream_app.core.models.parameters import KINDS, Kind, ModelParameters
from stream_app.core.models.published import CDNOW
from stream_app.core.score import ScoreSettings
from stream_app.core.segments import TierBounds
from stream_app.wire.scores import parse_hash
from tests.core.scoring import BG, DAY, PARETO, customer
from tests.core.strategies import LOGS
from tests.reader.shelf import Shelf, as_hash, values

DAY_SECONDS = 86_400
ZONES = ("UTC", "America/Sao_Paulo", "Africa/Cairo", "Pacific/Apia", "Asia/Kathmandu")
INSTANTS = st.one_of(
    st.integers(18_990 * DAY_SECONDS, 20_500 * DAY_SECONDS),
    st.integers(0, (LAST_DAY + 3_000) * DAY_SECONDS),
)
SHAPES = st.one_of(st.floats(0.05, 50), st.sampled_from([1e-6, 1.0, 1e6]))


@st.composite
def models(draw: st.DrawFn) -> ModelParameters | None:
    """Any model, or none."""
    kind: Kind | None = draw(st.sampled_from((*KINDS, None)))
    if kind is None:
        return None
    r, alpha, first, second = (draw(SHAPES) for _ in range(4))
    like = replace(PARETO, s=first, beta=second)
    if kind != "pareto":
        like = replace(CDNOW, id=kind, kind=kind, a=first, b=second)
    return replace(
        like,
        r=r,
        alpha=alpha,
        p=draw(SHAPES),
        q=min(1.0 + draw(SHAPES), 1e6),
        gamma=draw(SHAPES),
        net_ratio=draw(st.floats(0, 1)),
    )


@st.composite
def rules(draw: st.DrawFn) -> ScoreSettings:
    """Any settings of scoring."""
    alive = draw(st.floats(0, 1))
    short, more = draw(st.integers(0, 400)), draw(st.integers(0, 400))
    tiers = TierBounds(
        alive, alive * draw(st.floats(0, 1)), draw(st.integers(0, 400)), (short, short + more)
    )
    return ScoreSettings("USD", draw(st.floats(0.01, 100)), tiers)


def bought(log: list[Event]) -> Customer:
    """The fold of a log."""
    made = Customer()
    for event in log:
        made.apply(event)
    return made


@given(LOGS, models(), rules(), st.sampled_from(ZONES), INSTANTS, INSTANTS)
@example([], CDNOW, ScoreSettings("USD"), "UTC", 0, 1)
@settings(max_examples=300)
def test_any_hash_reads_as_the_worker_would_publish_it_now(
    log: list[Event],
    model: ModelParameters | None,
    score_settings: ScoreSettings,
    zone: str,
    then: int,
    now: int,
) -> None:
    shelf, somebody = Shelf(score_settings, zone), bought(log)
    shelf.publish("c", somebody, then, model)
    found = shelf.one("c", now=now)
    assert found.not_evaluated is None
    # Bit by bit: what is asked for is 12 digits, what the same code gives is all of them.
    assert values(found) == values(parse_hash(as_hash(shelf.row(somebody, now, model))))


@pytest.mark.parametrize("model", [CDNOW, BG, PARETO, None], ids=["mbg", "bg", "pareto", "formula"])
@given(st.data())
@settings(max_examples=40)
def test_usual_customers_read_as_the_worker_would_publish_them_now(
    model: ModelParameters | None, data: st.DataObject
) -> None:
    history = data.draw(
        st.lists(st.tuples(st.integers(0, 400), st.integers(0, 10**7)), min_size=1, max_size=8)
    )
    refunded = data.draw(st.sampled_from((0, 500, 10**8)))
    days = data.draw(st.tuples(st.integers(-50, 1500), st.integers(-50, 1500)))
    shelf = Shelf(zone=data.draw(st.sampled_from(ZONES)))
    somebody = customer(*history, refunded=refunded)
    then, now = ((DAY + each) * DAY_SECONDS + 4_321 for each in days)
    shelf.publish("c", somebody, then, model)
    expected = parse_hash(as_hash(shelf.row(somebody, now, model)))
    assert values(shelf.one("c", now=now)) == values(expected)


@pytest.mark.parametrize("model", [CDNOW, BG, PARETO, None], ids=["mbg", "bg", "pareto", "formula"])
def test_ten_thousand_purchase_days_read_as_the_worker_would_publish_them(
    model: ModelParameters | None,
) -> None:
    often = Customer()
    for day in range(10_001):
        at = day * DAY_SECONDS * 10**6
        often.apply(Purchase("c", f"e{day}", f"o{day}", at, day, "USD", 1_999, 1_999))
    shelf = Shelf()
    shelf.publish("c", often, 10_001 * DAY_SECONDS, model)
    assert shelf.one("c", now=10_001 * DAY_SECONDS).frequency == 10_000
    for days in (0, 1, 2, 30, 400, 20_000):
        now = (10_001 + days) * DAY_SECONDS + 7
        expected = parse_hash(as_hash(shelf.row(often, now, model)))
        assert values(shelf.one("c", now=now)) == values(expected)


def test_many_read_at_once_read_as_each_alone_whatever_their_models() -> None:
    shelf = Shelf()
    crowd = {
        f"c-{number}": customer((0, 100 * number), (number, 10 ** (number % 25)))
        for number in range(1, 60)
    }
    for (name, each), model in zip(crowd.items(), [CDNOW, None, BG, PARETO] * 15, strict=False):
        shelf.publish(name, each, (DAY + 100) * DAY_SECONDS, model)
    now = (DAY + 200) * DAY_SECONDS
    together = shelf.read(*crowd, "nobody", now=now)
    assert together == [*(shelf.one(name, now=now) for name in crowd), None]
