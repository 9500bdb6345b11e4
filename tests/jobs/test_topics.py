"""Topics are made as the product needs them; those that are there are judged, not changed."""

import asyncio
import json

import pytest
from aiokafka.admin import NewTopic
from click.testing import CliRunner

from stream_app.cli import ltv
from stream_app.errors import ConfigurationError
from stream_app.settings import Settings, load
from stream_app.stores.topic_plan import CHANGELOG_CONFIGS, DEAD_LETTER_ROOM, Role
from stream_app.stores.topics import TopicReport, admin_client, ensure_topics
from tests.jobs.conftest import Environ


def ensure(settings: Settings, create: bool = True) -> TopicReport:
    return asyncio.run(ensure_topics(settings, create))


def make(settings: Settings, name: str, configs: dict[str, str]) -> None:
    """Create a topic as somebody else might have."""

    async def create() -> None:
        async with admin_client(settings) as admin:
            topic = NewTopic(name, 3, 1, topic_configs=configs)
            answer = await admin.create_topics([topic])
            assert answer.topic_errors[0][1] == 0, answer

    asyncio.run(create())


def test_missing_topics_are_only_named_when_nothing_may_be_created(settings: Settings) -> None:
    report = ensure(settings, create=False)
    assert report.created == ()
    assert {one.topic for one in report.problems} == {
        *settings.source_topics,
        settings.topic_models,
        settings.topic_dead_letters,
        settings.changelog_topic,
    }
    assert all("`ltv topics` creates it" in one.sentence for one in report.problems)


def test_created_topics_are_as_they_should_be_and_creating_again_creates_nothing(
    settings: Settings,
) -> None:
    report = ensure(settings)
    assert len(report.created) == 6
    assert report.problems == report.warnings == ()
    assert ensure(settings).created == ()


def test_the_changelog_is_compacted_in_small_segments_and_holds_big_batches(
    with_topics: Settings,
) -> None:
    changelog = ensure(with_topics).topics["changelog"]
    assert changelog.partitions == 3
    assert {name: changelog.configs[name] for name in CHANGELOG_CONFIGS} == CHANGELOG_CONFIGS


def test_sources_and_dead_letters_are_kept_for_ever(with_topics: Settings) -> None:
    topics = ensure(with_topics).topics
    for role in ("purchases", "signups", "activity", "dead_letters"):
        assert topics[role].configs["retention.ms"] == "-1"
        assert topics[role].configs["retention.bytes"] == "-1"
        assert topics[role].configs["cleanup.policy"] == "delete"
    assert topics["models"].partitions == 1


def test_dead_letters_have_room_for_the_largest_source_record_and_its_headers(
    settings: Settings,
) -> None:
    make(settings, settings.topic_purchases, {"max.message.bytes": "5000000"})
    topics = ensure(settings).topics
    letters = int(topics["dead_letters"].configs["max.message.bytes"])
    assert letters == 5_000_000 + DEAD_LETTER_ROOM


def test_a_worker_may_create_its_changelog_alone(settings: Settings) -> None:
    roles: tuple[Role, ...] = ("changelog",)
    report = asyncio.run(ensure_topics(settings, create=True, roles=roles))
    assert report.created == (settings.changelog_topic,)
    assert settings.topic_purchases in {one.topic for one in report.problems}


def test_another_partition_count_is_a_problem_that_names_both(own_environ: Environ) -> None:
    ensure(load(own_environ))
    report = ensure(load({**own_environ, "LTV_PARTITIONS": "4"}))
    sentences = [one.sentence for one in report.problems]
    assert len(sentences) == 4
    assert all("has 3 partitions and should have 4 (LTV_PARTITIONS)" in s for s in sentences)
    assert all("ltv backfill" in s for s in sentences)


@pytest.mark.parametrize(
    ("role", "configs", "words"),
    [
        ("purchases", {"cleanup.policy": "compact"}, "forgets all but a customer's last event"),
        ("changelog", {"cleanup.policy": "delete"}, "would delete customers"),
        (
            "changelog",
            {"cleanup.policy": "compact", "max.message.bytes": "1000000"},
            "max.message.bytes=1000000 and needs",
        ),
        ("dead_letters", {"max.message.bytes": "1048588"}, "may need 1114124"),
    ],
)
def test_what_would_lose_something_is_a_problem(
    settings: Settings, role: str, configs: dict[str, str], words: str
) -> None:
    names = {
        "purchases": settings.topic_purchases,
        "changelog": settings.changelog_topic,
        "dead_letters": settings.topic_dead_letters,
    }
    make(settings, names[role], configs)
    assert any(words in one.sentence for one in ensure(settings).problems)


def test_a_finite_retention_is_a_warning(settings: Settings) -> None:
    make(settings, settings.topic_signups, {"retention.ms": "604800000"})
    report = ensure(settings)
    assert report.problems == ()
    (warning,) = report.warnings
    assert warning.topic == settings.topic_signups
    assert "retention.ms=604800000" in warning.sentence


def test_more_replicas_than_brokers_is_refused_in_the_brokers_words(own_environ: Environ) -> None:
    with pytest.raises(ConfigurationError, match="only 1 broker"):
        ensure(load({**own_environ, "LTV_REPLICATION": "3"}))


def test_the_command_says_what_it_did_and_exits_78_while_something_is_wrong(
    own_environ: Environ,
) -> None:
    def run(*arguments: str) -> tuple[int, dict[str, object]]:
        done = CliRunner().invoke(
            ltv, ["topics", "--json", *arguments], env=own_environ, standalone_mode=False
        )
        assert done.exception is None, done.exception
        return done.return_value, json.loads(done.stdout)

    code, answer = run("--check")
    assert (code, answer["ok"], answer["created"]) == (78, False, [])
    code, answer = run()
    assert (code, answer["ok"]) == (0, True)
    assert len(answer["created"]) == 6  # type: ignore[arg-type]
