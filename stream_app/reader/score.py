"""What a read answers."""

from __future__ import annotations

from stream_app.wire.scores import ScoreHash


class Score(ScoreHash, frozen=True, kw_only=True, gc=False):
    """A customer's hash as values, at the reader's now; None: absent.

    The fields are those of `ScoreHash`, and their meanings stand in the README. `as_of` is now.
    """

    not_evaluated: str | None = None
    """Why the fields are as the worker published them, at an earlier `as_of`, and not as of now:
    one sentence. None: everything holds now."""
