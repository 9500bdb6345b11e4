"""`make chaos SEED=n MINUTES=m`: random faults under random traffic and settings, then a verdict.

A round is a pure function of the seed and its number (`draw.py`): settings, traffic and a script of
the rig's rough words.  It is played on a Kafka and a Valkey of its own (`play.py`) and judged like
every fault test: nothing lost, nothing doubled, state and Redis equal to the oracle.
"""
