"""Where a report's totals come from: Redis alone."""

from __future__ import annotations

from stream_app.core.cohorts.cells import Table
from stream_app.errors import Fault, NotFound
from stream_app.settings import Settings
from stream_app.settings.declaration import url_without_password
from stream_app.stores.keys import COHORTS
from stream_app.stores.reader import score_reader
from stream_app.wire.published_cohorts import PublishedCohorts, published_cohorts


def read_cohorts(settings: Settings, table: Table) -> PublishedCohorts:
    """One table of the publication in use, summed over its partitions; NotFound without any."""
    shown = url_without_password(settings.redis_url)
    prefix, build = settings.key_prefix, settings.build
    with score_reader(settings.redis_url, shown, prefix, build) as reader:
        values = reader.summaries(COHORTS)
    if not values:
        raise NotFound(
            f"No cohort totals are published under {prefix!r} at {shown}: a worker publishes them"
            " within seconds of its start."
        )
    try:
        return published_cohorts(values, table)
    except ValueError as error:
        raise Fault(f"The cohort totals at {shown} can't be read: {error}.") from None
