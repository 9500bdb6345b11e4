"""`ltv backfill`: a history that never went through Kafka becomes a new build's state.

command.py   the whole: look, read, write       order.py    what was asked for
sources.py   files and SQL, columns and fields  staging.py  the rows in a database of their own
plain.py     most rows, by SQL                  odd.py      the others, by the decoder
reading.py   from sources to sorted buckets     clock.py    many times into instants and days
folding.py   a bucket into states               packing.py  most customers, by columns
cut.py       from where the stream goes on      marks.py    the watermarks that say so
showing.py   what is said of it
"""

from stream_app.jobs.backfill.command import run
from stream_app.jobs.backfill.order import Order

__all__ = ["Order", "run"]
