"""Recounted facts against the state in the changelog, customer by customer, day by day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from stream_app.core.customer import Customer
from stream_app.jobs.changelog_reader import Version
from stream_app.jobs.recount.instant import day_text
from stream_app.jobs.recount.ledger import Day, Facts, Ledger
from stream_app.jobs.verification.findings import Findings, Tally
from stream_app.wire.state import decode


def facts_of(customer: Customer) -> Facts:
    """What a state says, in the recount's own terms."""
    signup = customer.signup
    return Facts(
        rev=customer.rev,
        days=tuple((*bucket,) for bucket in customer.buckets),
        signup=(signup.at_us, signup.event_id, signup.channel or "") if signup else None,
        months=tuple(customer.active_months),
        foreign=tuple((code, *sums) for code, sums in sorted(customer.unconverted.items())),
    )


def compare_states(
    number: int,
    recounted: Mapping[str, Ledger],
    held: Mapping[bytes, Version],
    findings: Findings,
) -> None:
    """Compare every customer of one partition; money deltas are state less recount."""
    tally = findings.state = findings.state or Tally()
    findings.customers += len(held)
    for customer, ledger in recounted.items():
        version = held.get(customer.encode())
        expected = ledger.facts()
        if ledger.past_the_duplicate_bound:
            findings.past_the_duplicate_bound += 1
        if version is None:
            tally.missing += 1
            _money(findings, -expected.revenue)
            findings.differs("state", customer, f"is in the topics, not in partition {number}")
            continue
        found = facts_of(decode(version.body))
        findings.revenue_minor += found.revenue
        if found == expected:
            tally.equal += 1
        elif ledger.past_the_duplicate_bound:
            findings.unpromised_different += 1
        else:
            tally.different += 1
            _money(findings, found.revenue - expected.revenue)
            findings.differs("state", customer, difference(found, expected))
    for key in held.keys() - {customer.encode() for customer in recounted}:
        tally.extra += 1
        found = facts_of(decode(held[key].body))
        findings.revenue_minor += found.revenue
        _money(findings, found.revenue)
        who = key.decode("utf-8", "replace")
        findings.differs("state", who, f"is in partition {number}, not in the topics")


def compare_partly(
    number: int,
    recounted: Mapping[str, Ledger],
    held: Mapping[bytes, Version],
    net_minor: int,
    findings: Findings,
) -> None:
    """Without the history that the state began with: does it hold at least what the topics say, and
    does the money of its customers come to what it has counted?"""
    tally = findings.partly = findings.partly or Tally()
    findings.customers += len(held)
    revenue = 0
    for key, version in held.items():
        found = facts_of(decode(version.body))
        revenue += found.revenue
        ledger = recounted.get(key.decode("utf-8", "replace"))
        lacks = _lacks(found, ledger) if ledger is not None else None
        if lacks is None:
            tally.equal += 1
        else:
            tally.different += 1
            findings.differs("state", key.decode("utf-8", "replace"), lacks)
    for customer in recounted.keys() - {key.decode("utf-8", "replace") for key in held}:
        tally.missing += 1
        findings.differs("state", customer, f"is in the topics, not in partition {number}")
    findings.revenue_minor += revenue
    if revenue != net_minor:
        findings.problems.append(
            f"partition {number}: the customers' revenue is {revenue:,} minor units, the money"
            f" counted {net_minor:,}"
        )


def _lacks(found: Facts, ledger: Ledger) -> str | None:
    """What the topics say of a customer and the state does not; None where nothing."""
    expected = ledger.facts()
    if found.rev < expected.rev:
        return f"rev is {found.rev:,}, the topics alone have {expected.rev:,}"
    if not set(found.months) >= set(expected.months):
        return f"active months are {found.months}, the topics have {expected.months}"
    if expected.signup is not None and (found.signup is None or found.signup > expected.signup):
        return f"signup is {found.signup!r}, the topics have {expected.signup!r}"
    return None


def difference(found: Facts, expected: Facts) -> str:
    """What differs, in one line: the first day that does, or the first fact."""
    if found.days != expected.days:
        return _days_difference(found.days, expected.days)
    for field in fields(Facts):
        ours, theirs = getattr(found, field.name), getattr(expected, field.name)
        if ours != theirs:
            return f"{field.name} is {ours!r}, recounted {theirs!r}"
    return "nothing differs"


def _days_difference(found: tuple[Day, ...], expected: tuple[Day, ...]) -> str:
    ours, theirs = ({day[0]: day[1:] for day in days} for days in (found, expected))
    day = min(day for day in ours.keys() | theirs.keys() if ours.get(day) != theirs.get(day))
    held, counted = (_words(days.get(day, (0, 0, 0))) for days in (ours, theirs))
    return f"{day_text(day)} has {held}, recounted {counted}"


def _words(sums: tuple[int, ...]) -> str:
    orders, gross, refunds = sums
    return f"{orders} orders, gross {gross}, refunds {refunds}"


def _money(findings: Findings, delta_minor: int) -> None:
    findings.money_delta_minor += delta_minor
    findings.money_off_minor += abs(delta_minor)
