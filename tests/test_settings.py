"""Settings: read once, checked together, shown without secrets."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from stream_app.errors import ConfigurationError
from stream_app.settings import Settings, declarations, describe, load


def test_without_an_environment_everything_has_its_default() -> None:
    settings = load({})
    assert settings == Settings()
    assert settings.brokers == "127.0.0.1:9092"
    assert settings.partitions == 8
    assert settings.max_value == 1024 * 1024 - 64 * 1024
    assert {one["origin"] for one in describe(settings)} == {"default"}


def test_every_default_is_a_value_that_could_have_been_given() -> None:
    for one in declarations(Settings):
        shown = "/".join(map(str, one.default)) if isinstance(one.default, tuple) else one.default
        assert one.kind.read(str(shown).lower() if isinstance(shown, bool) else str(shown)) == (
            one.default
        )


def test_every_setting_has_a_variable_of_its_own_and_a_meaning() -> None:
    declared = declarations(Settings)
    variables = [one.variable for one in declared]
    variables += [one.file_variable for one in declared if one.file_variable]
    assert len(set(variables)) == len(variables)
    assert all(variable.startswith("LTV_") for variable in variables)
    assert all(one.meaning for one in declared)


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        load({}).partitions = 3  # type: ignore[misc]


def test_variables_of_others_are_left_alone() -> None:
    assert load({"PATH": "/bin", "LT_V": "x"}) == Settings()


@pytest.mark.parametrize(
    ("typo", "nearest"),
    [
        ("LTV_BROKER", "LTV_BROKERS"),
        ("LTV_REDIS", "LTV_REDIS_URL"),
        ("LTV_TIME_ZONE", "LTV_TIMEZONE"),
        ("LTV_KAFKA_PASSWORD_FIL", "LTV_KAFKA_PASSWORD_FILE"),
        ("LTV_BROKERS_FILE", "LTV_BROKERS"),
    ],
)
def test_an_unknown_variable_names_the_nearest_known_one(typo: str, nearest: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load({typo: "x"})
    assert str(raised.value).startswith(f"{typo} is not a setting; the nearest is {nearest}.")


@pytest.mark.parametrize(
    ("variable", "given"),
    [
        ("LTV_PARTITIONS", "0"),
        ("LTV_PARTITIONS", "8.0"),
        ("LTV_PARTITIONS", "٨"),
        ("LTV_PARTITIONS", "1_000"),
        ("LTV_BROKERS", "localhost"),
        ("LTV_BROKERS", "a:1,,b:2"),
        ("LTV_BROKERS", "a:0"),
        ("LTV_BROKERS", "a:70000"),
        ("LTV_BROKERS", "a:1/x"),
        ("LTV_CURRENCY", "usd"),
        ("LTV_CURRENCY", "DOLLAR"),
        ("LTV_TIMEZONE", "Mars/Olympus"),
        ("LTV_TIMEZONE", "../../etc/passwd"),
        ("LTV_PARTITIONER", "random"),
        ("LTV_AS_OF", "yesterday"),
        ("LTV_AS_OF", "1998-06-30T12:00:00"),
        ("LTV_AS_OF", "1998-02-30"),
        ("LTV_TIER_ALIVE", "nan"),
        ("LTV_TIER_ALIVE", "1.01"),
        ("LTV_TIER_FORMULA_DAYS", "180/90"),
        ("LTV_TIER_FORMULA_DAYS", "90"),
        ("LTV_FIT_BUYERS", "-1"),
        ("LTV_FIT_SILENCE_DAYS", "0"),
        ("LTV_HTTP_PORT", "65536"),
        ("LTV_TOPIC_PURCHASES", "no spaces"),
        ("LTV_TOPIC_PURCHASES", ".."),
        ("LTV_KEY_PREFIX", "a{b"),
        ("LTV_KEY_PREFIX", "x" * 65),
        ("LTV_HISTORY_TRIMMED", "maybe"),
        ("LTV_REPLICATION", "0"),
        ("LTV_REDIS_URL", "http://x"),
        ("LTV_DATA_FROM", "2025-13-01"),
    ],
)
def test_a_bad_value_is_a_sentence_with_the_variable_and_what_it_takes(
    variable: str, given: str
) -> None:
    with pytest.raises(ConfigurationError, match=rf"^{variable} .*it takes .*\.$"):
        load({variable: given})


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"LTV_TIER_ALIVE": "0.2"}, "LTV_TIER_AT_RISK is 0.33, above LTV_TIER_ALIVE"),
        ({"LTV_TOPIC_SIGNUPS": "purchases"}, "'purchases' is meant for two things"),
        ({"LTV_TOPIC_ACTIVITY": "ltv-customers-changelog"}, "meant for two things"),
        ({"LTV_KAFKA_SECURITY": "SASL_SSL"}, "needs LTV_KAFKA_USER"),
        ({"LTV_KAFKA_USER": "me"}, "would not send it"),
        ({"LTV_KAFKA_CA_FILE": "/ca.pem"}, "does not encrypt"),
        ({"LTV_KAFKA_SECURITY": "SSL", "LTV_KAFKA_CERT_FILE": "/c.pem"}, "go together"),
    ],
)
def test_values_that_do_not_go_together_are_refused(environ: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        load(environ)


def test_a_secret_can_be_read_from_a_file_and_its_newline_is_not_part_of_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "password"
    file.write_text("s3cret\n")
    settings = load(
        {
            "LTV_KAFKA_SECURITY": "sasl_ssl",
            "LTV_KAFKA_USER": "me",
            "LTV_KAFKA_PASSWORD_FILE": str(file),
        }
    )
    assert settings.kafka_password == "s3cret"
    assert settings.kafka_security == "SASL_SSL"
    assert settings.origins["kafka_password"] == "LTV_KAFKA_PASSWORD_FILE"


def test_a_secret_file_that_cannot_be_read_is_named() -> None:
    with pytest.raises(ConfigurationError, match="LTV_REDIS_URL_FILE names '/nowhere'"):
        load({"LTV_REDIS_URL_FILE": "/nowhere"})


def test_a_secret_given_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="both set"):
        load({"LTV_REDIS_URL": "redis://a", "LTV_REDIS_URL_FILE": "/x"})


def test_no_secret_is_shown_or_printed_or_in_an_error() -> None:
    secret = "hunter2"
    settings = load(
        {
            "LTV_REDIS_URL": f"rediss://me:{secret}@host:1/2?password={secret}&db=3",
            "LTV_KAFKA_SECURITY": "SASL_SSL",
            "LTV_KAFKA_USER": "me",
            "LTV_KAFKA_PASSWORD": secret,
        }
    )
    shown = {one["name"]: one["value"] for one in describe(settings)}
    assert shown["redis_url"] == "rediss://me:********@host:1/2?password=********&db=3"
    assert secret not in repr(settings) + str(describe(settings))
    with pytest.raises(ConfigurationError) as raised:
        load({"LTV_REDIS_URL": f"ftp://:{secret}@host"})
    assert secret not in str(raised.value)


def test_a_password_with_odd_characters_is_masked_whole() -> None:
    settings = load({"LTV_REDIS_URL": "redis://:p:a/s@s@host:1/0"})
    shown = {one["name"]: one["value"] for one in describe(settings)}
    assert shown["redis_url"] == "redis://:********@host:1/0"


def test_the_command_line_wins_over_the_environment_and_says_so() -> None:
    settings = load({"LTV_BUILD": "2"}, options={"LTV_BUILD": "3"}, defaults={"LTV_BUILD": "9"})
    assert settings.build == 3
    assert settings.origins["build"] == "command line"


def test_a_commands_own_default_is_weaker_than_the_environment() -> None:
    assert load({}, defaults={"LTV_HTTP_PORT": "8080"}).http_port == 8080
    given = load({"LTV_HTTP_PORT": "1"}, defaults={"LTV_HTTP_PORT": "8080"})
    assert given.http_port == 1
    assert given.origins["http_port"] == "environment"


def test_an_empty_variable_counts_as_not_given() -> None:
    assert load({"LTV_PARTITIONS": ""}).partitions == 8


@pytest.mark.parametrize(
    ("build", "group", "changelog"),
    [
        ("1", "shop", "shop-customers-changelog"),
        ("2", "shop-v2", "shop-v2-customers-changelog"),
    ],
)
def test_each_build_has_a_group_and_a_changelog_of_its_own(
    build: str, group: str, changelog: str
) -> None:
    settings = load({"LTV_APP_ID": "shop", "LTV_BUILD": build})
    assert settings.group == group
    assert settings.changelog_topic == changelog


@pytest.mark.parametrize(
    ("as_of", "zone", "seconds"),
    [
        ("", "UTC", None),
        ("event-time", "UTC", None),
        ("1998-06-30", "UTC", 899164800),
        ("1998-06-30", "Asia/Seoul", 899164800 - 9 * 3600),
        ("1998-06-30T12:00:00+02:00", "Asia/Seoul", 899164800 + 10 * 3600),
    ],
)
def test_as_of_is_the_clock_the_events_or_an_instant(
    as_of: str, zone: str, seconds: int | None
) -> None:
    settings = load({"LTV_AS_OF": as_of, "LTV_TIMEZONE": zone})
    assert settings.as_of_seconds == seconds
    assert settings.as_of_event_time == (as_of == "event-time")
