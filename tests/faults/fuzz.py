"""The long form of the fuzzing of the decoder.

    python -m tests.faults.fuzz [INPUTS [SEED]]          or: make fuzz INPUTS=10000000

One process a core, each with a seed of its own; what was seen is printed and appended to fuzz.csv.
Ends with 1 where a law was broken, and prints the inputs that did it.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.faults.history import keep
from tests.wire.fuzzing import Findings, fuzz

FILE = Path(__file__).with_name("fuzz.csv")
COLUMNS = (
    *("inputs", "seed", "accepted", "refused", "wrong"),
    *("slowest ms", "slowest bytes", "largest state bytes", "seconds"),
)
PIECE = 250_000
"""Inputs of one seed: the next piece has the next seed."""


def run(inputs: int, seed: int) -> Findings:
    """All of them, on all cores; says how far it is."""
    found = Findings()
    sizes = [min(PIECE, inputs - start) for start in range(0, inputs, PIECE)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for one in pool.map(fuzz, range(seed, seed + len(sizes)), sizes):
            found += one
            print(f"{found.inputs:12,} inputs, {len(found.wrong)} wrong", flush=True)
    return found


def main(inputs: int = 1_000_000, seed: int = 1) -> int:
    """Run, show, keep; the exit code."""
    began = time.monotonic()
    found = run(inputs, seed)
    row = (
        *(found.inputs, seed, found.accepted, found.refused, len(found.wrong)),
        *(f"{found.slowest_seconds * 1000:.1f}", found.slowest_bytes, found.largest_state),
        f"{time.monotonic() - began:.0f}",
    )
    for name, value in zip(COLUMNS, row, strict=True):
        print(f"{name:20} {value}")
    for words in found.wrong[:20]:
        print(words)
    keep(FILE, COLUMNS, [row])
    return 1 if found.wrong else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
