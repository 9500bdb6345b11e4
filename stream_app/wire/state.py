"""A customer's state as bytes: a version byte, then the facts as core lays them out.

Canonical: equal facts are equal bytes.  An older version is brought up to date when it is read, by
the function that `_UPGRADES` holds for it; a newer one is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from stream_app.core import facts
from stream_app.core.customer import Customer
from stream_app.errors import ChangelogFault

STATE_VERSION: Final = 1

_VERSION: Final = bytes((STATE_VERSION,))
_UPGRADES: Final[dict[int, Callable[[bytes], bytes]]] = {}
"""From an older version's facts to the next one's; version 1 is the first."""


class StateCorrupt(ChangelogFault):
    """These bytes are no customer's state; the message says what is wrong with them."""


def encode(customer: Customer) -> bytes:
    """The state; the customer's ``pos`` is not part of it."""
    return _VERSION + customer.facts


def decode(state: bytes) -> Customer:
    """The customer; StateCorrupt where lengths, counts or the version do not agree."""
    if state[:1] != _VERSION:
        state = _upgraded(state)
    body = state[1:]
    try:
        facts.check(body)
    except ValueError as error:
        raise StateCorrupt(f"not a customer's state: {error}") from None
    return Customer(body)


def _upgraded(state: bytes) -> bytes:
    if not state:
        raise StateCorrupt("not a customer's state: no bytes")
    version = state[0]
    if version not in _UPGRADES:
        raise StateCorrupt(f"state version {version}; this program reads up to {STATE_VERSION}")
    body = state[1:]
    while version < STATE_VERSION:
        body = _UPGRADES[version](body)
        version += 1
    return _VERSION + body
