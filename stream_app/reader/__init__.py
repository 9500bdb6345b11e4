"""The storefront's client: a customer's scores, evaluated at the instant at which they are read.

    with ScoreReader("redis://127.0.0.1:6379/0") as reader:
        score = reader.customer("c-17")

A read is one HGETALL. What depends on time is computed again from the facts in the hash and the
parameters in Redis, with the worker's own code, so that it equals what the worker would publish at
this moment. `AsyncScoreReader` is the same for asyncio. Other languages: schemas/reading.md.
"""

from stream_app.errors import ScoreUnavailable
from stream_app.reader.awaiting import AsyncScoreReader
from stream_app.reader.blocking import ScoreReader
from stream_app.reader.score import Score

__all__ = ["AsyncScoreReader", "Score", "ScoreReader", "ScoreUnavailable"]
