"""What people see."""

from __future__ import annotations

from aiohttp import web

from stream_app.serve.api import Api
from stream_app.serve.tokens import Token
from stream_app.serve.trouble import Refused
from stream_app.settings import Settings


class Site:
    """The pages, and their routes."""

    def __init__(self, settings: Settings, api: Api, token: Token) -> None:
        self._settings = settings
        self._api = api
        self._token = token

    def routes(self) -> list[web.RouteDef]:
        """For the application."""
        return []

    def is_page(self, request: web.Request) -> bool:
        return False

    def trouble(self, request: web.Request, found: Refused) -> web.Response:
        raise NotImplementedError
