"""The pages in a real browser that reaches nothing but the server: do they work, for everybody?"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
import pytest_asyncio
import redis
from yarl import URL

from stream_app.cli import ltv
from stream_app.cli.group import outcome
from stream_app.dev.valkey import Valkey
from tests.serve.browser import Tab, browser, chromium, must_run
from tests.serve.conftest import Serve
from tests.serve.shop import Shop
from tests.serve.test_api import NASTY, bought, path
from tests.serve.test_gate import AWAY, TOKEN

pytestmark = pytest.mark.timeout(180)
COSTS = "month,amount,currency\n1997-01,30000,USD\n1997-02,45000,USD\n1997-03,90000,USD\n"


@pytest_asyncio.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Tab]:
    """A page of a browser; without one the test is skipped, where not everything must be tested."""
    if chromium() is None:
        assert not must_run(), "chromium is not installed, and CI tests everything"
        pytest.skip("no chromium: the pages are not tested (apt-get install chromium)")
    async with browser(tmp_path) as socket:
        made = Tab(socket)
        await made.open()
        yield made
        await made.close()


def address(client: aiohttp.ClientSession, path: str) -> str:
    """Where a page is."""
    assert client._base_url is not None
    return str(client._base_url).rstrip("/") + path


async def heat_map(tab: Tab) -> Any:
    """What the first chart has in its cells."""
    return await tab.eval("document.getElementById('plot-0').data[0]")


async def test_the_report_shows_the_sample_s_numbers_and_asks_nobody_else(
    serve: Serve, cdnow_shop: Shop, tab: Tab
) -> None:
    client = await serve(cdnow_shop)
    await tab.go(address(client, "/report"))
    cells = await heat_map(tab)
    assert cells["y"] == ["1997-01 (781)", "1997-02 (857)", "1997-03 (719)", "together"]
    assert cells["text"][0] == [
        "36.61", "45.58", "51.01", "55.82", "60.73", "65.27", "69.33", "72.29", "75.23", "78.11",
        "82.11", "86.31",
    ]  # fmt: skip
    assert [row[11] for row in cells["text"][:3]] == ["86.31", "88.25", "92.07"]
    assert await tab.eval("document.querySelectorAll('#plot-0 .heatmaplayer text').length") == 48
    assert tab.complaints == []
    base = address(client, "")
    assert all(one.startswith((base, "data:")) for one in tab.asked_for), tab.asked_for
    assert any("plotly" in one for one in tab.asked_for)


@pytest.mark.parametrize("where", ["/", "/report", "/customers", "/customers/00004"])
async def test_a_page_is_whole_for_who_hears_it(
    serve: Serve, cdnow_shop: Shop, tab: Tab, where: str
) -> None:
    client = await serve(cdnow_shop)
    cdnow_shop.status()
    await tab.go(address(client, where))
    assert tab.complaints == []
    tree = await tab.tree()
    roles = [role for role, _ in tree]
    assert roles.count("main") == 1
    assert ("navigation", "Pages") in tree
    levels = await tab.eval(
        "[...document.querySelectorAll('h1,h2,h3,h4')].map(one => +one.tagName[1])"
    )
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - former <= 1 for former, later in pairwise(levels))
    assert await tab.eval("document.documentElement.lang") == "en"
    names = [name for role, name in tree if role in ("image", "img")]
    assert all(name.startswith("Chart. ") for name in names if name)
    for role in ("combobox", "textbox", "button", "link"):
        assert all(name for found, name in tree if found == role)
    bare = "[...document.querySelectorAll('th')].filter(one => !one.scope).length"
    assert await tab.eval(bare) == 0
    assert where == "/customers" or "table" in roles


async def test_the_numbers_of_every_chart_are_there_as_a_table(
    serve: Serve, cdnow_shop: Shop, tab: Tab
) -> None:
    client = await serve(cdnow_shop)
    await tab.go(address(client, "/report"))
    assert await tab.eval("document.querySelectorAll('.plot').length") == 5
    assert await tab.eval("document.querySelectorAll('figure details table').length") == 5
    row = "[...document.querySelectorAll('figure table')[0].rows[1].cells].map(o => o.textContent)"
    assert (await tab.eval(row))[:3] == ["1997-01 (781)", "36.61", "45.58"]


async def test_the_keyboard_reaches_everything_in_its_order(
    serve: Serve, cdnow_shop: Shop, tab: Tab
) -> None:
    client = await serve(cdnow_shop)
    await tab.go(address(client, "/report"))
    reached = []
    for _ in range(12):
        await tab.press("Tab")
        reached.append(await tab.eval("document.activeElement.textContent.trim().slice(0, 20)"
                                      " + '|' + (document.activeElement.id || '')"))  # fmt: skip
    assert reached[0].startswith("Skip to the content")
    assert [one.partition("|")[0] for one in reached[1:4]] == ["Overview", "Report", "Customers"]
    fields = ["by", "channel", "metric", "offsets", "from", "to"]
    assert [one.rpartition("|")[2] for one in reached[4:10]] == [f"field-{one}" for one in fields]
    assert reached[10].startswith("Show")
    outline = await tab.eval("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"


async def test_by_night_the_page_is_dark_and_so_are_its_charts(
    serve: Serve, cdnow_shop: Shop, tab: Tab
) -> None:
    client = await serve(cdnow_shop)
    ground = "getComputedStyle(document.body).backgroundColor"
    ink = "document.querySelector('#plot-1 .xtick text').style.fill"
    await tab.go(address(client, "/report"))
    light = [await tab.eval(ground), await tab.eval(ink)]
    await tab.dark(on=True)
    await tab.until(f"{ink} !== {light[1]!r}")
    assert await tab.eval(ground) == "rgb(20, 23, 28)" != light[0]
    assert await tab.eval(ink) == "rgb(236, 239, 243)"


async def test_the_controls_choose_what_is_shown(serve: Serve, cdnow_shop: Shop, tab: Tab) -> None:
    client = await serve(cdnow_shop)
    await tab.go(address(client, "/report"))
    await tab.eval(
        "document.getElementById('field-metric').value = 'paying';"
        "document.getElementById('field-offsets').value = '5';"
        "document.getElementById('field-from').value = '1997-02';"
        "document.querySelector('form').requestSubmit()"
    )
    await tab.until("location.search.includes('paying') && 'drawn' in document.body.dataset")
    cells = await heat_map(tab)
    assert cells["y"] == ["1997-02 (857)", "1997-03 (719)", "together"]
    assert cells["text"][0][0] == "99.6%"
    assert len(cells["x"]) == 6
    assert tab.complaints == []


async def test_costs_are_a_line_and_a_star(
    serve: Serve, cdnow_shop: Shop, tab: Tab, tmp_path: Path
) -> None:
    costs = tmp_path / "costs.csv"
    costs.write_text(COSTS)
    client = await serve(cdnow_shop, cac_file=str(costs))
    await tab.go(address(client, "/report"))
    traces = await tab.eval(
        "document.getElementById('plot-1').data.map(o => [o.name, o.x.length, o.y[0]])"
    )
    found = {name: (size, first) for name, size, first in traces}
    assert found["1997-01: CAC"] == (12, pytest.approx(30000 / 781))
    assert found["1997-02: paid back"][0] == 1
    assert "1997-03: paid back" not in found
    assert "not yet" in await tab.eval("document.body.textContent")


async def test_the_overview_moves_by_itself_and_says_when_it_is_old(
    serve: Serve, cdnow_shop: Shop, tab: Tab
) -> None:
    client = await serve(cdnow_shop)
    cdnow_shop.status()
    await tab.go(address(client, "/"))
    shown = "document.querySelector('[data-live={}]').textContent"
    hidden = "document.querySelector('[data-live=warning]').hidden"
    assert await tab.eval(shown.format("rate")) == "37.5"
    assert await tab.eval(hidden)
    cdnow_shop.status(events_per_second=1000.0)
    await tab.until(f"{shown.format('rate')} === '3,000'")
    cdnow_shop.status(age=60)
    await tab.until(f"!{hidden}")
    assert "3 of 3 partitions have said nothing lately" in await tab.eval(shown.format("warning"))
    cdnow_shop.status()
    await tab.until(hidden)
    assert tab.complaints == []


async def test_a_customer_s_page_tells_the_numbers_in_words_and_the_falls_of_the_tier(
    serve: Serve, cdnow_shop: Shop, tab: Tab
) -> None:
    client = await serve(cdnow_shop)
    await tab.go(address(client, "/customers"))
    await tab.eval("document.getElementById('field-id').focus()")
    await tab.call("Input.insertText", text="00004")
    await tab.press("Enter")
    await tab.until("location.pathname === '/customers/00004' && 'drawn' in document.body.dataset")
    text = await tab.eval("document.body.textContent")
    assert "Bought on 4 days between 1997-01-01 and 1997-12-12: 4 orders, 100.50 USD" in text
    names = await tab.eval("document.getElementById('plot-0').data.map(one => one.name)")
    assert names[-3:] == ["at risk", "lost", "now"]
    line = await tab.eval("document.getElementById('plot-0').data[0].y")
    assert line == sorted(line, reverse=True)
    assert tab.complaints == []


@pytest.mark.parametrize(
    "customer_id", ["<img src=x onerror=alert(1)>", "</title><script>x", "a/b%"]
)
async def test_ids_that_would_be_markup_are_text(
    serve: Serve, empty_shop: Shop, tab: Tab, customer_id: str
) -> None:
    empty_shop.open()
    empty_shop.customer(customer_id, bought(customer_id))
    client = await serve(empty_shop)
    await tab.go(address(client, "/customers/" + quote(customer_id, safe="")))
    heading = await tab.eval("document.querySelector('h1').textContent")
    assert heading == f"Customer {customer_id}"
    assert await tab.eval("document.querySelectorAll('main img, main script').length") == 0
    assert tab.complaints == []
    await tab.go(address(client, "/customers/" + quote(f"no{customer_id}", safe="")))
    assert await tab.eval("document.querySelectorAll('main img, main script').length") == 0


async def test_a_file_of_the_report_needs_no_server(
    cdnow_shop: Shop, tab: Tab, tmp_path: Path, redis_url: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("LTV_REDIS_URL", redis_url)  # the command is one that people type
    monkeypatch.setenv("LTV_KEY_PREFIX", cdnow_shop.prefix)
    file = tmp_path / "report.html"
    arguments = ["report", "--by", "first-purchase", "--as-of", "1998-06-30", "--html", str(file)]
    assert outcome(ltv, arguments) == 0
    assert "36.61" in capsys.readouterr().out
    await tab.go(file.as_uri())
    assert (await heat_map(tab))["text"][0][11] == "86.31"
    assert tab.complaints == []
    assert all(one.startswith(("file:", "data:")) for one in tab.asked_for)
    assert outcome(ltv, [*arguments[:-1], str(tmp_path / "no" / "where.html")]) == 2


# -- without a browser -------------------------------------------------------------------------


@pytest.mark.parametrize("customer_id", NASTY)
async def test_every_id_has_a_page(serve: Serve, empty_shop: Shop, customer_id: str) -> None:
    empty_shop.open()
    empty_shop.customer(customer_id, bought(customer_id))
    client = await serve(empty_shop)
    where = URL(str(path(customer_id)).removeprefix("/v1"), encoded=True)
    async with client.get(where) as answer:
        assert answer.status == 200
        assert "<script>alert" not in await answer.text()


async def test_trouble_has_pages_too(serve: Serve, cdnow_shop: Shop) -> None:
    client = await serve(cdnow_shop)
    for where, status, says in (
        ("/customers/nobody", 404, "Nothing is published of customer"),
        ("/report?metric=ltv", 400, "none of ltr, arpu"),
        ("/report?by=<b>", 400, "&lt;b&gt;"),
    ):
        async with client.get(where) as answer:
            assert (answer.status, answer.content_type) == (status, "text/html")
            assert says in await answer.text()
    async with client.get("/nowhere", headers={"Accept": "text/html"}) as answer:
        assert (answer.status, answer.content_type) == (404, "text/html")
    away = await serve(redis_url=AWAY)
    for where in ("/", "/report", "/customers/c"):
        async with away.get(where) as answer:
            assert answer.status == 503
            assert answer.headers["Retry-After"] == "2"
            text = await answer.text()
        assert "127.0.0.1:1" in text
        assert "hunter2" not in text


async def test_before_anything_is_published_the_pages_say_so(
    serve: Serve, empty_shop: Shop
) -> None:
    client = await serve(empty_shop)
    for where in ("/", "/report"):
        async with client.get(where) as answer:
            assert answer.status == 404
            assert "a worker publishes within seconds of its start" in await answer.text()


async def test_a_page_that_could_not_reach_redis_comes_back_by_itself(
    serve: Serve, tab: Tab, tmp_path: Path
) -> None:
    with Valkey(tmp_path) as valkey:
        client = redis.Redis.from_url(valkey.url)
        shop = Shop(client, "own:")
        shop.open()
        shop.customer("c", bought("c"))
        http = await serve(shop, redis_url=valkey.url)
        valkey.pause()
        await tab.go(address(http, "/customers/c"))
        assert "No answer for now" in await tab.eval("document.body.textContent")
        valkey.resume()
        await tab.until("document.querySelector('h1')?.textContent === 'Customer c'")
        client.close()


async def test_a_person_gives_the_token_once(serve: Serve, cdnow_shop: Shop) -> None:
    client = await serve(cdnow_shop, serve_token=TOKEN)
    async with client.get("/report") as answer:
        assert (answer.status, answer.content_type) == (401, "text/html")
        text = await answer.text()
        assert 'action="/session" method="post"' in text
        assert 'type="password"' in text
    for wrong in ("", "wrong", "<b>"):
        async with client.post("/session", data={"token": wrong}) as answer:
            assert answer.status == 401
            assert "Set-Cookie" not in answer.headers
    async with client.post("/session", data={"token": "x" * 9000}) as answer:
        assert answer.status == 413
    async with client.post("/session", data={"token": TOKEN}, allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert TOKEN not in cookie
    session = {"Cookie": cookie.partition(";")[0]}
    for where in ("/report", "/v1/status", "/"):
        async with client.get(where, headers=session) as answer:
            assert answer.status == 200
    other = await serve(cdnow_shop, serve_token=TOKEN + "-changed")
    async with other.get("/report", headers=session) as answer:
        assert answer.status == 401


async def test_scripts_come_from_this_server_alone(serve: Serve, cdnow_shop: Shop) -> None:
    client = await serve(cdnow_shop)
    async with client.get("/report") as answer:
        policy = answer.headers["Content-Security-Policy"]
        text = await answer.text()
    assert "script-src 'self';" in policy
    assert "default-src 'none'" in policy
    assert len(text) < 300_000
    scripts = re.findall(r'<script src="([^"]+)"', text)
    assert len(scripts) == 2
    for script in scripts:
        async with client.get(script) as answer:
            assert (answer.status, answer.content_type) == (200, "text/javascript")
            assert "private" in answer.headers["Cache-Control"]
    async with client.get("/static/../../etc/passwd") as answer:
        assert answer.status == 404
    async with client.get("/static/secrets.js") as answer:
        assert answer.status == 404
