"""What happened to a customer, already checked: five kinds of event.

Instants are microseconds since 1970-01-01T00:00:00Z; days are days since 1970-01-01 in the
business time zone (-1 is possible: west of Greenwich the first hours of 1970 still were
1969-12-31). Money is whole minor units (cents of USD, won of KRW): ``amount_minor`` in the order's
own ``currency``, ``base_minor`` converted into the base currency, None where the order came
without a rate.
"""

from __future__ import annotations

from msgspec import Struct


class Purchase(Struct, frozen=True, gc=False):
    """Somebody bought something."""

    customer_id: str
    event_id: str
    order_id: str
    at_us: int
    day: int
    currency: str
    amount_minor: int
    base_minor: int | None


class Refund(Struct, frozen=True, gc=False):
    """Money went back on ``day``; the order stays an order."""

    customer_id: str
    event_id: str
    order_id: str
    at_us: int
    day: int
    currency: str
    amount_minor: int
    base_minor: int | None


class Cancellation(Struct, frozen=True, gc=False):
    """A whole purchase is taken back as if it had not been.

    ``day`` is the day of the purchase it takes back; ``at_us`` and ``occurred_day`` are those of
    the cancellation itself.
    """

    customer_id: str
    event_id: str
    order_id: str
    at_us: int
    day: int
    currency: str
    amount_minor: int
    base_minor: int | None
    occurred_day: int


class Signup(Struct, frozen=True, gc=False):
    """A customer signed up, perhaps through a channel that is known."""

    customer_id: str
    event_id: str
    at_us: int
    day: int
    channel: str | None


class Activity(Struct, frozen=True, gc=False):
    """A customer was seen: ``kind`` is ``login`` or ``visit``."""

    customer_id: str
    event_id: str
    at_us: int
    day: int
    kind: str


Event = Purchase | Refund | Cancellation | Signup | Activity
