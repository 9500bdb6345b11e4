"""A customer for people: the numbers, what they mean, and how silence would go on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final

from stream_app.core.money import EXPONENTS
from stream_app.jobs.show import MONEY
from stream_app.pages.charts import Axes, Chart, Series, line_chart
from stream_app.pages.page import Block, Notice, Page, Sentences, Table, Tile, Tiles
from stream_app.reader import Score
from stream_app.serve.overview import TIER_WORDS
from stream_app.wire.score_fields import FIELDS, Field

DAY: Final = 86_400
POINTS: Final = 60
"""Of the curve."""
LEAST_DAYS: Final = 180
"""That the curve goes on after now."""
LAST: Final = 253_370_764_800
"""The year 9999, past which there is no calendar."""
MOST_DAYS: Final = 10 * 365
"""The same; some never fall."""


def page(customer_id: str, score: Score, curve: Sequence[Score], foot: str) -> Page:
    """`curve`: the same customer at instants from the last order on, in silence."""
    blocks: list[Block] = []
    if score.not_evaluated:
        blocks.append(Notice(f"As published, and not as of now: {score.not_evaluated}."))
    blocks += [_tiles(score), Sentences("In words", sentences(score))]
    known = [each for each in curve if each.p_alive is not None]
    if known:
        blocks.append(alive_chart(score, known))
    blocks.append(_fields(score))
    lead = f"As of {_instant(score.as_of)}, if no order comes after those known."
    return Page(f"Customer {customer_id}", lead, blocks, foot)


def instants(score: Score, now: int) -> list[int]:
    """When to look for the curve: from the last order to well after now; none without an order."""
    if score.last_order is None or score.p_alive is None:
        return []
    start = int(datetime(*score.last_order.timetuple()[:3], tzinfo=UTC).timestamp()) + DAY // 2
    last = now + LEAST_DAYS * DAY
    if score.lost_at is not None:  # and room to write that there
        last = max(last, score.lost_at + (score.lost_at - start) // 4)
    last = min(last, now + MOST_DAYS * DAY)
    step = max(DAY, (last - start) // (POINTS - 1))
    return [start + step * number for number in range(POINTS)]


def sentences(score: Score) -> list[str]:
    """What the numbers say."""
    found = []
    if score.first_order is None:
        joined = f"Signed up on {score.signup}" if score.signup else "Is known by a visit"
        return [f"{joined}, and has not bought yet: nothing can be said of what comes."]
    days = (score.frequency or 0) + 1
    span = (
        f"between {score.first_order} and {score.last_order}"
        if days > 1
        else (f"on {score.first_order}")
    )
    found.append(
        f"Bought on {_many(days, 'day')} {span}: {_many(score.orders or 0, 'order')},"
        f" {_money(score.revenue, score)} after refunds."
    )
    found.append(f"Tier {_tier(score.tier)}: {TIER_WORDS.get(score.tier or '', '')}.")
    if score.basis == "formula":
        found.append(
            f"No model speaks of this customer ({score.basis_reason}), so nothing is predicted:"
            " the value of the next year is that of a year at the past rate."
        )
    else:
        found += _predicted(score)
    if score.value_rank is not None:
        found.append(f"{score.value_rank:.1%} of all customers are worth less.")
    return found


def _predicted(score: Score) -> list[str]:
    found = []
    if score.p_alive is not None:
        found.append(
            f"Given how often and how lately they bought, it is {score.p_alive:.1%} likely that"
            " they still buy at all, and"
            f" {score.churn_30 or 0:.1%} likely that nothing comes within 30 days"
            f" ({score.churn_90 or 0:.1%} within 90)."
        )
    if score.ltv_365 is not None:
        found.append(
            f"In the next 365 days {score.orders_365 or 0:.2f} purchase days and"
            f" {_money(score.ltv_365, score)} are expected; with what they have brought so far"
            f" that is {_money(score.ltv, score)}."
        )
    for name, words in (("at_risk_at", "at risk"), ("lost_at", "lost")):
        at = getattr(score, name)
        if at is not None:
            found.append(f"Without an order they count as {words} from {_day(at)} on.")
    if score.next_order_at is not None:
        found.append(f"The next order is due by {_day(score.next_order_at)}: even odds.")
    elif score.p_alive is not None:
        found.append("No next order is expected: it is less than even odds that one comes.")
    return found


def alive_chart(score: Score, curve: Sequence[Score]) -> Chart:
    """P(alive) in silence, with where the tier falls, and now."""
    labels = [_day(each.as_of) for each in curve]
    falls = [(curve[0].at_risk_at, "at risk", 2), (curve[0].lost_at, "lost", 4)]
    told = [f"{words} from {_day(at)}" for at, words, _ in falls if at is not None]
    tiers = f" Crosses mark when the tier falls: {', '.join(told)}." if told else ""
    chart = line_chart(
        "How silence would go on",
        "The probability that this customer still buys, from the last order on, if no other order"
        f" comes. Solid up to now.{tiers}",
        labels,
        [Series("still buys", [each.p_alive for each in curve], 1, _first_after(curve, score))],
        Axes("day", "probability", ".1%", ".0%"),
    )
    marks = [
        {"type": "scatter", "mode": "markers+text", "name": words, "meta": colour,
         "x": [_day(at)], "y": [_height(curve, at)], "text": [f"{words} {_day(at)}"],
         "textposition": "top right", "marker": {"symbol": "x", "size": 13},
         "hovertemplate": f"{words} from {_day(at)}<extra></extra>"}
        for at, words, colour in falls
        if at is not None
    ]  # fmt: skip
    if score.p_alive is not None:
        marks.append(
            {"type": "scatter", "mode": "markers", "name": "now", "meta": 0,
             "x": [_day(score.as_of)], "y": [score.p_alive], "marker": {"size": 13},
             "hovertemplate": "now: %{y:.1%}<extra></extra>"}
        )  # fmt: skip
    for trace in chart.figure["data"]:
        trace["mode"] = "lines"  # sixty markers would say nothing more
    layout = chart.figure["layout"]
    layout["xaxis"] |= {"type": "date"}
    layout["yaxis"] |= {"range": [0, 1.02]}
    chart.figure["data"] += marks
    return chart


def _first_after(curve: Sequence[Score], score: Score) -> int:
    """The first point that has not come yet."""
    now = score.as_of or 0
    return next((n for n, each in enumerate(curve) if (each.as_of or 0) > now), len(curve))


def _height(curve: Sequence[Score], at: int) -> float | None:
    """The curve's height at an instant, between its points."""
    for before, after in pairwise(curve):
        if before.as_of is None or after.as_of is None or not before.as_of <= at <= after.as_of:
            continue
        share = (at - before.as_of) / (after.as_of - before.as_of)
        return (before.p_alive or 0) + share * ((after.p_alive or 0) - (before.p_alive or 0))
    return None


def _tiles(score: Score) -> Tiles:
    money = score.currency or ""
    tiles = [Tile("Tier", _tier(score.tier), TIER_WORDS.get(score.tier or "", ""))]
    tiles.append(Tile("Brought so far", _number(score.revenue, score), money))
    if score.ltv_365 is not None:
        tiles.append(Tile("Next 365 days", _number(score.ltv_365, score), f"{money}, expected"))
    if score.p_alive is not None:
        tiles.append(Tile("Still buys", f"{score.p_alive:.0%}", "probability"))
    if score.next_order_at is not None:
        tiles.append(Tile("Next order", _day(score.next_order_at), "due by, even odds"))
    return Tiles(tiles)


def _fields(score: Score) -> Table:
    rows = [
        [field.name, _shown(field, getattr(score, field.name), score), field.meaning]
        for field in FIELDS
        if getattr(score, field.name) is not None
    ]
    return Table("Every number", ["field", "value", "meaning"], rows, words=True)


def _shown(field: Field, value: Any, score: Score) -> str:
    if field.name in MONEY:
        return _money(value, score)
    if field.kind == "seconds":
        return _instant(value)
    if field.kind == "float":
        return f"{value:.4f}"
    return f"{value:,}" if field.kind == "integer" else str(value)


def _money(minor: Any, score: Score) -> str:
    return f"{_number(minor, score)} {score.currency}"


def _number(minor: Any, score: Score) -> str:
    digits = EXPONENTS.get(score.currency or "", 0)
    return f"{float(minor or 0) / 10**digits:,.{digits}f}"


def _tier(tier: str | None) -> str:
    return (tier or "unknown").replace("_", " ")


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def _instant(at: int | None) -> str:
    """Dates beyond the calendar (tiers may never fall) are said as they are."""
    return f"{_utc(at or 0):%Y-%m-%d %H:%M} UTC"


def _day(at: int | None) -> str:
    return f"{_utc(at or 0):%Y-%m-%d}"


def _utc(at: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=min(at, LAST))
