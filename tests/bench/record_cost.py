"""What making the object of one fetched record costs, aiokafka's and ours: us a record.

``python -m tests.bench.record_cost``
"""

from __future__ import annotations

import timeit
from collections.abc import Callable
from functools import partial
from typing import Any

from aiokafka import TopicPartition
from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from stream_app.stores import light_records

RECORDS = 10_000
ROUNDS = 15


class _Plain:
    """A consumer without deserializers, as far as making a record goes."""

    _key_deserializer = _value_deserializer = None


def main() -> None:
    """Print both, less the walk over the batch."""
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, -1, 10_000_000)
    for number in range(RECORDS):
        key, value = b"customer-%d" % number, b"x" * 180
        builder.append(number, timestamp=1_700_000_000_000, key=key, value=value, headers=[])
    batch, place, plain = bytearray(builder.build()), TopicPartition("purchases", 3), _Plain()

    def best_us(make: Callable[[Any], object]) -> float:
        def run() -> None:
            for record in DefaultRecordBatch(batch):
                make(record)

        return min(timeit.repeat(run, number=1, repeat=ROUNDS)) / RECORDS * 1e6

    walk = best_us(lambda _: None)
    made = {"aiokafka": light_records._theirs, "ours": light_records._light}
    for name, make in made.items():
        cost = best_us(partial(make, plain, place)) - walk
        print(f"{name:10} {cost:.2f} us a record")


if __name__ == "__main__":
    main()
