"""Logs: one line an event on the given stream, no secret, nothing a stranger can forge."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from stream_app.log import configure
from stream_app.settings import load


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_json_is_one_object_a_line_with_secrets_masked_and_ids_escaped(
    stream: io.StringIO,
) -> None:
    configure(load({"LTV_LOG_FORMAT": "json"}), stream)
    log = structlog.get_logger("here")
    log.info("seen", customer="a\nb\x1b[2J", kafka_password="x", url="redis://u:pw@h/0")
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event["event"] == "seen"
    assert event["level"] == "info"
    assert event["customer"] == "a\\nb\\x1b[2J"
    assert event["kafka_password"] == "********"
    assert event["url"] == "redis://u:********@h/0"


def test_what_libraries_log_comes_out_in_the_same_form(stream: io.StringIO) -> None:
    configure(load({"LTV_LOG_FORMAT": "json"}), stream)
    logging.getLogger("aiokafka").warning("gone: %s", "redis://:pw@h")
    event = json.loads(stream.getvalue())
    assert event["event"] == "gone: redis://:********@h"
    assert event["logger"] == "aiokafka"


def test_a_line_for_people_stays_one_line(stream: io.StringIO) -> None:
    configure(load({"LTV_LOG_FORMAT": "console"}), stream)
    structlog.get_logger("here").info("seen", detail="first\nsecond\r\x1b[31m")
    assert len(stream.getvalue().splitlines()) == 1
    assert "\x1b[31m" not in stream.getvalue()


def test_the_level_is_a_setting(stream: io.StringIO) -> None:
    configure(load({"LTV_LOG_FORMAT": "json", "LTV_LOG_LEVEL": "error"}), stream)
    structlog.get_logger("here").info("quiet")
    assert stream.getvalue() == ""
