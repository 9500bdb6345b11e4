"""What people see: the overview, the report, a customer; and the files their browsers need.

Scripts are files of this server, never in a page, and a page may load from nowhere else. (Styles
may stand in it: plotly sets them.)
"""

from __future__ import annotations

import asyncio
from importlib.metadata import version
from typing import Any, Final
from urllib.parse import quote

from aiohttp import web

from stream_app import __version__
from stream_app.core.cohorts.cells import TABLES
from stream_app.core.cohorts.lines import METRICS, Metric
from stream_app.core.portfolio import added
from stream_app.errors import NotFound
from stream_app.jobs.report import page as report_page
from stream_app.pages.page import (
    Around,
    Block,
    Choice,
    Controls,
    Entry,
    Link,
    Notice,
    Page,
    Prose,
    plotly_script,
    render,
    script,
)  # fmt: skip
from stream_app.serve import customer_page, overview
from stream_app.serve.api import Api
from stream_app.serve.asking import Question, known_only, question
from stream_app.serve.conditional import CACHE
from stream_app.serve.customers import id_from_path
from stream_app.serve.publication import Publication
from stream_app.serve.reports import Made
from stream_app.serve.segments import read_segments
from stream_app.serve.tokens import Token
from stream_app.serve.trouble import Refused
from stream_app.settings import Settings
from stream_app.stores.keys import SEGMENTS
from stream_app.wire.segments import decode_segments

CUSTOMERS: Final = "/customers/"
LINKS: Final = (Link("Overview", "/"), Link("Report", "/report"), Link("Customers", "/customers"))
FOOT: Final = f"ltv serve {__version__}. This page loads nothing from elsewhere."
PLOTLY: Final = f"/static/plotly-{version('plotly')}.js"
DRAW: Final = f"/static/draw-{__version__}.js"
LIVE: Final = f"/static/live-{__version__}.js"
YEAR: Final = "private, max-age=31536000, immutable"
"""What an address with a version in it leads to never changes."""
SHORT: Final = "private, max-age=300"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' data: blob:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
TROUBLE_TITLES: Final = {
    400: "That can't be asked",
    401: "This needs a token",
    404: "Nothing here",
    421: "Not by this name",
    503: "No answer for now",
}


class Site:
    """The pages, and their routes."""

    def __init__(
        self, settings: Settings, publication: Publication, api: Api, token: Token
    ) -> None:
        self._settings = settings
        self._publication = publication
        self._api = api
        self._token = token
        self._files: dict[str, bytes] = {}

    def routes(self) -> list[web.RouteDef]:
        """For the application."""
        return [
            web.get("/", self._overview),
            web.get("/report", self._report),
            web.get("/customers", self._search),
            web.get(CUSTOMERS + "{id:.*}", self._customer),
            web.post("/session", self._session),
            web.get("/static/{name}", self._static),
        ]

    def is_page(self, request: web.Request) -> bool:
        """Whether a person asks: for one of these, and for HTML."""
        path = request.path
        ours = path in ("/", "/report", "/customers", "/session") or path.startswith(CUSTOMERS)
        return ours or ("text/html" in request.headers.get("Accept", "") and path[:4] != "/v1/")

    def trouble(self, request: web.Request, found: Refused) -> web.Response:
        """The page that says so; where Redis is away it comes back by itself."""
        blocks: list[Block] = [Notice(found.detail)]
        scripts: tuple[str, ...] = ()
        if found.status == 401:
            field = Entry("token", "Token", type="password", most=300, required=True, wide=True)
            blocks = [
                Notice("Give the token once; this browser then remembers it for 12 hours."),
                Controls("Token", "/session", [field], "Enter", method="post"),
            ]
        elif found.status == 404 and request.path.startswith(CUSTOMERS):
            blocks.append(_search_form(""))
        elif found.status == 503:
            blocks.append(Prose("This page looks again every two seconds."))
            scripts = (LIVE,)
        title = TROUBLE_TITLES.get(found.status, "Something is wrong")
        around = Around(LINKS, request.path, scripts)
        made = Page(title, "", blocks, FOOT)
        return _html(render(made, around, away=found.status == 503), status=found.status)

    # -- the pages -----------------------------------------------------------------------------

    async def _overview(self, request: web.Request) -> web.Response:
        known_only(request.query, ())
        status = await self._api.status.read()
        try:
            segments = await read_segments(self._settings, self._publication)
        except NotFound:
            segments = None
        made = overview.page(status, segments, FOOT)
        scripts = (PLOTLY, DRAW, LIVE) if segments is not None else (LIVE,)
        return _html(render(made, Around(LINKS, "/", scripts)))

    async def _report(self, request: web.Request) -> web.Response:
        asked = question(request.query, empty_is_all=True)
        top_share = await self._top_share()

        def drawn(made: Made) -> str:
            return _report_html(made.answer, asked, top_share)

        # By first purchase where nobody has signed up: better than an empty page.
        if "by" not in request.query and not await self._api.reports.has_cohorts(asked.by):
            asked = asked._replace(by="first-purchase")
        return _html(await self._api.reports.of(asked, f"html {top_share}", drawn))

    async def _top_share(self) -> float | None:
        (values,) = await self._publication.summaries(SEGMENTS)
        said = [one for one in map(decode_segments, values.values()) if one is not None]
        return added(one.portfolio for one in said).top_share()

    async def _search(self, request: web.Request) -> web.Response:
        known_only(request.query, ("id",))
        wanted = request.query.get("id", "")
        if wanted:
            raise web.HTTPSeeOther(CUSTOMERS + quote(wanted, safe=""))
        lead = "Type an id as it stands in the events, character for character."
        made = Page("Find a customer", lead, [_search_form("")], FOOT)
        return _html(render(made, Around(LINKS, "/customers")))

    async def _customer(self, request: web.Request) -> web.Response:
        known_only(request.query, ())
        customer_id = id_from_path(request.rel_url.raw_path[len(CUSTOMERS) :])
        customers = self._api.customers
        score = await customers.now(customer_id) if customer_id else None
        if not customer_id or score is None:
            raise NotFound(f"Nothing is published of customer {customer_id!r}.")
        at = customer_page.instants(score, score.as_of or 0)
        curve = [] if score.not_evaluated else await customers.over(customer_id, at)
        made = customer_page.page(customer_id, score, curve, FOOT)
        return _html(render(made, Around(LINKS, "/customers", (PLOTLY, DRAW))))

    async def _session(self, request: web.Request) -> web.Response:
        try:
            form = await request.post()
        except (ValueError, LookupError, AssertionError):
            return self.trouble(request, Refused(400, "This is no form that a browser sends.", {}))
        if not self._token.is_right(str(form.get("token", ""))):
            return self.trouble(request, Refused(401, "", {}))
        answer = web.Response(status=303, headers={"Location": "/"})
        self._token.remember(answer, secure=request.secure)
        return answer

    async def _static(self, request: web.Request) -> web.Response:
        address = request.path
        if address not in (PLOTLY, DRAW, LIVE):
            raise web.HTTPNotFound
        if address not in self._files:
            self._files[address] = await asyncio.to_thread(_file, address)
        return web.Response(
            body=self._files[address],
            content_type="text/javascript",
            charset="utf-8",
            headers={"Cache-Control": YEAR if address == PLOTLY else SHORT},
        )


def _file(address: str) -> bytes:
    if address == PLOTLY:
        return plotly_script()
    return script("draw.js" if address == DRAW else "live.js").encode()


def _report_html(answer: dict[str, Any], asked: Question, top_share: float | None) -> str:
    metric = asked.metric or "ltr"
    made = report_page.page(answer, metric, top_share, FOOT)
    blocks = [_report_form(answer, asked, metric), *made.blocks]
    around = Around(LINKS, "/report", (PLOTLY, DRAW))
    return render(Page(made.title, made.lead, blocks, made.foot), around)


def _report_form(answer: dict[str, Any], asked: Question, metric: Metric) -> Controls:
    channels = [(name, name) for name in answer["channels"] if name is not None]
    months = [line["cohort"] for line in answer["cohorts"]]
    hint = months[0] if months else "1997-01"
    return Controls(
        "What the report shows",
        "/report",
        [
            Choice("by", "Cohorts by month of", [(one, one.replace("-", " ")) for one in TABLES],
                   asked.by),
            Choice("channel", "Channel", [("", "all channels"), *channels], asked.channel or ""),
            Choice("metric", "Heat map shows",
                   [(one, report_page.TITLES[one].partition(":")[0]) for one in METRICS], metric),
            Choice("offsets", "Months", [(str(n), str(n + 1)) for n in (2, 5, 11, 17, 23, 35)],
                   str(asked.offsets)),
            Entry("from", "From", answer["from"] or "", hint, most=7),
            Entry("to", "To", answer["to"] or "", hint, most=7),
        ],
        "Show",
    )  # fmt: skip


def _search_form(value: str) -> Controls:
    field = Entry("id", "Customer id", value, required=True, wide=True, most=128)
    return Controls("Find a customer", "/customers", [field], "Find")


def _html(text: str, status: int = 200) -> web.Response:
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": CACHE}
    return web.Response(
        text=text, status=status, content_type="text/html", charset="utf-8", headers=headers
    )
