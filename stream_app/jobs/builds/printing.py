"""A comparison of two builds for people, or as one JSON object."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import click
import orjson

from stream_app.jobs.builds.findings import Findings
from stream_app.jobs.verification.printing import amount


def print_findings(findings: Findings, currency: str, *, as_json: bool) -> None:
    """Write everything to standard output; the last line is the verdict."""
    if as_json:
        click.echo(orjson.dumps(findings.as_json(), option=orjson.OPT_INDENT_2))
        return
    for line in lines(findings, currency):
        click.echo(line)


def lines(findings: Findings, currency: str) -> Iterator[str]:
    """The findings, line by line."""
    one, other = findings.one, findings.other
    yield f"customers:  {findings.equal_customers:,} of {findings.customers:,} equal"
    if findings.settled:
        yield f"            {findings.settled:,} of them once both stood at one position"
    for words, count in (
        ("different in both", findings.different),
        (f"missing in build {other}", findings.missing),
        (f"extra in build {other}", findings.extra),
    ):
        if count:
            yield f"            {count:,} {words}"
    if findings.identities_alone:
        yield f"            {findings.identities_alone:,} differ in nothing that is scored"
    if findings.wrong:
        yield from _worth(findings, currency)
    for note in findings.notes:
        yield f"note: {note}"
    for example in findings.examples:
        yield f"{example.kind}: {example.who!r} {example.what}"
    if findings.wrong > len(findings.examples):
        yield f"and {findings.wrong - len(findings.examples):,} more"
    seconds = f"in {findings.seconds:.1f} s"
    if findings.equal:
        yield f"EQUAL: builds {one} and {other}, {findings.customers:,} customers {seconds}"
    else:
        yield (
            f"NOT EQUAL: builds {one} and {other}, {findings.wrong:,} of"
            f" {findings.customers:,} customers {seconds}"
        )


def _worth(findings: Findings, currency: str) -> Iterator[str]:
    if findings.comparable:
        delta, off = findings.money_delta_minor, findings.money_off_minor
        yield (
            f"revenue:    {amount(delta, currency)} more in build {findings.other} in sum,"
            f" {amount(off, currency)} apart without signs"
        )
    flips = ", ".join(f"{name} {count:,}" for name, count in findings.tier_flips.most_common())
    yield f"tiers:      {findings.tier_flips.total():,} flip{': ' + flips if flips else ''}"
    at = datetime.fromtimestamp(findings.as_of, UTC).strftime("%Y-%m-%d %H:%MZ")
    by = f"model {findings.model}" if findings.model else "the formula"
    if findings.comparable:
        yield f"ltv:        {findings.ltv_smape:.4g} % apart (SMAPE), by {by} as of {at}"
