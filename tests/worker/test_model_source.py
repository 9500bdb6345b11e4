"""The newest usable model is taken, from a file or a topic; one that is not leaves it in use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
from aiokafka.errors import KafkaConnectionError

from stream_app.core.models.parameters import ModelParameters
from stream_app.errors import ConfigurationError, Fault
from stream_app.metrics import Metrics
from stream_app.settings import Settings
from stream_app.wire.models import parameters_to_json
from stream_app.worker import model_source
from stream_app.worker.model_source import NO_MODEL, ModelSource
from tests.worker.memory_log import MemoryLog, MemoryLogs, MemoryReader
from tests.worker.records import settings

GOOD = ModelParameters(
    id="m-1", kind="mbg", currency="USD", time_zone="UTC", r=0.5, alpha=7.0, a=0.8, b=2.4,
    p=6.2, q=3.7, gamma=15.4,
)  # fmt: skip
BETTER = replace(GOOD, id="m-2", r=0.6)
UNUSABLE = {
    "no json": b"{",
    "out of range": parameters_to_json(replace(GOOD, r=-1.0)),
    "another currency": parameters_to_json(replace(GOOD, currency="EUR")),
    "another time zone": parameters_to_json(replace(GOOD, time_zone="Asia/Tokyo")),
    "another role": parameters_to_json(GOOD).replace(b'"champion"', b'"king"'),
}


class Rig:
    """A source of models, and what it handed on."""

    def __init__(self, own: Settings, logs: MemoryLogs | None = None) -> None:
        self.logs = logs or MemoryLogs()
        self.reader = MemoryReader(own, self.logs)
        self.taken: list[tuple[str | None, str | None]] = []
        self.challengers: list[str | None] = []
        self.source = ModelSource(own, self.reader, Metrics("test"), self._take)

    def _take(
        self,
        parameters: ModelParameters | None,
        reason: str | None,
        challenger: ModelParameters | None,
    ) -> None:
        self.taken.append((parameters.id if parameters is not None else None, reason))
        self.challengers.append(challenger.id if challenger is not None else None)

    @property
    def in_use(self) -> tuple[str | None, str | None]:
        """Champion and challenger as they were handed on last."""
        return self.taken[-1][0], self.challengers[-1]

    @property
    def log(self) -> MemoryLog:
        return self.logs.of("ltv-models")

    def publish(self, *models: ModelParameters) -> None:
        for one in models:
            self.log.append((one.id.encode(), parameters_to_json(one)))


@pytest.fixture
def rig() -> Rig:
    return Rig(settings())


# -- the topic at the start --------------------------------------------------------------------


async def test_without_a_model_there_is_none_and_the_reason_says_so(rig: Rig) -> None:
    await rig.source.first()
    assert rig.taken == [(None, NO_MODEL)]


async def test_the_last_model_of_the_topic_is_taken(rig: Rig) -> None:
    rig.publish(GOOD, BETTER)
    await rig.source.first()
    assert rig.taken == [(None, NO_MODEL), ("m-2", None)]


@pytest.mark.parametrize("value", UNUSABLE.values(), ids=UNUSABLE)
async def test_the_last_one_that_can_be_used_is_taken_and_the_others_are_reported(
    rig: Rig, value: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.publish(GOOD)
    rig.log.append((b"m-3", value))
    await rig.source.first()
    assert rig.taken[-1] == ("m-1", None)
    said = capsys.readouterr()
    assert "a model can't be used; the one before stays" in said.out + said.err
    assert "m-3" in said.out + said.err


@pytest.mark.parametrize(
    ("key", "shown"), [(b"m-1", "b'm-1'"), (b"M-2", "b'M-2'"), (b"\xff", "xff")]
)
async def test_a_model_whose_key_is_not_its_id_is_reported_and_replaces_nobody(
    rig: Rig, key: bytes, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.publish(GOOD)
    rig.log.append((key, parameters_to_json(BETTER)))
    await rig.source.first()
    assert rig.in_use == ("m-1", None)
    said = capsys.readouterr().out
    assert "the key of the record is" in said
    assert shown in said
    assert "publish it with its id as key" in said


async def test_a_model_withdrawn_by_its_id_says_nothing_about_the_others(rig: Rig) -> None:
    rig.publish(GOOD)
    rig.log.append((b"m-0", None))
    await rig.source.first()
    assert rig.taken[-1] == ("m-1", None)


async def test_a_topic_whose_beginning_is_gone_is_read_from_where_it_begins(rig: Rig) -> None:
    rig.publish(GOOD, GOOD, BETTER)
    rig.log.trim(2)
    await rig.source.first()
    assert rig.taken[-1] == ("m-2", None)


# -- champion and challenger -------------------------------------------------------------------

CHALLENGER = replace(GOOD, id="c-1", r=0.7, role="challenger")
SECOND = replace(CHALLENGER, id="c-2")


async def test_a_challenger_is_taken_beside_the_champion_whoever_comes_first(rig: Rig) -> None:
    for order in permutations((GOOD, BETTER, CHALLENGER)):
        again = Rig(settings())
        again.publish(*order)
        await again.source.first()
        assert again.in_use == (order[max(map(order.index, (GOOD, BETTER)))].id, "c-1")
        assert again.taken[0] == (None, NO_MODEL)


async def test_a_challenger_alone_is_no_champion(rig: Rig) -> None:
    rig.publish(CHALLENGER)
    await rig.source.first()
    assert rig.in_use == (None, "c-1")
    assert rig.taken[-1] == (None, NO_MODEL)


async def test_a_promoted_challenger_no_longer_is_one(rig: Rig) -> None:
    rig.publish(GOOD, CHALLENGER, replace(CHALLENGER, role="champion"))
    await rig.source.first()
    assert rig.in_use == ("c-1", None)


async def test_after_compaction_it_is_the_same(rig: Rig) -> None:
    """The older record of a key goes, whatever role it gave; the tombstone goes too, in the end."""
    rig.publish(CHALLENGER, GOOD, SECOND, replace(CHALLENGER, role="champion"))
    rig.log.append((b"c-2", None))
    before = Rig(settings(), rig.logs)
    await before.source.first()
    for offset in (0, 2, 4):
        rig.log.remove(offset)
    await rig.source.first()
    assert rig.in_use == before.in_use == ("c-1", None)


async def test_a_withdrawn_challenger_leaves_the_one_before_and_a_withdrawn_champion_too(
    rig: Rig,
) -> None:
    rig.publish(GOOD, CHALLENGER, BETTER, SECOND)
    for key in (b"c-2", b"m-2"):
        rig.log.append((key, None))
    await rig.source.first()
    assert rig.in_use == ("m-1", "c-1")


async def test_a_challenger_made_of_the_champion_leaves_the_champion_before(rig: Rig) -> None:
    rig.publish(GOOD, BETTER, replace(BETTER, role="challenger"))
    await rig.source.first()
    assert rig.in_use == ("m-1", "m-2")


async def test_a_retired_model_is_in_no_use(rig: Rig) -> None:
    rig.publish(GOOD, CHALLENGER, SECOND, replace(CHALLENGER, role="retired"))
    rig.log.append((b"c-2", None))
    await rig.source.first()
    assert rig.in_use == ("m-1", None)


UNUSABLE_CHALLENGERS = {
    "out of range": parameters_to_json(replace(SECOND, r=-1.0)),
    "another currency": parameters_to_json(replace(SECOND, currency="EUR")),
    "another time zone": parameters_to_json(replace(SECOND, time_zone="Asia/Tokyo")),
    "another role": parameters_to_json(SECOND).replace(b'"challenger"', b'"king"'),
}


@pytest.mark.parametrize("value", UNUSABLE_CHALLENGERS.values(), ids=UNUSABLE_CHALLENGERS)
@pytest.mark.parametrize("key", [b"c-1", b"c-2"])
async def test_a_challenger_that_can_not_be_used_leaves_the_one_before(
    rig: Rig, key: bytes, value: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    rig.publish(GOOD, CHALLENGER)
    rig.log.append((key, value))
    await rig.source.first()
    assert rig.in_use == ("m-1", "c-1")
    said = capsys.readouterr()
    assert (said.out + said.err).count("a model can't be used; the one before stays") == 1


# -- while the worker runs ---------------------------------------------------------------------


@pytest.fixture
async def running(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(model_source, "LOOK_SECONDS", 0.001)
    rig.publish(GOOD)
    await rig.source.first()
    task = asyncio.create_task(rig.source.run())
    yield rig
    assert not task.done()
    task.cancel()


async def until_taken(rig: Rig, number: int) -> None:
    async with asyncio.timeout(5):
        while len(rig.taken) < number:  # noqa: ASYNC110 -- who takes is the product's code
            await asyncio.sleep(0.001)


async def test_another_model_is_taken_soon_and_once(running: Rig) -> None:
    running.publish(BETTER)
    await until_taken(running, 3)
    await asyncio.sleep(0.02)
    assert running.taken == [(None, NO_MODEL), ("m-1", None), ("m-2", None)]


async def test_a_challenger_comes_is_promoted_and_the_champion_comes_back(running: Rig) -> None:
    steps = [
        (CHALLENGER, ("m-1", "c-1")),
        (SECOND, ("m-1", "c-2")),
        (replace(SECOND, role="champion"), ("c-2", "c-1")),
        (GOOD, ("m-1", "c-1")),
        (replace(GOOD, r=0.55), ("m-1", "c-1")),
    ]
    for model, in_use in steps:
        running.publish(model)
        await until_taken(running, len(running.taken) + 1)
        assert running.in_use == in_use
    running.log.append((b"c-1", None))
    await until_taken(running, len(running.taken) + 1)
    assert running.in_use == ("m-1", None)


async def test_an_unusable_one_leaves_the_model_in_use(running: Rig) -> None:
    running.log.append((b"m-3", UNUSABLE["another currency"]))
    await asyncio.sleep(0.02)
    assert running.taken[-1] == ("m-1", None)
    running.publish(BETTER)
    await until_taken(running, 3)
    assert running.taken[-1] == ("m-2", None)


@pytest.mark.parametrize("error", [KafkaConnectionError("away"), Fault("a log can't be read")])
async def test_a_topic_that_can_not_be_read_for_a_while_ends_nothing(
    running: Rig, error: Exception
) -> None:
    ends, failed = running.reader.ends, asyncio.Event()

    async def away(partitions: object) -> dict[object, int]:
        failed.set()
        raise error

    running.reader.ends = away  # type: ignore[method-assign]
    await asyncio.wait_for(failed.wait(), 5)
    running.reader.ends = ends  # type: ignore[method-assign]
    running.publish(BETTER)
    await until_taken(running, 3)
    assert running.taken[-1] == ("m-2", None)


async def test_while_nothing_comes_the_topic_is_asked_for_its_end_and_no_more(
    running: Rig,
) -> None:
    ends, asked = running.reader.ends, asyncio.Event()

    async def counting(partitions: object) -> object:
        asked.set()
        return await ends(partitions)  # type: ignore[arg-type]

    async def reading(*_: object) -> object:
        raise AssertionError("the topic is read")

    running.reader.ends = counting  # type: ignore[method-assign,assignment]
    running.reader.starts = running.reader.read_range = reading  # type: ignore[method-assign,assignment]
    for _ in range(2):
        asked.clear()
        await asyncio.wait_for(asked.wait(), 5)


# -- a file ------------------------------------------------------------------------------------


async def test_a_file_wins_over_the_topic_and_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_source, "LOOK_SECONDS", 0.001)
    path = tmp_path / "model.json"
    path.write_bytes(parameters_to_json(GOOD))
    rig = Rig(settings(MODEL_FILE=str(path)))
    rig.publish(BETTER, CHALLENGER)
    await rig.source.first()
    assert rig.taken == [("m-1", None)]
    assert rig.challengers == [None]
    path.unlink()
    task = asyncio.create_task(rig.source.run())
    await asyncio.sleep(0.02)
    assert not task.done()
    task.cancel()
    assert len(rig.taken) == 1


async def test_a_file_is_the_champion_whatever_role_it_was_copied_with(tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(parameters_to_json(CHALLENGER))
    rig = Rig(settings(MODEL_FILE=str(path)))
    await rig.source.first()
    assert rig.in_use == ("c-1", None)


@pytest.mark.parametrize("value", UNUSABLE.values(), ids=UNUSABLE)
async def test_a_file_that_can_not_be_used_is_a_wrong_setting(tmp_path: Path, value: bytes) -> None:
    path = tmp_path / "model.json"
    path.write_bytes(value)
    rig = Rig(settings(MODEL_FILE=str(path)))
    with pytest.raises(ConfigurationError, match=r"LTV_MODEL_FILE .*model\.json: ") as raised:
        await rig.source.first()
    assert raised.value.exit_code == 78
    assert rig.taken == []


async def test_a_file_that_is_not_there_is_a_wrong_setting(tmp_path: Path) -> None:
    rig = Rig(settings(MODEL_FILE=str(tmp_path / "none.json")))
    with pytest.raises(ConfigurationError, match=r"LTV_MODEL_FILE: .*No such file"):
        await rig.source.first()
