"""`ltv send`: events from files, or of a made-up population, into Kafka."""

from stream_app.jobs.send.command import run
from stream_app.jobs.send.order import Order

__all__ = ["Order", "run"]
