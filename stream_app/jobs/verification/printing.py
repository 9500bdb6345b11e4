"""Findings for people, or as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import click
import orjson

from stream_app.core.money import EXPONENTS
from stream_app.jobs.verification.findings import Findings, Letters, Tally

MODELS = 5
"""Models that are named, those of the most customers first."""


def print_findings(findings: Findings, currency: str, *, as_json: bool) -> None:
    """Write everything to standard output; the last line is the verdict."""
    if as_json:
        click.echo(orjson.dumps(findings.as_json(), option=orjson.OPT_INDENT_2))
        return
    for line in lines(findings, currency):
        click.echo(line)


def lines(findings: Findings, currency: str) -> Iterator[str]:
    """The findings, line by line."""
    for topic, tally in findings.topics.items():
        yield (
            f"{topic + ':':14} {tally.read:,} records = {tally.applied:,} applied"
            f" + {tally.duplicate:,} duplicate + {tally.refused:,} refused"
        )
    if findings.dead_letters is not None:
        yield f"{'dead letters:':14} {_letters(findings.dead_letters)}"
    if findings.state is not None:
        yield f"{'state:':14} {_tally(findings.state)}"
        yield f"{'revenue:':14} {_money(findings, currency)}"
    if findings.partly is not None:
        yield f"{'state:':14} {_tally(findings.partly, 'hold what the topics say')}"
    if findings.redis is not None:
        yield f"{'redis:':14} {_tally(findings.redis)}"
    if findings.models:
        yield f"{'scored by:':14} {_models(findings.models)}"
    if findings.past_the_duplicate_bound:
        yield (
            f"past the duplicate bound of 1,024 events: {findings.past_the_duplicate_bound:,}"
            f" customers, compared without promise; {findings.unpromised_different:,} differ"
        )
    if findings.other_model:
        yield (
            f"note: {findings.other_model:,} customers are not scored by the model in use that"
            " LTV_CHALLENGER_SHARE gives them: another is being published, or the workers have"
            " another share"
        )
    for note in findings.notes:
        yield f"note: {note}"
    for problem in findings.problems:
        yield f"wrong: {problem}"
    for one in findings.examples:
        yield f"wrong: {one.where} {one.who!r}: {one.what}"
    if findings.differences > len(findings.examples):
        yield f"wrong: and {findings.differences - len(findings.examples):,} more"
    yield _verdict(findings)


def _tally(tally: Tally, verdict: str = "equal") -> str:
    words = [f"{tally.equal:,} of {tally.compared:,} customers {verdict}"]
    for name in ("different", "missing", "extra", "stale"):
        if getattr(tally, name):
            words.append(f"{getattr(tally, name):,} {name}")
    return ", ".join(words)


def _models(models: Mapping[str, int]) -> str:
    most = sorted(models.items(), key=lambda each: -each[1])
    words = [f"{ascii(name)[1:-1]} {count:,}" for name, count in most[:MODELS]]
    return ", ".join(words + ([f"{len(most) - MODELS:,} more"] if len(most) > MODELS else []))


def _letters(letters: Letters) -> str:
    words = [f"{letters.found:,} of {letters.refused:,} refused records have theirs"]
    for name in ("different", "missing", "extra"):
        if getattr(letters, name):
            words.append(f"{getattr(letters, name):,} {name}")
    return ", ".join(words)


def _money(findings: Findings, currency: str) -> str:
    total = amount(findings.revenue_minor, currency)
    off = findings.money_off_minor
    if not off:
        return f"{total}, the recount agrees for every customer"
    delta = amount(findings.money_delta_minor, currency)
    return f"{total}; {delta} off in sum, {amount(off, currency)} without signs"


def _verdict(findings: Findings) -> str:
    if findings.equal:
        words = "EQUAL" if findings.partly is None else "EQUAL as far as it was compared"
        return f"{words}: {findings.customers:,} customers in {findings.seconds:.1f} s"
    wrong = findings.differences + len(findings.problems)
    return f"NOT EQUAL: {wrong:,} differences among {findings.customers:,} customers"


def amount(minor: int, currency: str) -> str:
    """Money for people.

    >>> amount(24_409_194, "USD"), amount(-5, "USD"), amount(1200, "KRW")
    ('244,091.94 USD', '-0.05 USD', '1,200 KRW')
    """
    return f"{figure(minor, currency)} {currency}"


def figure(minor: int, currency: str) -> str:
    """The same without the currency's name."""
    digits = EXPONENTS[currency]
    whole, rest = divmod(abs(minor), 10**digits)
    fraction = f".{rest:0{digits}}" if digits else ""
    return f"{'-' if minor < 0 else ''}{whole:,}{fraction}"
