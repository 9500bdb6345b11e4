"""The lists of deploy/acl are enough, and nothing in them is too much."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from tests.conftest import SEED
from tests.generate import Shape
from tests.rig.script import drain, feed, kill9, owns, restart, sigterm, start
from tests.rig.stage import SESSION_SECONDS, Stages
from tests.rig.waiting import eventually
from tests.security.desk import Desk, Said
from tests.security.rights import Right, grant, kafka_rights
from tests.security.servers import KAFKA_USERS, Doors, Vault

WORKER = tuple(one for one in kafka_rights() if one.user == "ltv-worker" and one.name != "ltv-v")
"""What a worker of the first build may do."""


def renamed(rights: Iterable[Right], names: dict[str, str], user: str = "") -> list[Right]:
    """The same rights to topics and groups of other names, of another user where one is given."""
    return [
        replace(one, name=names.get(one.name, one.name), user=user or one.user) for one in rights
    ]


@pytest.mark.timeout(240)
async def test_a_worker_lives_its_whole_life_with_its_rights_alone(
    doors: Doors, vault: Vault, desk: Desk, tmp_path: Path
) -> None:
    """It starts, recovers, shares, is killed, publishes, refuses and stops; nothing is missing."""
    stages = Stages(doors, vault.valkey, tmp_path, int(os.environ.get("SEED", SEED)))
    shape = Shape(stages.seed, customers=300, records=1_000_000, poison={"not_json": 0.01})
    async with vault.open(), stages.open(shape, KEY_PREFIX="ltv:life:") as stage:
        topics = ("PURCHASES", "SIGNUPS", "ACTIVITY", "MODELS", "DEAD_LETTERS")
        usual = ("purchases", "signups", "activity", "ltv-models", "ltv-dead-letters")
        names = {
            name: stage.variables[f"TOPIC_{role}"] for name, role in zip(usual, topics, strict=True)
        } | {"ltv-customers-changelog": stage.settings.changelog_topic, "ltv": stage.settings.group}
        await grant(doors.direct, renamed(WORKER, names))
        given = doors.sasl("ltv-worker") | {"REDIS_URL": vault.url("ltv-worker")}
        soon = SESSION_SECONDS + 15.0
        await stage.play(
            [
                start("a", **given),
                feed(2_000),
                start("b", **given),
                owns(4, "a", "b", within=soon),
                feed(1_000),
                kill9("b"),
                owns(4, "a", within=soon),
                sigterm("a"),
                restart("a", **given),
                feed(500),
                drain(),
            ]
        )
        assert stage.ledger.dead_letters()
        for worker in stage.workers.values():
            assert "no right" not in worker.text
            assert "AuthorizationFailed" not in worker.text
            desk.discreet(worker.text)


async def test_a_worker_uses_every_command_that_redis_grants_it_and_no_other(
    doors: Doors, vault: Vault, desk: Desk, common: dict[str, str]
) -> None:
    async with vault.open():
        given = common | doors.tls() | {"REDIS_URL": vault.url("ltv-worker")}
        assert (await desk.ltv(given, "topics")).code == 0
        await one_purchase(doors)
        with vault.client() as client:  # what a model and a lost field make it do
            client.hset("ltv:{c-rights}", mapping={"gen": "0", "left": "over"})
        vault.watch()
        worker = desk.worker(given | {"SURVEY_SECONDS": "0.1", "COHORT_SECONDS": "0.1"})
        await worker.wait_ready()
        granted = vault.granted("ltv-worker")
        await eventually(
            lambda: vault.used() >= granted,
            lambda: f"all of {granted} is used, not {granted - vault.used()}",
        )
        worker.signal(signal.SIGTERM)
        assert await worker.exited() == 0
        assert vault.used() == granted


async def one_purchase(
    doors: Doors, value: bytes | None = None, *, topic: str = "purchases"
) -> None:
    """A purchase that is applied, or a record that is refused, sent by whoever may do anything."""
    good = (
        b'{"event_id": "p-rights", "customer_id": "c-rights", "order_id": "o-rights", "amount": '
        b'"1.00", "currency": "USD", "occurred_at": "2024-03-01T10:00:00Z"}'
    )
    async with AIOKafkaProducer(bootstrap_servers=doors.direct) as producer:
        await producer.send_and_wait(topic, value or good, key=b"c-rights")


MODEL = {
    "id": "m-1", "kind": "mbg", "currency": "USD", "time_zone": "UTC", "fitted_at": 1_700_000_000,
    "r": 0.525, "alpha": 6.183, "a": 0.891, "b": 1.614, "p": 6.25, "q": 3.74, "gamma": 15.44,
}  # fmt: skip


async def one_model(doors: Doors) -> None:
    """A model to take up, published by whoever may do anything."""
    async with AIOKafkaProducer(bootstrap_servers=doors.direct) as producer:
        await producer.send_and_wait("ltv-models", json.dumps(MODEL).encode(), key=b"m-1")


MISSING = {
    "READ topic purchases": "no right to topic 'purchases'",
    "DESCRIBE_CONFIGS topic purchases": "refused to read the settings of topic 'purchases'",
    "READ topic ltv-models": "no right to topic 'ltv-models'",
    "WRITE topic ltv-dead-letters": "no right to topic 'ltv-dead-letters'",
    "READ topic ltv-customers-changelog": "no right to topic 'less-4-customers-changelog'",
    "WRITE topic ltv-customers-changelog": "no right to topic 'less-5-customers-changelog'",
    "READ group ltv": "no right to group 'less-6'",
}
"""Of the worker's rights one of each kind, and what it says without it."""


@pytest.mark.timeout(240)
async def test_a_worker_that_lacks_one_right_ends_with_78_and_says_which(
    doors: Doors, vault: Vault, desk: Desk, common: dict[str, str]
) -> None:
    """Each with a changelog and group of its own, all at once."""
    operator = common | doors.tls()
    await desk.ltv(operator, "topics")
    await one_purchase(doors, b"poison")
    await one_model(doors)
    workers = {}
    for number, (missing, words) in enumerate(MISSING.items()):
        user = app = f"less-{number}"
        assert (await desk.ltv(operator | {"APP_ID": app}, "topics")).code == 0
        names = {"ltv": app, "ltv-customers-changelog": f"{app}-customers-changelog"}
        # It may still see what it may not read or write: else it would only find it missing.
        kept = [
            replace(one, operation="DESCRIBE") if str(one) == missing else one for one in WORKER
        ]
        assert kept != list(WORKER), missing
        await grant(doors.direct, renamed(kept, names, user))
        given = common | doors.mutual(user) | {"APP_ID": app, "KEY_PREFIX": f"{app}:"}
        workers[missing] = desk.worker(given), words
    wrong = {}
    for missing, (worker, words) in workers.items():
        code = await worker.exited()
        last = worker.lines()[-1]
        if (code, last.get("exit_code")) != (78, 78) or words not in last["event"]:
            wrong[missing] = code, worker.last_words
    assert not wrong, "\n".join(f"{name}: {code}\n{words}" for name, (code, words) in wrong.items())


@pytest.mark.parametrize(
    ("user", "words"),
    [
        ("ltv-sender", ("verify", "--state-only")),
        ("ltv-worker", ("send", "events.jsonl")),
        ("ltv-fit", ("send", "events.jsonl")),
        ("ltv-nobody", ("topics", "--check")),
    ],
)
async def test_who_is_granted_one_thing_can_not_do_another(
    user: str, words: tuple[str, ...], doors: Doors, vault: Vault, desk: Desk,
    common: dict[str, str],
) -> None:  # fmt: skip
    (desk.directory / "events.jsonl").write_text(
        '{"type": "signup", "event_id": "s", "customer_id": "c", "occurred_at": '
        '"2024-01-01T00:00:00Z"}\n'
    )
    assert (await desk.ltv(common | doors.tls(), "topics")).code == 0
    said = await desk.ltv(common | doors.sasl(user), *words)
    assert said.code == 78, said
    assert "Traceback" not in said.err
    assert "deploy/acl/kafka.csv" in said.err


def test_every_user_of_the_list_is_known_to_these_tests() -> None:
    assert {one.user for one in kafka_rights()} | {"ltv-nobody"} == set(KAFKA_USERS)
    rows = kafka_rights()
    assert len(rows) == len(set(rows))


async def test_models_are_fitted_with_the_rights_of_who_fits(
    doors: Doors, vault: Vault, desk: Desk, common: dict[str, str]
) -> None:
    assert (await desk.ltv(common | doors.tls(), "topics")).code == 0
    given = common | doors.sasl("ltv-fit")
    fitted = await desk.ltv(given, "fit", "--json")
    assert (fitted.code, json.loads(fitted.out)["published"]) == (0, False), fitted
    assert (await desk.ltv(given, "models", "--json")).code == 0
    await one_model(doors)  # and it may write the topic, too
    promoted = await desk.ltv(given, "models", "promote", "m-1")
    assert promoted.code == 0, promoted


async def test_an_operator_backfills_switches_and_removes_builds_with_its_rights(
    doors: Doors, vault: Vault, desk: Desk, common: dict[str, str]
) -> None:
    """Names of its own, since a cut-over of the shared ones would be everybody's."""
    names = {
        "ltv": "ops", "ltv-v": "ops-v", "ltv-customers-changelog": "ops-customers-changelog"
    }  # fmt: skip
    names |= {name: f"ops-{name}" for name in ("purchases", "signups", "activity")}
    names |= {"ltv-models": "ops-models", "ltv-dead-letters": "ops-letters"}
    await grant(doors.direct, renamed(kafka_rights(), names))
    topics = {
        "TOPIC_PURCHASES": "ops-purchases",
        "TOPIC_SIGNUPS": "ops-signups",
        "TOPIC_ACTIVITY": "ops-activity",
        "TOPIC_MODELS": "ops-models",
        "TOPIC_DEAD_LETTERS": "ops-letters",
    }
    here = common | topics | {"APP_ID": "ops", "KEY_PREFIX": "ltv:ops:"}
    (desk.directory / "past.csv").write_text(
        "order,customer,date,total\nA-1,c-1,2023-05-04,49.00\nA-2,c-2,2023-06-11,12.50\n"
    )
    async with vault.open():
        worker = here | doors.sasl("ltv-worker") | {"REDIS_URL": vault.url("ltv-worker")}
        operator = here | doors.sasl("ltv-operator") | {"REDIS_URL": vault.url("ltv-operator")}

        async def does(*words: str) -> Said:
            said = await desk.ltv(operator, *words)
            assert said.code == 0, (words, said)
            return said

        await does("topics")
        await one_purchase(doors, b"poison", topic="ops-purchases")
        first = desk.worker(worker)
        await first.wait_ready()
        await eventually(lambda: published(vault, "ltv:ops:gen"), "the first build publishes")
        history = ("--history", "past.csv", "--event-id", "order")
        await does("backfill", *history, "--until", "2024-01-01", "--into", "2")
        second = desk.worker(worker | {"BUILD": "2"})
        await second.wait_ready()
        await does("cut-over", "--to", "2")
        operator["BUILD"] = "2"
        await does("builds")
        await does("topics", "--check")
        await does("models")
        await does("fit", "--dry-run")
        await does("show", "c-1")
        await does("explain", "c-1")
        await does("verify", *history)
        letters = json.loads((await does("dlq", "list", "--json")).out)
        assert letters
        await does("dlq", "replay", "--yes")
        first.signal(signal.SIGTERM)
        assert await first.exited() == 0, first.last_words
        await does("builds", "delete", "1", "--yes")
        second.signal(signal.SIGTERM)
        assert await second.exited() == 0, second.last_words


def published(vault: Vault, key: str) -> bool:
    """Whether Redis has something under ``key``."""
    with vault.client() as client:
        return bool(client.exists(key))
