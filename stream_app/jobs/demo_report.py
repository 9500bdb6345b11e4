"""What the demo shows: steps on standard error, results on standard output."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from rich import box
from rich.console import Console
from rich.table import Table

from stream_app.core.models.parameters import OF_KIND, OF_SPEND
from stream_app.core.models.published import CDNOW
from stream_app.jobs.fit_report import NAMES, text_lines
from stream_app.jobs.report.command import Made
from stream_app.jobs.validate import SHORT_COLUMNS, short_comparison
from stream_app.jobs.verification.printing import amount, figure
from stream_app.settings import Settings

BEST: Final = 10
TIERS: Final = ("active", "new", "at_risk", "lost", "prospect")

Scores = Mapping[str, str]
"""A customer's hash."""


@dataclass(frozen=True)
class Fed:
    """How the feeding went, as measured here."""

    purchases: int
    seconds: float
    """From the first purchase sent to the last customer exact in Redis."""


@dataclass(frozen=True)
class Population:
    """Every customer's hash, by customer id."""

    hashes: Mapping[str, Scores]
    currency: str

    @property
    def revenue_minor(self) -> int:
        """Of all customers."""
        return sum(int(one.get("revenue", 0)) for one in self.hashes.values())

    @property
    def orders(self) -> int:
        """Of all customers."""
        return sum(int(one.get("orders", 0)) for one in self.hashes.values())

    def best(self) -> list[tuple[str, Scores]]:
        """Those worth most: revenue so far and what is expected of the next year."""
        return self._first(self.hashes, "ltv")

    def at_risk(self) -> list[tuple[str, Scores]]:
        """Those worth most among the ones at risk."""
        at_risk = {name: one for name, one in self.hashes.items() if one.get("tier") == "at_risk"}
        return self._first(at_risk, "ltv")

    def _first(self, some: Mapping[str, Scores], field: str) -> list[tuple[str, Scores]]:
        return sorted(some.items(), key=lambda pair: (-int(pair[1].get(field, 0)), pair[0]))[:BEST]


class Report:
    """Prints as it goes; with `as_json`, one object at the end instead of the results."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        on_terminal = sys.stdout.isatty()
        self._console = Console(highlight=False, quiet=as_json, width=None if on_terminal else 120)
        self._answer: dict[str, Any] = {}

    def step(self, sentence: str) -> None:
        """Say what happens now, on standard error."""
        print(f"* {sentence}", file=sys.stderr, flush=True)

    def say(self, line: str = "") -> None:
        """A line of the result."""
        self._console.print(line, soft_wrap=True)

    def fit(self, answer: dict[str, Any], settings: Settings, seconds: float) -> None:
        """The comparison of models, and how soon the worker used the chosen one."""
        self.say("[bold]ltv fit[/]")
        for line in text_lines(answer, settings):
            self._console.print("  " + line, markup=False, soft_wrap=True)
        buying = ", ".join(f"{name} {getattr(CDNOW, name)}" for name in OF_KIND[CDNOW.kind])
        spend = ", ".join(f"{name} {getattr(CDNOW, name)}" for name in OF_SPEND)
        self.say(f"  Published for these very days: {NAMES[CDNOW.kind]} {buying}; {spend}.")
        self.say(
            f"  {seconds:.1f} s later the worker, which was not restarted, had every customer"
            " scored by it."
        )
        self._answer |= {"fit": answer, "model": answer["model"]["id"]}

    def validation(self, answer: dict[str, Any]) -> None:
        """What was expected of the hold-out, and what came."""
        title = (
            f"ltv validate: fitted up to {answer['cut']}, graded on the {answer['horizon_days']}"
            " days after it"
        )
        table = _table(title, "", *SHORT_COLUMNS)
        for row in short_comparison(answer):
            table.add_row(*row)
        self._print(table)
        self._answer["validation"] = answer

    def grades(self, lines: Sequence[str], answer: Mapping[str, Any] | None) -> None:
        """How the worker has graded the model it uses, by what came after the fit."""
        self.say()
        self.say("[bold]And graded by what arrived[/], as ltv models and /metrics show it")
        for line in lines:
            self._console.print("  " + line, markup=False, soft_wrap=True)
        self._answer["grades"] = answer

    def cohorts(self, made: Made) -> None:
        """The cohort report."""
        self.say()
        self.say("[bold]ltv report --by first-purchase[/]")
        made.print("ltr", self._console)
        self._answer["report"] = made.as_object()

    def population(self, population: Population, fed: Fed) -> None:
        """Throughput, revenue, tiers, the best and the ones at risk."""
        rate = fed.purchases / fed.seconds
        self.say()
        self.say(
            f"[bold]{fed.purchases:,} purchases of {len(population.hashes):,} customers[/]: from"
            f" Kafka through the worker, scored in Redis, in {fed.seconds:.2f} s ({rate:,.0f}/s)"
        )
        total = amount(population.revenue_minor, population.currency)
        self.say(f"Total revenue, added up from Redis: [bold]{total}[/]")
        self._print(_tiers(population))
        self._print(_people("The best customers", population.best(), population.currency))
        self._print(_people("At risk: worth a call", population.at_risk(), population.currency))
        self._answer |= {
            "purchases": fed.purchases,
            "customers": len(population.hashes),
            "revenue_minor": population.revenue_minor,
            "seconds": round(fed.seconds, 3),
            "records_per_second": round(rate),
            "best": [{"customer": name, **one} for name, one in population.best()],
            "at_risk": [{"customer": name, **one} for name, one in population.at_risk()],
        }

    def verdict(self, lines: Sequence[str], findings: Mapping[str, Any]) -> None:
        """What `ltv verify` found."""
        self.say("[bold]ltv verify[/]")
        for line in lines:
            self._console.print("  " + line, markup=False, soft_wrap=True)
        self._answer["verify"] = findings

    def end(self) -> None:
        """Write the JSON object, if that is what was asked for."""
        if self._as_json:
            sys.stdout.write(orjson.dumps(self._answer, option=orjson.OPT_INDENT_2).decode() + "\n")

    def _print(self, table: Table) -> None:
        self._console.print(table)


def _tiers(population: Population) -> Table:
    money = population.currency
    table = _table(
        "Where they stand", "tier", "customers", f"so far, {money}", f"next year, {money}"
    )
    counts = Counter(one.get("tier", "") for one in population.hashes.values())
    for tier in TIERS:
        if counts[tier]:
            ours = [one for one in population.hashes.values() if one.get("tier") == tier]
            so_far, ahead = (_sum(ours, field, money) for field in ("revenue", "ltv_365"))
            table.add_row(tier, f"{counts[tier]:,}", so_far, ahead)
    return table


def _people(title: str, people: Sequence[tuple[str, Scores]], currency: str) -> Table:
    money = (f"so far, {currency}", "P(alive)", f"next year, {currency}", f"LTV, {currency}")
    table = _table(title, "customer", "orders", "last order", *money)
    for customer, one in people:
        table.add_row(
            customer,
            one.get("orders", ""),
            one.get("last_order", ""),
            _sum([one], "revenue", currency),
            f"{float(one['p_alive']):.3f}" if "p_alive" in one else "",
            _sum([one], "ltv_365", currency),
            _sum([one], "ltv", currency),
        )
    return table


def _table(title: str, first: str, *others: str) -> Table:
    """Its first column is text, the others are numbers."""
    table = Table(
        title=f"\n{title}",
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _sum(some: Sequence[Scores], field: str, currency: str) -> str:
    return figure(sum(int(one.get(field, 0)) for one in some), currency)
