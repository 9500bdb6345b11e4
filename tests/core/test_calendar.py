"""Days of the business time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_app.core.calendar import DAY_US, Calendar, day_from_text, tzdata_version

ZONES = (
    "UTC", "Etc/UTC", "Europe/Berlin", "America/New_York", "America/St_Johns", "Asia/Kathmandu",
    "Pacific/Apia", "Africa/Monrovia", "Australia/Lord_Howe", "America/Sao_Paulo", "Asia/Beirut",
)  # fmt: skip
CALENDARS = {zone: Calendar(zone) for zone in ZONES}
EPOCH = date(1970, 1, 1)
LAST_US = 65_534 * DAY_US


def shown(zone: str, at_us: int) -> int:
    """The definition: the date of the wall clock."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=at_us)
    return (at.astimezone(ZoneInfo(zone)).date() - EPOCH).days


@given(st.sampled_from(ZONES), st.integers(0, LAST_US))
def test_the_day_is_the_one_the_wall_calendar_shows(zone: str, at_us: int) -> None:
    assert CALENDARS[zone].day_of(at_us) == shown(zone, at_us)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "day", ["1970-01-01", "1972-01-07", "2011-12-30", "2024-03-31", "2018-11-04"]
)
def test_days_turn_at_the_right_second_around_changes_of_clocks(zone: str, day: str) -> None:
    noon_us = day_from_text(day) * DAY_US + DAY_US // 2
    for minute in range(-36 * 60, 36 * 60, 7):
        at_us = max(noon_us + minute * 60_000_000 - 1, 0)
        assert CALENDARS[zone].day_of(at_us) == shown(zone, at_us)


@given(st.sampled_from(ZONES), st.integers(1, 65_000))
def test_a_day_starts_when_it_is_first_shown(zone: str, day: int) -> None:
    calendar = CALENDARS[zone]
    start = calendar.start_of(day)
    assert calendar.day_of((start - 1) * 1_000_000) < day
    assert calendar.day_of(start * 1_000_000) >= day


def test_a_day_that_was_skipped_starts_with_the_next() -> None:
    apia = CALENDARS["Pacific/Apia"]
    skipped = day_from_text("2011-12-30")
    assert apia.start_of(skipped) == apia.start_of(skipped + 1)


def test_a_midnight_that_clocks_skip_is_the_first_instant_after_it() -> None:
    start = CALENDARS["America/Sao_Paulo"].start_of(day_from_text("2018-11-04"))
    assert datetime.fromtimestamp(start, UTC).isoformat() == "2018-11-04T03:00:00+00:00"


def test_months_and_texts() -> None:
    utc = CALENDARS["UTC"]
    assert [utc.month_of(day_from_text(text)) for text in ("1970-01-31", "1997-12-31")] == [0, 335]
    assert utc.month_text(335) == "1997-12"
    assert utc.month_text(-1) == "1969-12"
    assert utc.date_text(10_407) == "1998-06-30"
    assert utc.tzdata_version() == tzdata_version()


@pytest.mark.parametrize(
    "name", ["", "Mars/Olympus", "../UTC", "/etc/passwd", "Europe", "zone.tab"]
)
def test_an_unknown_zone_is_one_sentence(name: str) -> None:
    with pytest.raises(ValueError, match="is no time zone"):
        Calendar(name)


def test_an_instant_that_no_calendar_shows_is_an_error() -> None:
    with pytest.raises(ValueError, match="no day"):
        CALENDARS["Europe/Berlin"].day_of(10**18)
