"""Champion and challenger: which of the published models are in use, and who is scored by which.

The champion scores everybody, but for a share of the customers, whom the challenger scores. Who
they are is a matter of the customer id alone, so that any program can tell, on any machine:

    first 8 bytes of SHA-256(id), as a big-endian integer, / 2^64  <  share

Nobody changes sides while the share stays, and a larger share only adds to the challenger's
customers. `schemas/redis.md` has values to check against.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from stream_app.core.identities import sha256

if TYPE_CHECKING:
    from stream_app.core.models.parameters import ModelParameters


class InUse(NamedTuple):
    """The models that score somebody or are graded; either may be missing."""

    champion: ModelParameters | None
    challenger: ModelParameters | None


def in_use(models: Iterable[ModelParameters]) -> InUse:
    """Of usable models, in the order they were published: the last champion and challenger.

    A challenger by the champion's own id is none: it would be compared with itself.
    """
    last = {model.role: model for model in models}
    champion, challenger = last.get("champion"), last.get("challenger")
    if champion is not None and challenger is not None and challenger.id == champion.id:
        challenger = None
    return InUse(champion, challenger)


def challenged(customer_ids: Sequence[bytes], share: float) -> list[bool]:
    """For each customer whether the challenger, which has this share (0-1), scores it.

    >>> challenged([b"c-20", b"c-1", b"c-17"], 0.5)
    [True, False, False]
    """
    # Digests and the bound compare as bytes exactly as their numbers do: no integer is made of
    # each digest, and no rounding decides.
    bound = ceil(share * 2**64)
    if bound >= 2**64:
        return [True] * len(customer_ids)
    least_outside = bound.to_bytes(8, "big")
    return [sha256(each).digest() < least_outside for each in customer_ids]
