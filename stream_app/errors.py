"""What can go wrong with the world, and what each means for delivery.

Trouble with a record is not an error here: it is a value (`Refusal`, `Outcome.DUPLICATE`), and the
worker goes on. What is raised ends the process, and its type says what a supervisor should do:

    LtvError                      the base; never raised itself
    ├── UsageError            2   the command line is wrong: nothing was read, sent or folded
    ├── ConfigurationError   78   a setting, a topic or a server is not as it must be: do not
    │   │                         restart me, somebody has to change something first
    │   └── SourceMismatch   78   the log is not the one the state was built from: nothing was
    │                             folded; restarting would only refuse again
    ├── NotFound              1   what was asked for is not there
    ├── NotReady              1   a build is not in a state for what is asked: nothing was changed,
    │                             later it may be
    ├── VerificationFailed    1   a command that compares found a difference: nothing was changed
    └── Fault                 1   the world failed while we worked: restart me. What was not
        │                         acknowledged is read again, so nothing is lost or counted twice
        ├── Unreachable       1   a server did not answer within the time allowed
        ├── ScoreUnavailable  1   a storefront's read of a score failed: show the page without
        ├── ChangelogFault    1   the outcome of an append is unknown or bad, or the changelog
        │                         can't be read: the memory it belongs to is dropped and read again
        ├── ChainBroken       1   a slice does not begin where the one before ended: the source
        │                         is read again from the watermark
        ├── Deposed           1   another worker has claimed a partition of mine: stop writing
        └── Incomplete        1   a command ended before all of its records were acknowledged

A message is one sentence or two: what happened, where, and what to do about it. It never holds a
secret, and anything a stranger chose (an id, a header) is shown through `repr`.
"""

from __future__ import annotations

from typing import ClassVar


class LtvError(Exception):
    """The base of all that is raised on purpose; `exit_code` is what the process ends with."""

    exit_code: ClassVar[int] = 1


class UsageError(LtvError):
    """The command line asks for something that makes no sense; nothing was done."""

    exit_code: ClassVar[int] = 2


class ConfigurationError(LtvError):
    """A setting, topic or server is not as it must be; a restart would change nothing."""

    exit_code: ClassVar[int] = 78


class SourceMismatch(ConfigurationError):
    """The topics or settings are not those the state was built from; nothing was folded."""


class NotFound(LtvError):
    """What was asked for is not there."""


class NotReady(LtvError):
    """A build is not in a state to be switched to, or removed; nothing was changed."""


class VerificationFailed(LtvError):
    """A comparison found a difference; the message counts it."""


class Fault(LtvError):
    """The world failed while we worked; after a restart the work goes on where it was durable."""


class Unreachable(Fault):
    """A server did not answer in time."""


class ScoreUnavailable(Fault):
    """A score could not be read: Redis did not answer in time, or what it holds is no score."""


class ChangelogFault(Fault):
    """An append was not acknowledged for certain, or the changelog can't be read."""


class ChainBroken(Fault):
    """A slice does not continue where the one before it ended."""


class Deposed(Fault):
    """Another worker has claimed a partition that this one was writing."""


class Incomplete(Fault):
    """A command stopped before everything it set out to do was acknowledged."""
