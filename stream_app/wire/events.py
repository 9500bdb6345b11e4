"""A record of a customer topic into an event, or the reason why not."""

from __future__ import annotations

from stream_app.core.calendar import Calendar
from stream_app.core.events import Event
from stream_app.core.money import EXPONENTS
from stream_app.wire.record import Readable
from stream_app.wire.refusal import Refusal, Refused
from stream_app.wire.rules import Rules
from stream_app.wire.usual import Usual, usual_activity, usual_money, usual_signup


class Decoder:
    """Reads one topic's records: ``topic_role`` is ``purchases``, ``signups`` or ``activity``.

    Total: any bytes give an event or a refusal, in bounded time.

    >>> from stream_app.wire.record import Record
    >>> decoder = Decoder("purchases", Calendar("UTC"), "USD", max_value=1000)
    >>> decoder.decode(Record("purchases", 0, 0, 0, b"c-1", b'{"amount": 1'))
    Refusal(reason=<Reason.NOT_JSON: 'not_json'>, detail="not JSON: 'Input data was truncated'")
    """

    def __init__(self, topic_role: str, calendar: Calendar, currency: str, max_value: int) -> None:
        if currency not in EXPONENTS:
            raise ValueError(f"{currency!r} is no ISO 4217 currency with a minor unit")
        self._event_of = Rules(topic_role, calendar, currency, max_value).event_of
        self._usual = _usual(topic_role, calendar, currency, max_value)

    def decode(self, record: Readable) -> Event | Refusal:
        """The event, or the refusal by the first rule that does not hold."""
        return self._usual(record) or self.decode_by_rules(record)

    def decode_by_rules(self, record: Readable) -> Event | Refusal:
        """The same by the rules alone, without the fast way for usual records."""
        try:
            return self._event_of(record)
        except Refused as refused:
            return refused.refusal


def _usual(topic_role: str, calendar: Calendar, currency: str, max_value: int) -> Usual:
    if topic_role == "purchases":
        return usual_money(calendar, currency, max_value)
    if topic_role == "signups":
        return usual_signup(calendar, max_value)
    return usual_activity(calendar, max_value)
