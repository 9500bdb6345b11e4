"""What end to end and fault tests are made of: workers, load, faults, and a judge.

A test is a script (`script.py`): a list of steps such as ``[start(), feed(5_000), kill9(), ...]``
that act on a `Stage`, its own topics, keys and worker processes on a Kafka and a Valkey that all
tests share.  At the end the `judge` recounts by brute force what must have come of it.
"""
