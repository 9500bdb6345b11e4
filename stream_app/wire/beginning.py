"""The watermark that every state begins with: nothing read, and the settings that decide it."""

from __future__ import annotations

from stream_app.core.calendar import tzdata_version
from stream_app.core.zone_rules import rules_digest
from stream_app.settings import Settings
from stream_app.wire.changelog import Watermark
from stream_app.wire.state import STATE_VERSION


def nothing_yet(settings: Settings) -> Watermark:
    """The watermark of an empty state under these settings."""
    return Watermark(
        sources={},
        state_version=STATE_VERSION,
        time_zone=settings.time_zone,
        currency=settings.currency,
        partitioner=settings.partitioner,
        tzdata=tzdata_version(),
        zone_rules=rules_digest(settings.time_zone),
        partitions=settings.partitions,
        max_value=settings.max_value,
    )
