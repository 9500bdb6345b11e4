"""`ltv models` with champion and challenger, on a real Kafka: each command, each refusal."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from click.testing import CliRunner

from stream_app.cli import ltv
from stream_app.errors import NotFound, UsageError
from stream_app.jobs.models_topic import append_model
from stream_app.settings import load
from tests.jobs.conftest import Environ, read_topic

UNUSABLE = {
    "out of range": ({"r": -1}, "r is -1, not between"),
    "currency": ({"currency": "EUR"}, "fitted in EUR, and money here is USD"),
    "time zone": ({"time_zone": "Asia/Tokyo"}, "on days of Asia/Tokyo"),
    "role": ({"role": "king"}, "Invalid enum value 'king'"),
    "no json": (None, "no model parameters"),
}


def record(name: str, **changes: Any) -> bytes:
    """A model as another program may have written it."""
    whole = {
        "id": name, "kind": "mbg", "currency": "USD", "time_zone": "UTC", "note": "by hand",
        "r": 0.50, "alpha": 6.0, "a": 0.9, "b": 1.6, "p": 6.0, "q": 3.7, "gamma": 15.0,
    }  # fmt: skip
    return json.dumps(whole | changes).encode()


class Models:
    """`ltv models` on a topic of its own."""

    def __init__(self, environ: Environ) -> None:
        self.environ = environ
        self._run("topics")

    def append(self, name: str, value: bytes) -> None:
        asyncio.run(append_model(load(self.environ), name, value))

    def publish(self, *names: str, **changes: Any) -> None:
        for name in names:
            self.append(name, record(name, **changes))

    def __call__(self, *arguments: str) -> Any:
        """What a command answers to scripts."""
        return json.loads(self._run("models", *arguments, "--json"))

    def says(self, *arguments: str) -> str:
        """What it answers to people."""
        return self._run("models", *arguments)

    def in_use(self) -> tuple[str | None, str | None]:
        """Champion and challenger."""
        told = self()
        return told["in_use"], told["challenger"]

    def offsets(self) -> dict[str, int]:
        return {one["id"]: one["offset"] for one in self()["models"]}

    def _run(self, *arguments: str) -> str:
        done = CliRunner().invoke(ltv, list(arguments), env=self.environ, standalone_mode=False)
        if done.exception is not None:
            raise done.exception
        assert done.return_value in (0, None)
        return done.stdout


@pytest.fixture
def models(own_environ: Environ) -> Models:
    """Two champions, the second in use."""
    made = Models(own_environ)
    made.publish("old", "new")
    return made


def test_a_model_is_made_the_challenger_and_marked(models: Models) -> None:
    told = models("challenge", "old")
    assert (told["in_use"], told["challenger"]) == ("new", "old")
    assert [(one["id"], one["role"], one["in_use"]) for one in told["models"]] == [
        ("new", "champion", True),
        ("old", "challenger", False),
    ]
    lines = models.says().splitlines()
    assert lines[0].startswith("* new ")
    assert lines[1].startswith("+ old ")
    assert models.offsets() == {"new": 1, "old": 2}
    assert "old is the challenger" in models.says("challenge", "old")
    assert models.offsets() == {"new": 1, "old": 2}, "it was one before: nothing is appended"


def test_nothing_but_the_role_of_a_record_changes(models: Models) -> None:
    models("challenge", "old")
    models("promote", "old")
    *_, challenger, champion = read_topic(load(models.environ), models()["topic"], 1)
    assert json.loads(challenger.value) == json.loads(record("old")) | {"role": "challenger"}
    assert json.loads(champion.value) == json.loads(record("old")) | {"role": "champion"}


def test_the_challenger_is_promoted_and_rolled_back_to_the_champion_before(models: Models) -> None:
    models.publish("rival", role="challenger")
    assert models.in_use() == ("new", "rival")
    told = models("promote", "rival")
    assert (told["in_use"], told["challenger"]) == ("rival", None)
    told = models("rollback")
    assert (told["in_use"], told["challenger"]) == ("new", None)


def test_challengers_and_retired_models_are_not_rolled_back_to(models: Models) -> None:
    models.publish("rival", role="challenger")
    models.publish("tired", role="retired")
    assert models("rollback")["in_use"] == "old"
    assert models.in_use() == ("old", "rival")
    models("challenge", "new")
    with pytest.raises(NotFound, match="no model before"):
        models("rollback")


def test_a_challenger_that_is_replaced_retires_and_does_not_come_back(models: Models) -> None:
    models("challenge", "old")
    models.publish("rival")
    models("promote", "new")
    told = models("challenge", "rival")
    assert (told["in_use"], told["challenger"]) == ("new", "rival")
    assert {one["id"]: one["role"] for one in told["models"]}["old"] == "retired"
    assert "retired" in next(line for line in models.says().splitlines() if "old" in line)
    models("promote", "rival")
    assert models.in_use() == ("rival", None)
    assert models("promote", "old")["in_use"] == "old"


def test_promoting_a_third_model_leaves_the_challenger_where_it_is(models: Models) -> None:
    models.publish("rival", role="challenger")
    told = models("promote", "old")
    assert (told["in_use"], told["challenger"]) == ("old", "rival")


def test_a_challenger_alone_is_told_as_such(own_environ: Environ) -> None:
    models = Models(own_environ)
    models.publish("rival", role="challenger")
    assert models.in_use() == (None, "rival")
    assert models.says().startswith("+ rival")
    models("promote", "rival")
    assert models.in_use() == ("rival", None)


# -- withdrawing -------------------------------------------------------------------------------


def test_a_withdrawn_challenger_leaves_the_champion_alone(models: Models) -> None:
    models("challenge", "old")
    told = models("withdraw", "old", "--yes")
    assert (told["in_use"], told["challenger"]) == ("new", None)
    assert [one["id"] for one in told["models"]] == ["new"]
    last = read_topic(load(models.environ), told["topic"], 1)[-1]
    assert (last.key, last.value) == (b"old", None)


def test_a_withdrawn_champion_gives_way_to_the_one_before_and_the_last_one_stays(
    models: Models,
) -> None:
    models.publish("rival", role="challenger")
    assert "old is in use then" in models.says("withdraw", "new", "--yes")
    assert models.in_use() == ("old", "rival")
    with pytest.raises(UsageError, match="'old' is in use and there is no champion before it"):
        models("withdraw", "old", "--yes")
    assert models.in_use() == ("old", "rival")


def test_a_model_that_is_not_in_use_is_withdrawn_also_when_it_is_of_no_use(models: Models) -> None:
    models.append("broken", b"{")
    assert "It is not in use" in models.says("withdraw", "broken", "--yes")
    assert "It is not in use" in models.says("withdraw", "old", "--yes")
    assert list(models.offsets()) == ["new"]


def test_without_a_terminal_to_ask_on_nothing_is_withdrawn(models: Models) -> None:
    with pytest.raises(UsageError, match=r"Withdraw model 'new'\? old is in use then\. Say --yes"):
        models("withdraw", "new")
    assert models.in_use() == ("new", None)


# -- refusals ----------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["promote", "challenge"])
@pytest.mark.parametrize(("changes", "why"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_model_that_can_not_be_used_gets_no_role_and_the_models_in_use_stay(
    models: Models, command: str, changes: dict[str, Any] | None, why: str
) -> None:
    models.publish("rival", role="challenger")
    models.append("odd", b"{" if changes is None else record("odd", **changes))
    before = models.offsets()
    with pytest.raises(UsageError, match=f"^Model 'odd' can't be used: .*{why}") as refused:
        models(command, "odd")
    assert "\n" not in str(refused.value)
    assert models.in_use() == ("new", "rival")
    assert models.offsets() == before


@pytest.mark.parametrize("command", ["promote", "challenge", "withdraw"])
def test_an_unknown_id_is_not_found_and_the_newest_are_named(models: Models, command: str) -> None:
    with pytest.raises(NotFound, match="There is no model 'nobody'; there are: old, new"):
        models(command, "nobody")
    models.publish(*(f"m-{number}" for number in range(10)))
    names = ", ".join(f"m-{number}" for number in range(10))
    with pytest.raises(NotFound, match=rf"there are: {names} and 2 older ones\.$"):
        models(command, "nobody")


def test_the_champion_can_not_challenge_itself(models: Models) -> None:
    with pytest.raises(UsageError, match="'new' is in use and can't challenge itself"):
        models("challenge", "new")
    assert models.in_use() == ("new", None)
