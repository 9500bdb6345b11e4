"""`ltv replay`: the log, or a part of it, folded again by the worker's own fold.

command.py     the whole: look, fold, tell       order.py     what was asked for
span.py        from which offsets to which       target.py    what becomes of the states
processes.py   partitions over processes         work.py      what one process does
checkpoint.py  how far it was when it stopped    result.py    what was found, and the state hash
table.py       a Parquet file of customers       showing.py   what is said of it
"""

from stream_app.jobs.replay.command import run
from stream_app.jobs.replay.order import Order

__all__ = ["Order", "run"]
