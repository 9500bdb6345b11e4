"""The command line: quick to start, clear when it is wrong, JSON alone on standard output."""

import json
import os
import signal
import subprocess
import sys

import click
import pytest
from aiokafka.errors import RequestTimedOutError, TopicAuthorizationFailedError
from click.testing import CliRunner, Result
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeout

from stream_app.cli import ltv
from stream_app.cli.group import outcome

COMMANDS = (
    "demo",
    "dev",
    "worker",
    "send",
    "show",
    "explain",
    "verify",
    "report",
    "dlq",
    "builds",
    "diff",
    "cut-over",
    "backfill",
    "fit",
    "validate",
    "models",
    "replay",
    "serve",
    "topics",
    "settings",
)


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`ltv` in a process of its own, with no LTV_* but those given."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LTV_")}
    return subprocess.run(
        [sys.executable, "-m", "stream_app", *arguments],
        env={**clean, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def helped(*arguments: str) -> Result:
    return CliRunner().invoke(ltv, [*arguments, "--help"])


def test_help_names_every_command() -> None:
    text = helped().output
    assert all(f"\n  {command} " in text for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    answer = helped(command)
    assert answer.exit_code == 0
    assert len(answer.output.splitlines()) > 4


def test_an_option_that_is_a_setting_shows_its_variable() -> None:
    text = " ".join(helped("worker").output.split())
    assert "[env: LTV_BROKERS]" in text
    assert "[env: LTV_HTTP_PORT]" in text


def test_importing_the_command_line_imports_no_client_and_no_model() -> None:
    heavy = ("faust", "aiokafka", "numpy", "redis", "aiohttp", "duckdb", "structlog", "rich")
    code = f"import sys, stream_app.cli; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_mistyped_command_is_wrong_usage_and_names_the_nearest() -> None:
    done = run("wrker")
    assert done.returncode == 2
    assert "Did you mean 'worker'?" in done.stderr
    assert done.stdout == ""


def test_a_mistyped_option_is_wrong_usage_and_names_the_nearest() -> None:
    done = run("topics", "--broker", "x:1")
    assert done.returncode == 2
    assert "--brokers" in done.stderr


def test_a_mistyped_variable_is_wrong_configuration_in_one_sentence() -> None:
    done = run("settings", LTV_BROKER="x:1")
    assert done.returncode == 78
    assert done.stderr.startswith("ltv: LTV_BROKER is not a setting; the nearest is LTV_BROKERS.")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_bad_value_of_an_option_is_wrong_configuration_that_says_where_it_came_from() -> None:
    done = run("topics", "--partitions", "many")
    assert done.returncode == 78
    assert "LTV_PARTITIONS (from command line) is 'many'" in done.stderr


def test_no_broker_is_a_fault_in_one_sentence() -> None:
    done = run("topics", LTV_BROKERS="127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr == "ltv: No Kafka broker answers at 127.0.0.1:1 (LTV_BROKERS).\n"


def test_settings_as_json_is_one_object_with_masked_secrets() -> None:
    done = run("settings", "--json", LTV_REDIS_URL="redis://u:hunter2@h:1/0", LTV_BUILD="2")
    assert done.returncode == 0
    assert "hunter2" not in done.stdout + done.stderr
    shown = {one["variable"]: one for one in json.loads(done.stdout)["settings"]}
    assert shown["LTV_BUILD"]["value"] == 2
    assert shown["LTV_BUILD"]["origin"] == "environment"
    assert shown["LTV_REDIS_URL"]["value"] == "redis://u:********@h:1/0"


def test_settings_for_people_say_where_a_value_came_from() -> None:
    done = run("settings", LTV_BUILD="2")
    line = next(line for line in done.stdout.splitlines() if "LTV_BUILD" in line)
    assert line.split() == ["LTV_BUILD", "2", "<-", "environment"]


def test_send_needs_either_files_or_a_simulation() -> None:
    done = run("send")
    assert done.returncode == 2
    assert done.stderr.startswith("ltv: Give files to send, or --simulate N")


@pytest.mark.parametrize("command", ["list", "replay"])
def test_a_reason_that_there_is_not_is_wrong_usage_and_those_there_are_are_named(
    command: str,
) -> None:
    done = run("dlq", command, "--reason", "bad_amont", LTV_BROKERS="127.0.0.1:1")
    assert done.returncode == 2
    assert "'bad_amont' is none of null_value, " in done.stderr
    assert " bad_amount, " in done.stderr


@pytest.mark.parametrize("pair", ["1", "1,1", "0,1", "one,two", "1,2,3"])
def test_diff_takes_two_builds(pair: str) -> None:
    done = run("diff", "--builds", pair)
    assert done.returncode == 2
    assert "is not two different builds, as in 1,2." in done.stderr


@pytest.mark.parametrize("words", [(), ("--to", "2", "--back")])
def test_a_cut_over_goes_one_way(words: tuple[str, ...]) -> None:
    done = run("cut-over", *words)
    assert done.returncode == 2
    assert done.stderr.startswith("ltv: Say which build is to publish: --to N, or --back")


@pytest.mark.parametrize(
    "arguments",
    [("show",), ("explain",), ("models", "promote"), ("models", "withdraw", "--yes")],
    ids=" ".join,
)
def test_an_id_that_is_no_utf_8_is_wrong_usage(arguments: tuple[str, ...]) -> None:
    done = run(*arguments, os.fsdecode(b"c-\xff"))
    assert done.returncode == 2
    assert "'c-\\udcff' is no UTF-8 text." in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("validate", "--cut", "2026-01-01", "--html", "/proc/v.html"), "--html '/proc/v.html'"),
        (("validate", "--cut", "2026-01-01", "--html", "/no/v.html"), "--html '/no/v.html'"),
        (("report", "--html", "/no/r.html"), "--html '/no/r.html'"),
        (("verify", "--metrics", "/no/m.prom"), "--metrics '/no/m.prom'"),
        (("replay", "--into", "/proc/r.parquet"), "--into '/proc/r.parquet'"),
    ],
)
def test_what_can_not_be_written_is_said_before_anything_is_asked_of_a_server(
    arguments: tuple[str, ...], option: str
) -> None:
    nowhere = {"LTV_BROKERS": "127.0.0.1:1", "LTV_REDIS_URL": "redis://127.0.0.1:1/0"}
    done = run(*arguments, **nowhere)
    assert done.returncode == 2
    assert done.stderr == f"ltv: {option} can't be written: No such file or directory.\n"


def test_an_interrupt_ends_quietly_with_130() -> None:
    import click

    @click.command()
    def interrupted() -> None:
        raise KeyboardInterrupt

    assert outcome(interrupted, []) == 130


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RequestTimedOutError(), 1, "Kafka failed while we worked"),
        (TopicAuthorizationFailedError("purchases"), 78, "no right to topic 'purchases'"),
        (RedisTimeout("Timeout reading"), 1, "Redis does not answer: Timeout reading"),
        (RedisError("OOM command not allowed"), 1, "Redis is out of memory"),
    ],
    ids=["kafka", "right", "redis", "memory"],
)
def test_what_a_server_does_in_the_middle_is_one_sentence(
    error: Exception, code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @click.command()
    def command() -> None:
        raise error

    assert outcome(command, []) == code
    said = capsys.readouterr().err
    assert said.startswith("ltv: ")
    assert words in said
    assert said.count("\n") == 1


def test_what_nobody_foresaw_keeps_its_traceback() -> None:
    @click.command()
    def command() -> None:
        raise KeyError("ours")

    with pytest.raises(KeyError):
        outcome(command, [])


INTERRUPTED_IMPORT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # a test run in the background ignores it
from stream_app.__main__ import main

class Interrupt:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "click":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupt)
main()
"""


def test_an_interrupt_while_the_command_is_imported_ends_quietly() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_IMPORT],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGINT
    assert done.stderr == ""
