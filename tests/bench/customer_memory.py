"""Bytes a customer, all in, of a million of them: `python -m tests.bench.customer_memory`.

The table is built as a worker builds it: keys and states as bytes, positions as integers, one dict.
Purchases a customer are drawn as in CDNOW: 2.94 on average, most with one.
"""

from __future__ import annotations

import gc
import random
import time

import psutil

from stream_app.core.customer import Customer
from stream_app.core.events import Purchase

CUSTOMERS = 1_000_000
MEAN_REPEATS = 1.94
GAMMA_SHAPE = 0.55
"""Of the purchase rate, as in the fit of CDNOW by Pareto/NBD: many buy once, few often."""


def table(size: int, seed: int = 1) -> dict[bytes, Customer]:
    """Customers by key, their purchases on days of 18 months."""
    rng = random.Random(seed)
    customers: dict[bytes, Customer] = {}
    number = 0
    for n in range(size):
        key = f"c-{n:07d}"
        customer = Customer()
        orders = 1 + int(rng.gammavariate(GAMMA_SHAPE, MEAN_REPEATS / GAMMA_SHAPE) + rng.random())
        for day in sorted(rng.randrange(9_862, 10_408) for _ in range(orders)):
            number += 1
            minor = rng.randrange(100, 20_000)
            customer.apply(Purchase(key, f"e-{number}", "o", 0, day, "USD", minor, minor))
        customer.pos = 1_000_000 + n
        customers[key.encode()] = customer
    return customers


def main() -> None:
    """Print resident memory a customer, the size of states, and what a full collection costs."""
    gc.collect()
    before = psutil.Process().memory_info().rss
    customers = table(CUSTOMERS)
    gc.collect()
    used = psutil.Process().memory_info().rss - before
    orders = sum(customer.orders for customer in customers.values())
    begun = time.process_time()
    gc.collect()
    print(f"purchases a customer        {orders / CUSTOMERS:.2f}")
    print(f"resident bytes a customer   {used / CUSTOMERS:.0f}")
    print(f"state bytes a customer      {sum(c.size for c in customers.values()) / CUSTOMERS:.0f}")
    print(f"full collection             {(time.process_time() - begun) * 1e3:.0f} ms")


if __name__ == "__main__":
    main()
