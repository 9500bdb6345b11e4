"""The API on a real Valkey: what is asked, what is answered, what it costs to be wrong."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from yarl import URL

from stream_app.core.customer import Customer
from stream_app.core.events import Purchase
from stream_app.serve.conditional import CACHE
from stream_app.wire.score_fields import FIELDS
from stream_app.wire.scores import parse_hash
from tests.cdnow_log import cdnow_records
from tests.core.cohort_logs import Following
from tests.serve.conftest import Serve
from tests.serve.shop import AS_OF, Shop

NASTY = (
    "a/b",
    "/",
    "..",
    "../../etc/passwd",
    "50%",
    "%2F",
    "a+b c",
    "<script>alert(1)</script>",
    "{c}",
    "q?x=1#y",
    'quote"\\',
    "käufer",
    "顧" * 128,
    "\U0001d4b3" * 128,
    "نص" * 64,
    "e\u0301\u200d\u202e",
)


def bought(customer_id: str) -> Customer:
    """Once, for 20.00."""
    customer = Customer()
    day = AS_OF // 86_400 - 40
    customer.apply(Purchase(customer_id, "1", "1", day * 86_400_000_000, day, "USD", 2000, 2000))
    return customer


def path(customer_id: str) -> URL:
    """The address of a customer, every character percent-encoded."""
    encoded = "".join(f"%{byte:02X}" for byte in customer_id.encode())
    return URL(f"/v1/customers/{encoded}", encoded=True)


async def asked(client: aiohttp.ClientSession, where: Any, **more: Any) -> tuple[int, Any]:
    """Status, and the JSON of the body."""
    async with client.get(where, **more) as answer:
        return answer.status, json.loads(await answer.read() or b"null")


# -- customers ---------------------------------------------------------------------------------


async def test_a_customer_has_every_field_that_redis_has_typed(
    serve: Serve, cdnow_shop: Shop
) -> None:
    client = await serve(cdnow_shop)
    status, found = await asked(client, "/v1/customers/00004")
    stored: Any = cdnow_shop.client.hgetall(f"{cdnow_shop.prefix}{{00004}}")
    expected = parse_hash(stored)
    assert status == 200
    assert found.pop("customer_id") == "00004"
    assert set(found) == {one.name for one in FIELDS if getattr(expected, one.name) is not None}
    for name, value in found.items():
        kind = next(one.kind for one in FIELDS if one.name == name)
        known = getattr(expected, name)
        plain = {"date": lambda day: day.isoformat(), "hundredths": float}
        assert value == plain.get(kind, lambda same: same)(known)
    assert isinstance(found["revenue"], int)
    assert found["as_of"] == AS_OF


async def test_now_is_the_clock_unless_told_otherwise(serve: Serve, cdnow_shop: Shop) -> None:
    client = await serve(cdnow_shop, as_of="2005-01-01")
    _, later = await asked(client, "/v1/customers/00004")
    _, stored = await asked(client, "/v1/customers/00004?as_of=published")
    assert stored["as_of"] == AS_OF < later["as_of"]
    assert later["p_alive"] < stored["p_alive"]
    assert later["revenue"] == stored["revenue"]
    client = await serve(cdnow_shop, as_of="event-time")
    assert await asked(client, "/v1/customers/00004") == (200, stored)


@pytest.mark.parametrize("customer_id", NASTY)
async def test_ids_of_any_characters_are_found_and_come_back_as_they_are(
    serve: Serve, empty_shop: Shop, customer_id: str
) -> None:
    empty_shop.open()
    empty_shop.customer(customer_id, bought(customer_id))
    client = await serve(empty_shop)
    status, found = await asked(client, path(customer_id))
    assert (status, found["customer_id"], found["revenue"]) == (200, customer_id, 2000)
    if customer_id == "..":  # a client takes these dots for its own
        return
    as_people_do = URL("/v1/customers/" + quote(customer_id, safe=""), encoded=True)
    assert await asked(client, as_people_do) == (status, found)


async def test_a_slash_need_not_be_encoded(serve: Serve, empty_shop: Shop) -> None:
    empty_shop.open()
    empty_shop.customer("eu/17", bought("eu/17"))
    client = await serve(empty_shop)
    assert (await asked(client, "/v1/customers/eu/17"))[0] == 200


@pytest.mark.parametrize(
    "where", ["/v1/customers/nobody", "/v1/customers/", "/v1/customers/%FF", "/v1/customers/%00"]
)
async def test_an_unknown_customer_is_404(serve: Serve, cdnow_shop: Shop, where: str) -> None:
    client = await serve(cdnow_shop)
    async with client.get(URL(where, encoded=True)) as answer:
        assert answer.status == 404
        assert answer.content_type == "application/problem+json"
        assert (await answer.json())["title"] == "Not Found"


async def test_many_at_once_get_their_own(serve: Serve, cdnow_shop: Shop) -> None:
    client = await serve(cdnow_shop)
    names = [f"{number:05}" for number in range(1, 200)]
    found = await asyncio.gather(*(asked(client, f"/v1/customers/{name}") for name in names))
    known = {str(key) for part in cdnow_shop.parts for key in part.customers}
    for name, (status, body) in zip(names, found, strict=True):
        assert status == (200 if name in known else 404)
        assert name not in known or body["customer_id"] == name


async def test_a_hash_that_can_t_be_read_is_nobody_else_s_trouble(
    serve: Serve, empty_shop: Shop
) -> None:
    empty_shop.open()
    empty_shop.customer("good", bought("good"))
    empty_shop.client.hset(f"{empty_shop.prefix}{{bad}}", "revenue", "<b>much</b>")
    client = await serve(empty_shop)
    good, bad, stored = await asyncio.gather(
        asked(client, "/v1/customers/good"),
        asked(client, "/v1/customers/bad"),
        asked(client, "/v1/customers/bad?as_of=published"),
    )
    assert (good[0], bad[0], stored[0]) == (200, 500, 500)
    assert "revenue is" in bad[1]["detail"]


async def test_who_has_it_already_gets_304(serve: Serve, cdnow_shop: Shop) -> None:
    client = await serve(cdnow_shop)
    for where in ("/v1/customers/00004", "/v1/cohorts?by=first-purchase", "/v1/segments"):
        async with client.get(where) as answer:
            tag = answer.headers["ETag"]
            assert answer.headers["Cache-Control"] == CACHE
        for known in (tag, f'"other", {tag}', "*"):
            async with client.get(where, headers={"If-None-Match": known}) as answer:
                assert (answer.status, answer.headers["ETag"]) == (304, tag)
                assert await answer.read() == b""
        async with client.get(where, headers={"If-None-Match": '"other"'}) as answer:
            assert answer.status == 200


async def test_a_customer_s_tag_changes_with_the_customer_and_not_with_the_second(
    serve: Serve, empty_shop: Shop
) -> None:
    empty_shop.open()
    empty_shop.customer("c", bought("c"))
    tags = []
    for as_of in ("1998-06-30T01:00:00Z", "1998-06-30T02:00:00Z", "1998-07-30T02:00:00Z"):
        client = await serve(empty_shop, as_of=as_of)
        async with client.get("/v1/customers/c") as answer:
            tags.append(answer.headers["ETag"])
    twice = bought("c")
    twice.apply(Purchase("c", "2", "2", AS_OF * 10**6, AS_OF // 86_400, "USD", 100, 100))
    empty_shop.customer("c", twice)
    async with client.get("/v1/customers/c") as answer:
        tags.append(answer.headers["ETag"])
    assert all(tag.startswith('W/"') for tag in tags)
    assert tags[0] == tags[1]
    assert len(set(tags)) == 3


# -- the report --------------------------------------------------------------------------------


async def test_the_report_has_the_numbers_of_the_sample(serve: Serve, cdnow_shop: Shop) -> None:
    client = await serve(cdnow_shop)
    status, found = await asked(client, "/v1/cohorts?by=first-purchase")
    assert status == 200
    january = found["cohorts"][0]
    assert (january["cohort"], january["members"]) == ("1997-01", 781)
    assert [one["net_minor"] for one in january["offsets"]] == [
        2859270, 700373, 424164, 375536, 383325, 354750, 317231, 231348, 229267, 225257, 312426,
        328114,
    ]  # fmt: skip
    assert round(january["offsets"][11]["ltr_minor"] / 100, 4) == 86.3132
    assert found["total"]["net_minor"] == 24_409_194


async def test_the_report_is_narrowed(serve: Serve, cdnow_shop: Shop) -> None:
    client = await serve(cdnow_shop)
    _, found = await asked(
        client, "/v1/cohorts?by=first-purchase&from=1997-02&to=1997-02&offsets=2&metric=paying"
    )
    (line,) = found["cohorts"]
    assert (line["cohort"], found["metric"]) == ("1997-02", "paying")
    assert [set(one) for one in line["offsets"]] == [
        {"offset", "month", "state", "state_so_far", "paying_share"}
    ] * 3
    assert line["offsets"][0]["paying_share"] == 854 / 857


async def test_costs_come_with_the_report(serve: Serve, cdnow_shop: Shop, tmp_path: Path) -> None:
    costs = tmp_path / "costs.csv"
    costs.write_text("month,channel,amount,currency\n1997-01,ads,34500.50,USD\n")
    client = await serve(cdnow_shop, cac_file=str(costs))
    _, found = await asked(client, "/v1/cohorts?by=first-purchase")
    assert found["cohorts"][0]["acquisition"]["payback_offset"] == 1
    costs.write_text("month,channel,amount,currency\n1997-01,ads,many,USD\n")
    os.utime(costs, (1, 1))
    status, found = await asked(client, "/v1/cohorts?by=first-purchase")
    assert status == 500
    assert "line 2" in found["detail"]


async def test_the_report_follows_the_totals(serve: Serve, empty_shop: Shop) -> None:
    client = await serve(empty_shop)
    assert (await asked(client, "/v1/cohorts"))[0] == 404
    following = Following()
    empty_shop.parts = [following]
    empty_shop.everybody()
    assert (await asked(client, "/v1/cohorts?by=first-purchase"))[1]["members"] == 0
    following.take([next(cdnow_records())])
    empty_shop.everybody()
    assert (await asked(client, "/v1/cohorts?by=first-purchase"))[1]["members"] == 1


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("by=channel", ["by"]),
        ("metric=ltv", ["metric"]),
        ("from=1997-13", ["from"]),
        ("to=97-01", ["to"]),
        ("from=1997-02&to=1997-01", ["from"]),
        ("channel=<b>ads</b>", ["channel"]),
        ("channel=" + "x" * 65, ["channel"]),
        ("offsets=36", ["offsets"]),
        ("offsets=-1", ["offsets"]),
        ("offsets=\u0661", ["offsets"]),
        ("by=x&metric=y&from=z", ["by", "from", "metric"]),
        ("month=1997-01", ["month"]),
        ("by=signup&by=signup", ["by"]),
        ("by=", ["by"]),
    ],
)
async def test_a_wrong_parameter_is_400_and_named(
    serve: Serve, cdnow_shop: Shop, query: str, fields: list[str]
) -> None:
    client = await serve(cdnow_shop)
    async with client.get(f"/v1/cohorts?{query}") as answer:
        assert answer.status == 400
        assert answer.content_type == "application/problem+json"
        found = await answer.json()
    assert [one["field"] for one in found["errors"]] == fields
    assert all(one["detail"] for one in found["errors"])


@pytest.mark.parametrize(
    "where",
    [
        "/v1/customers/00004?as_of=then",
        "/v1/customers/00004?x=1",
        "/v1/segments?x=1",
        "/v1/status?x",
    ],
)
async def test_other_addresses_know_their_parameters_too(
    serve: Serve, cdnow_shop: Shop, where: str
) -> None:
    client = await serve(cdnow_shop)
    status, found = await asked(client, where)
    assert status == 400
    assert found["errors"][0]["field"] in ("as_of", "x")


# -- segments and status -----------------------------------------------------------------------


async def test_segments_add_up_to_all_customers(serve: Serve, cdnow_shop: Shop) -> None:
    client = await serve(cdnow_shop)
    status, found = await asked(client, "/v1/segments")
    assert status == 200
    assert found["customers"] == 2357
    assert sum(found["segments"].values()) == sum(found["rfm"].values()) == 2357
    assert sum(tier["revenue_minor"] for tier in found["tiers"].values()) == 24_409_194
    assert 0 < found["at_risk"]["minor"] < sum(t["ltv_365_minor"] for t in found["tiers"].values())
    assert 0.5 < found["top_share"]["of_revenue"] < 0.8


async def test_the_second_purchase_equals_a_count_by_hand(serve: Serve, cdnow_shop: Shop) -> None:
    client = await serve(cdnow_shop)
    _, found = await asked(client, "/v1/segments")
    gaps = []
    for part in cdnow_shop.parts:
        for customer in part.customers.values():
            days = sorted(day for day, orders, *_ in customer.buckets if orders > 0)
            gaps += [days[1] - days[0]] if len(days) > 1 else []
    assert found["second_purchase"] == {
        "buyers": 2357,
        "members": len(gaps),
        "rate": len(gaps) / 2357,
        "median_days": median(gaps),
    }


async def test_the_status_is_the_sum_of_the_partitions(serve: Serve, cdnow_shop: Shop) -> None:
    client = await serve(cdnow_shop)
    cdnow_shop.status()
    status, found = await asked(client, "/v1/status")
    assert status == 200
    assert (found["customers"], found["events_per_second"], found["stale"]) == (2357, 37.5, False)
    assert found["events"] == {"purchases": {"applied": 6919, "duplicate": 0, "refused": 0}}
    assert (found["lag"], found["late_seconds"]) == ({"purchases": 3}, 0.012)
    assert found["partitions"]["of"] == 3
    assert [one["partition"] for one in found["partitions"]["each"]] == [0, 1, 2]
    assert [one["role"] for one in found["models"]] == ["champion"]
    assert found["models"][0]["grades"]["forecasts"] > 0


async def test_an_old_status_is_called_so_and_counts_in_no_rate(
    serve: Serve, cdnow_shop: Shop
) -> None:
    client = await serve(cdnow_shop)
    cdnow_shop.status(age=60)
    _, found = await asked(client, "/v1/status")
    cdnow_shop.status()
    assert (found["stale"], found["events_per_second"], found["late_seconds"]) == (True, 0, None)
    assert found["age_seconds"] > 59
    assert found["customers"] == 2357


async def test_a_partition_that_says_nothing_is_missing(serve: Serve, empty_shop: Shop) -> None:
    empty_shop.parts = [Following(), Following()]
    empty_shop.everybody()
    client = await serve(empty_shop)
    _, found = await asked(client, "/v1/status")
    assert found["partitions"]["missing"] == [2]
    assert found["stale"]


async def test_before_anything_is_published_everything_says_so(
    serve: Serve, empty_shop: Shop
) -> None:
    client = await serve(empty_shop)
    for where in ("/v1/cohorts", "/v1/segments", "/v1/status"):
        status, found = await asked(client, where)
        assert status == 404
        assert "a worker publishes within seconds of its start" in found["detail"]
