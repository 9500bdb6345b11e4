"""A made-up population, the same for the same seed: who buys, how often, for how long, how much.

Customers differ as in the models that score them, so that scores of simulated customers mean
something: they buy at a Poisson rate that is gamma-distributed over customers, may leave after any
purchase with a probability that is beta-distributed, and spend around a mean of their own
(Batislam et al. 2007; Fader & Hardie note 025). Parameters are rounded from the CDNOW fit, with
rates twice as high, so that a year shows something.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream_app.core.money import EXPONENTS
from stream_app.jobs.send.messages import Message

DAY_US = 86_400_000_000
CHANNELS = ("search", "social", "email", "direct", "affiliate")
CHANNEL_SHARES = (0.35, 0.25, 0.15, 0.2, 0.05)
R, ALPHA_DAYS, A, B = 0.6, 21.0, 0.8, 2.2
P, Q, GAMMA = 6.0, 3.8, 15.0
SIGNUP_SHARE, REFUND_SHARE, CANCEL_SHARE, ACTIVITY_PER_PURCHASE = 0.95, 0.04, 0.02, 2.0

Column = NDArray[np.int64]
Event = tuple[int, Message]
"""An event and its time, microseconds since the start."""

SPANS: Final = 1000
"""Parts of the time whose events are sorted at once: the sorting of millions hears no Ctrl-C."""
TOLD_EVERY: Final = 1000
"""Events between two words about how many are made."""


def _nobody(_count: int) -> None:
    pass


@dataclass(frozen=True)
class Purchases:
    """Purchases as columns: customer number, microseconds since the start, minor units."""

    customer: Column
    at_us: Column
    amount_minor: Column


class Population:
    """`customers` of them over `days` days that end at `end` (an aware time)."""

    def __init__(self, customers: int, seed: int, days: int, end: datetime, currency: str) -> None:
        self.size = customers
        self._seed = seed
        self._days = days
        self._start = end - timedelta(days=days)
        self._currency = currency
        self._exponent = EXPONENTS[currency]
        self._random = np.random.default_rng(seed)
        self._rate = self._random.gamma(R, 1 / ALPHA_DAYS, customers)  # purchases a day
        self._leaves = self._random.beta(A, B, customers)
        self._mean = P / self._random.gamma(Q, 1 / GAMMA, customers)  # major units
        self._channel = self._random.choice(len(CHANNELS), customers, p=CHANNEL_SHARES)
        self._first = self._random.uniform(0, days * 0.9, customers)  # days since the start

    def history(self, made: Callable[[int], None] = _nobody) -> Iterator[Message]:
        """All events of the population in the order of their time.

        They are made before it returns; `made` is told how many more there are.
        """
        purchases = self._purchases()
        spans: list[list[Event]] = [[] for _ in range(SPANS)]
        whole_us = self._days * DAY_US
        events = chain(self._signups(), self._orders(purchases), self._activity(purchases))
        number = 0
        for number, event in enumerate(events, start=1):
            spans[min(event[0] * SPANS // whole_us, SPANS - 1)].append(event)
            if number % TOLD_EVERY == 0:
                made(TOLD_EVERY)
        made(number % TOLD_EVERY)
        return _in_order(spans)

    def live(self, now: datetime) -> Iterator[Message]:
        """Purchases without end by customers drawn by their rates, to be stamped when sent.

        Ids begin with the start time, so that another run's purchases are others.
        """
        weights = self._rate / self._rate.sum()
        begun = int(now.timestamp() * 1000)
        number = 0
        while True:
            drawn = self._random.choice(self.size, 1000, p=weights)
            amounts = self._amounts(drawn)
            for customer, amount in zip(drawn.tolist(), amounts.tolist(), strict=True):
                number += 1
                at = datetime.now(UTC).isoformat(timespec="milliseconds")
                yield self._money("purchase", customer, f"live-{begun}-{number}", at, amount)

    def _purchases(self) -> Purchases:
        """Round by round: everybody's first purchase, then the next of those who stay."""
        customer = np.arange(self.size)
        at_days = self._first.copy()
        customers, times = [], []
        while len(customer):
            customers.append(customer)
            times.append(at_days)
            stays = self._random.random(len(customer)) >= self._leaves[customer]
            waits = self._random.exponential(1 / np.maximum(self._rate[customer], 1e-9))
            at_days = at_days + waits
            goes_on = stays & (at_days < self._days)
            customer, at_days = customer[goes_on], at_days[goes_on]
        everyone = np.concatenate(customers)
        at_us = (np.concatenate(times) * DAY_US).astype(np.int64)
        return Purchases(everyone, at_us, self._amounts(everyone))

    def _amounts(self, customer: Column) -> Column:
        """Minor units, gamma-distributed around each customer's mean."""
        major = self._random.gamma(P, self._mean[customer] / P)
        minor: Column = np.maximum(np.rint(major * 10**self._exponent), 1).astype(np.int64)
        return minor

    def _signups(self) -> Iterator[Event]:
        signed = self._random.random(self.size) < SIGNUP_SHARE
        before = self._random.exponential(2.0, self.size)  # days before the first purchase
        for customer in np.flatnonzero(signed).tolist():
            at_us = int(max(self._first[customer] - before[customer], 0.0) * DAY_US)
            channel = CHANNELS[self._channel[customer]]
            body = f'"type":"signup",{self._who(customer, f"signup-{customer}", self._text(at_us))}'
            value = f'{{{body},"channel":"{channel}"}}'.encode()
            yield at_us, Message("signups", self._id(customer).encode(), value)

    def _orders(self, purchases: Purchases) -> Iterator[Event]:
        """Purchases, and for some of them a refund of a part or a cancellation."""
        fate = self._random.random(len(purchases.at_us))
        later = self._random.uniform(0, 14, len(purchases.at_us)) * DAY_US
        part = self._random.uniform(0.1, 1.0, len(purchases.at_us))
        columns = (purchases.customer, purchases.at_us, purchases.amount_minor, fate, later, part)
        for number, row in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
            customer, at_us, amount, destiny, wait, share = row
            order, at = f"order-{number}", self._text(at_us)
            yield at_us, self._money("purchase", customer, order, at, amount)
            then_us = min(at_us + int(wait), self._days * DAY_US)
            then = self._text(then_us)
            if destiny < REFUND_SHARE:
                taken = max(1, round(amount * share))
                yield then_us, self._money("refund", customer, order, then, taken)
            elif destiny < REFUND_SHARE + CANCEL_SHARE:
                yield then_us, self._money("cancellation", customer, order, then, amount, at)

    def _activity(self, purchases: Purchases) -> Iterator[Event]:
        """Visits in the days around purchases."""
        visits = self._random.poisson(ACTIVITY_PER_PURCHASE, len(purchases.at_us))
        at_us = np.repeat(purchases.at_us, visits)
        shift = self._random.normal(0, 5, len(at_us)) * DAY_US
        at_us = np.clip(at_us + shift, 0, self._days * DAY_US).astype(np.int64)
        customers = np.repeat(purchases.customer, visits)
        for number, (customer, at) in enumerate(
            zip(customers.tolist(), at_us.tolist(), strict=True)
        ):
            body = f'"type":"activity",{self._who(customer, f"visit-{number}", self._text(at))}'
            value = f'{{{body},"kind":"visit"}}'.encode()
            yield at, Message("activity", self._id(customer).encode(), value)

    def _money(
        self, kind: str, customer: int, order: str, at: str, amount: int, ordered_at: str = ""
    ) -> Message:
        extra = f',"ordered_at":"{ordered_at}"' if ordered_at else ""
        value = (
            f'{{"type":"{kind}",{self._who(customer, f"{kind}-{order}", at)},'
            f'"order_id":"{self._seed}-{order}","amount":"{self._decimal(amount)}",'
            f'"currency":"{self._currency}"{extra}}}'
        )
        return Message("purchases", self._id(customer).encode(), value.encode())

    def _who(self, customer: int, event: str, at: str) -> str:
        return (
            f'"event_id":"{self._seed}-{event}","customer_id":"{self._id(customer)}",'
            f'"occurred_at":"{at}"'
        )

    def _id(self, customer: int) -> str:
        return f"sim-{self._seed}-{customer:07d}"

    def _text(self, at_us: int) -> str:
        return (self._start + timedelta(microseconds=at_us)).isoformat(timespec="milliseconds")

    def _decimal(self, amount_minor: int) -> str:
        if self._exponent == 0:
            return str(amount_minor)
        whole, rest = divmod(amount_minor, 10**self._exponent)
        return f"{whole}.{rest:0{self._exponent}d}"


def _in_order(spans: list[list[Event]]) -> Iterator[Message]:
    for span in spans:
        span.sort(key=lambda event: (event[0], event[1].key, event[1].value))
        for _, message in span:
            yield message
        span.clear()
