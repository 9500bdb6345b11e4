"""`ltv show`: what is in Redis, typed for scripts, with units for people."""

import json
from collections.abc import Iterator

import pytest
import redis as redis_py
from click.testing import CliRunner, Result

from stream_app.cli import ltv
from stream_app.errors import Fault, NotFound, Unreachable
from tests.jobs.conftest import Environ

HASH = {
    "rev": "3",
    "gen": "1",
    "pos": "17",
    "as_of": "899164800",
    "currency": "USD",
    "revenue": "123456",
    "orders": "2",
    "monetary": "6172.80",
    "first_order": "1997-01-01",
    "cohort": "1997-01",
    "p_alive": "0.90000000000000002",
    "tier": "active",
    "channel": "a\x1b[2Jds",
    "basis": "model",
    "from_a_newer_version": "x",
}


@pytest.fixture
def published(own_environ: Environ) -> Iterator[Environ]:
    client = redis_py.Redis.from_url(own_environ["LTV_REDIS_URL"])
    key = f"{own_environ['LTV_KEY_PREFIX']}{{c-1}}"
    for name, value in HASH.items():
        client.hset(key, name, value)
    yield own_environ
    client.delete(key)
    client.close()


def show(environ: Environ, *arguments: str) -> Result:
    done = CliRunner().invoke(ltv, ["show", *arguments], env=environ, standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done


def test_json_has_the_fields_that_are_there_with_their_types(published: Environ) -> None:
    assert json.loads(show(published, "c-1", "--json").stdout) == {
        "customer_id": "c-1",
        "rev": 3,
        "gen": 1,
        "pos": 17,
        "as_of": 899164800,
        "currency": "USD",
        "revenue": 123456,
        "orders": 2,
        "monetary": 6172.8,
        "first_order": "1997-01-01",
        "cohort": "1997-01",
        "p_alive": 0.9,
        "tier": "active",
        "channel": "a\x1b[2Jds",
        "basis": "model",
    }


def test_people_see_units_and_no_control_characters(published: Environ) -> None:
    lines = {line.split()[0]: line for line in show(published, "c-1").stdout.splitlines()}
    assert " 1,234.56 USD " in lines["revenue"]
    assert " 61.7280 USD " in lines["monetary"]
    assert " 1998-06-30 00:00:00Z " in lines["as_of"]
    assert "a\\x1b[2Jds" in lines["channel"]


def test_a_customer_nobody_knows_is_not_found(published: Environ) -> None:
    with pytest.raises(NotFound, match="Nothing is published of customer 'c-2'"):
        show(published, "c-2")


def test_a_hash_that_is_damaged_names_the_field(published: Environ) -> None:
    client = redis_py.Redis.from_url(published["LTV_REDIS_URL"])
    client.hset(f"{published['LTV_KEY_PREFIX']}{{c-1}}", "orders", "two")
    client.close()
    with pytest.raises(Fault, match="orders"):
        show(published, "c-1")


def test_a_redis_that_is_away_is_one_sentence_without_the_password(own_environ: Environ) -> None:
    away = {**own_environ, "LTV_REDIS_URL": "redis://:hunter2@127.0.0.1:1/0"}
    with pytest.raises(Unreachable) as raised:
        show(away, "c-1")
    assert "127.0.0.1:1" in str(raised.value)
    assert "hunter2" not in str(raised.value)
