"""Times of files: what can mean one thing is turned into RFC 3339, the rest is left alone."""

import pytest

from stream_app.jobs.send.moments import Moments


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("1997-01-01", "1997-01-01T00:00:00+09:00"),
        ("19970101", "1997-01-01T00:00:00+09:00"),
        ("1997-01-01 10:00", "1997-01-01T10:00:00+09:00"),
        ("1997-01-01T10:00:05.25", "1997-01-01T10:00:05.25+09:00"),
        ("1997-01-01T10:00:05Z", "1997-01-01T10:00:05Z"),
        ("1997-01-01 10:00:05+00", "1997-01-01T10:00:05+00:00"),
        ("1997-01-01 10:00:05 UTC", "1997-01-01T10:00:05Z"),
        ("1997-01-01T10:00:05+0530", "1997-01-01T10:00:05+05:30"),
        ("852076800", "1997-01-01T00:00:00Z"),
        ("852076800123", "1997-01-01T00:00:00.123Z"),
        ("03/04/1997", "03/04/1997"),
        ("1997-02-30", "1997-02-30"),
        ("19971301", "19971301"),
        ("", ""),
    ],
)
def test_what_can_mean_one_thing_is_turned(given: str, meant: str) -> None:
    assert Moments("Asia/Seoul").rfc3339(given) == meant


def test_the_offset_is_that_of_the_day_in_the_business_zone() -> None:
    moments = Moments("Europe/Berlin")
    assert moments.rfc3339("2025-01-15") == "2025-01-15T00:00:00+01:00"
    assert moments.rfc3339("2025-07-15") == "2025-07-15T00:00:00+02:00"
