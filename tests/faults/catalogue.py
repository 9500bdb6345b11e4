"""The faults that the suite makes, by the number that a test's marker gives.

A test says which it makes: ``@pytest.mark.fault("F7")``.  Each has a row in the table of every run,
whether its test ran, was skipped, or is missing.
"""

from __future__ import annotations

from typing import Final

FAULTS: Final = {
    "F1": "the only worker killed (SIGKILL) at random moments under load",
    "F2": "death at each failpoint, from folding to handing over",
    "F3": "killed during recovery, ten times in a row",
    "F4": "slow appends, and a kill at the first commit of offsets",
    "F5": "15 error codes of a broker, connections cut, silence of 20 s",
    "F6": "the broker killed and frozen",
    "F7": "Redis killed, frozen, emptied, old, full, read-only",
    "F8": "a slow Redis whose connections break",
    "F9": "poison: every reason for a refusal",
    "F10": "duplicates and replays, across restarts",
    "F11": "events out of order",
    "F12": "a worker's clock that is wrong, and jumps",
    "F13": "giant values, a giant customer, a hot key",
    "F14": "workers come and go, more of them than partitions",
    "F15": "a worker that slept past its session (a zombie)",
    "F16": "a full disk, under the broker and under Redis",
    "F17": "told to stop (SIGTERM) under load, without Redis, without a broker",
    "F18": "the group's offsets moved or deleted",
    "F19": "another source: topics re-created, partitions added, changelog deleted",
    "F20": "aggressive compaction",
    "F21": "random settings",
    "F22": "backfill beside live traffic, cut over, rolled back",
    "F23": "a long run with a random fault every few minutes",
    "F24": "five times too much load, and a blocked event loop",
    "F25": "an upgrade of Faust; acknowledgements out of order",
    "F26": "an append whose outcome is unknown, while partitions are revoked",
}
"""What happens, in a few words."""
