"""The README says what the program does: all of it, and nothing that isn't so.

What exists must be in the README, what the README names must exist, and its blocks are run, in
their order, on a real Kafka and a real Valkey; what they show must come out.
"""

from __future__ import annotations

import os
import re
import shlex
import uuid
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from stream_app.cli import ltv
from stream_app.core import identities
from stream_app.core.calendar import date_text
from stream_app.core.days import LAST_DAY
from stream_app.jobs import demo
from stream_app.jobs.verification.textfile import METRICS
from stream_app.metrics import TABLE
from stream_app.settings import Settings, declarations, load
from stream_app.wire.refusal import Reason
from stream_app.wire.score_fields import FIELDS
from stream_app.worker.life import STOP_SECONDS
from tests.docs.figures import NONE_YET, newest, table
from tests.docs.page import README, ROOT, Block, blocks, rewritten, table_names
from tests.docs.story import program_path, story
from tests.docs.tables import all_tables, error_types, leaves

PAGE = README.read_text(encoding="utf-8")
PROSE = re.sub(r"<!-- table: .*?<!-- end -->", "", PAGE, flags=re.DOTALL)
"""The page without what was generated."""
DATABASE = 7
"""Of the shared Valkey, for the README alone: its blocks have the key prefix of everybody."""
COMMANDS = {name for name, _ in leaves(ltv)}
VARIABLES = {
    variable
    for one in declarations(Settings)
    for variable in (one.variable, one.file_variable)
    if variable
}


def test_the_generated_tables_are_up_to_date() -> None:
    assert sorted(table_names(PAGE)) == sorted(all_tables())
    assert rewritten(PAGE, all_tables()) == PAGE, "run 'make docs'"


# -- what exists is in the README ------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_documented(name: str) -> None:
    assert f"`{name}" in PAGE


@pytest.mark.parametrize("name", sorted(VARIABLES))
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", [*(one.name for one in TABLE), *METRICS])
def test_every_metric_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("name", [one.name for one in FIELDS])
def test_every_field_of_a_score_is_documented(name: str) -> None:
    assert f"`{name}`" in PAGE


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_for_a_refusal_is_documented(reason: Reason) -> None:
    assert f"`{reason}`" in PAGE


@pytest.mark.parametrize("error", error_types(), ids=lambda error: error.__name__)
def test_every_error_is_documented_beside_its_exit_code(error: Any) -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith(f"| `{error.exit_code}` |"))
    assert f"`{error.__name__}`: " in row


@pytest.mark.parametrize("path", sorted((ROOT / "schemas").glob("*.*")), ids=lambda path: path.name)
def test_every_schema_is_documented(path: Path) -> None:
    assert f"(schemas/{path.name})" in PAGE


# -- what the README names exists ------------------------------------------------------------


def test_no_command_setting_metric_or_target_is_made_up() -> None:
    words = {name.removeprefix("ltv ") for name in COMMANDS} | {"dlq"}
    for name in re.findall(r"`(?:\.venv/bin/)?ltv ([a-z-]+(?: [a-z]+)?)", PAGE):
        assert name in words or name.split()[0] in words, f"ltv {name}"
    assert set(re.findall(r"\bLTV_[A-Z_]*[A-Z]\b", PROSE)) <= VARIABLES
    known = {one.name for one in TABLE} | {one.name for one in FIELDS} | METRICS.keys()
    assert set(re.findall(r"`(ltv_[a-z_]+)`", PAGE)) <= known
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", PAGE, re.MULTILINE)) <= targets


def test_every_link_leads_somewhere() -> None:
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    links = re.findall(r"\]\(([^)\s]+)\)", PAGE)
    assert len(links) > 20
    for link in links:
        target, _, anchor = link.partition("#")
        assert not anchor or anchor in anchors, link
        assert not target or (ROOT / target).exists(), link


def test_each_of_the_five_sentences_is_the_name_of_a_test() -> None:
    tests = (ROOT / "tests" / "test_five_sentences.py").read_text(encoding="utf-8")
    names = re.findall(r"def test_(\w+)\(", tests)
    sentences = re.findall(
        r"^\d\. \[([^]]+)\]\(tests/test_five_sentences\.py\)", PAGE, re.MULTILINE
    )
    assert len(sentences) == len(names) == 5
    for sentence, name in zip(sentences, names, strict=True):
        words = re.sub(r"[^a-z]+", "_", sentence.lower().replace("-", "_"))
        assert name == words.strip("_")


def test_the_figures_of_the_prose_are_those_of_the_code() -> None:
    limits = PROSE.partition("## Known limits")[2]
    assert f"latest {identities.KEPT:,} events" in limits
    assert f"end on {date_text(LAST_DAY - 1)}" in limits
    assert f"{Settings.session_seconds:g} s by default\n  (`LTV_SESSION_SECONDS`" in limits
    assert f"{Settings.refresh_hours:g} h old* (`LTV_REFRESH_HOURS`)" in limits
    assert f"`LTV_REFRESH_HOURS` ({Settings.refresh_hours:g})" in PROSE
    assert f"`LTV_PUBLISH_CHECK` ({Settings.publish_check:g} s" in PROSE
    assert f"drifted by `LTV_DRIFT` ({Settings.drift:g})" in PROSE
    assert f"`LTV_REPUBLISH_RATE` ({Settings.republish_rate:,.0f}) a second each" in PROSE
    assert f"handed everything over, within {STOP_SECONDS:g} s" in PROSE
    assert f"adds up {demo.REVENUE_MINOR / 100:,.2f} USD" in PROSE.replace("\n", " ")
    assert f"{Settings.http_host}:{Settings.http_port}`" in PROSE


def test_of_each_figure_the_newest_row_is_shown(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    assert table(path) == NONE_YET
    path.write_text(
        "date,commit,machine,figure,value,unit,target,note\n"
        '2026-01-01T10:00Z,aaa,M1 x 2,full work,6.1e+04,events/s,">= 60,000",old\n'
        "2026-01-02T10:00Z,bbb,M1 x 2,recovery,0.25,s,,\n"
        '2026-01-03T10:00Z,ccc,M1 x 2,full work,7.25e+04,events/s,">= 60,000",new\n'
    )
    assert [row["commit"] for row in newest(path)] == ["ccc", "bbb"]
    assert "| full work | 72,500 events/s | >= 60,000 | 2026-01-03 | ccc | new |" in table(path)
    assert "| recovery | 0.25 s |  | 2026-01-02 | bbb |  |" in table(path)


# -- the blocks run --------------------------------------------------------------------------


def test_every_block_says_how_it_is_run() -> None:
    for block in blocks(PAGE):
        known = block.how in ("stack", "beside", "redis", "settings", "make", "not")
        assert known or block.language == "text", f"line {block.line}"


def test_the_settings_of_the_example_are_accepted(tmp_path: Path) -> None:
    (block,) = (block for block in blocks(PAGE) if block.how == "settings")
    (tmp_path / "kafka").write_text("secret\n")
    (tmp_path / "redis-url").write_text("rediss://ltv:secret@redis:6380/0\n")
    text = block.text.replace("/run/secrets", str(tmp_path))
    words = [word for line in text.splitlines() for word in shlex.split(line, comments=True)]
    given = dict(word.split("=", 1) for word in words if word != "export")
    settings = load(given)
    assert settings.kafka_password == "secret"
    assert settings.topic_purchases == "shop.orders"


@pytest.mark.timeout(300)
def test_the_blocks_show_what_they_say(brokers: str, redis_url: str, tmp_path: Path) -> None:
    """One story from the first topic to the last refusal, in a database and topics of its own."""
    name = f"readme-{uuid.uuid4().hex[:8]}"
    database = f"{redis_url.rpartition('/')[0]}/{DATABASE}"
    environ = {
        **{key: value for key, value in os.environ.items() if not key.startswith("LTV_")},
        "PATH": program_path(),
        "LTV_BROKERS": brokers,
        "LTV_REDIS_URL": database,
        "LTV_APP_ID": name,
        "LTV_HTTP_PORT": "0",
        **{f"LTV_TOPIC_{role.upper()}": f"{name}-{role}" for role in ("signups", "activity")},
        "LTV_TOPIC_PURCHASES": f"{name}-purchases",
        "LTV_TOPIC_MODELS": f"{name}-models",
        "LTV_TOPIC_DEAD_LETTERS": f"{name}-letters",
    }
    with story(environ, tmp_path, README.name) as play:
        for block, after in pairwise([*blocks(PAGE), Block("", "", "", 0)]):
            play(block, after.text if after.mark == "shows" else "")
