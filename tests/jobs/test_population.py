"""A simulated population: the same for the same seed, varied, and acceptable to a worker."""

import itertools
import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from stream_app.core.calendar import Calendar
from stream_app.jobs.send.messages import Message
from stream_app.jobs.send.population import Population
from stream_app.wire.events import Decoder
from stream_app.wire.record import Record
from stream_app.wire.refusal import Refusal

END = datetime(2025, 6, 1, tzinfo=UTC)


def history(seed: int = 1, customers: int = 300, currency: str = "USD") -> list[Message]:
    return list(Population(customers, seed, 365, END, currency).history())


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others() -> None:
    assert history(1) == history(1)
    assert history(1) != history(2)


def test_every_event_is_accepted_by_the_worker() -> None:
    now = int(END.timestamp() * 1000)
    for currency in ("USD", "KRW", "KWD"):
        decoders = {
            role: Decoder(role, Calendar("UTC"), currency, 10_000)
            for role in ("purchases", "signups", "activity")
        }
        for message in history(currency=currency):
            record = Record("t", 0, 0, now, message.key, message.value)
            outcome = decoders[message.role].decode(record)
            assert not isinstance(outcome, Refusal), (message, outcome)


def test_events_come_in_the_order_of_their_time() -> None:
    times = [json.loads(message.value)["occurred_at"] for message in history()]
    assert times == sorted(times)
    assert times[-1] <= END.isoformat(timespec="milliseconds")


def test_all_types_occur_and_customers_differ() -> None:
    events = [json.loads(message.value) for message in history()]
    types = Counter(event["type"] for event in events)
    assert set(types) == {"purchase", "refund", "cancellation", "signup", "activity"}
    bought = Counter(event["customer_id"] for event in events if event["type"] == "purchase")
    assert len(bought) == 300
    assert sum(count == 1 for count in bought.values()) > 30
    assert max(bought.values()) > 10


def test_identities_are_distinct_and_nothing_given_back_was_not_bought() -> None:
    events = [json.loads(message.value) for message in history()]
    ids = [(event["type"], event["event_id"]) for event in events]
    assert len(set(ids)) == len(ids)
    bought = {e["order_id"]: Decimal(e["amount"]) for e in events if e["type"] == "purchase"}
    for event in events:
        if event["type"] in {"refund", "cancellation"}:
            assert Decimal(event["amount"]) <= bought[event["order_id"]]


@pytest.mark.parametrize(("currency", "digits"), [("USD", 2), ("KRW", 0), ("KWD", 3)])
def test_amounts_have_the_digits_of_their_currency(currency: str, digits: int) -> None:
    amounts = {
        event["amount"]
        for event in (json.loads(message.value) for message in history(currency=currency))
        if "amount" in event
    }
    assert {-int(Decimal(amount).as_tuple().exponent) for amount in amounts} == {digits}


def test_live_traffic_goes_on_and_never_repeats_itself() -> None:
    people = Population(10, 1, 365, END, "USD")
    some = list(itertools.islice(people.live(END), 2500))
    assert len({message.value for message in some}) == 2500
    assert all(message.role == "purchases" for message in some)
