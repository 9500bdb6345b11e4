"""Who may ask: whoever knows the token, where there is one.

A program sends it as `Authorization: Bearer <token>`. A person types it once into a form, which
sends it in the body of a POST, never in an address that histories and logs keep; what the browser
then has is a cookie that scripts can't read, and not the token: an HMAC of it, good for pages and
reads of this server until the token changes.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from ipaddress import ip_address
from typing import Final

from aiohttp import web

COOKIE: Final = "ltv_session"
SESSION_SECONDS: Final = 12 * 3600
_SCHEME: Final = "bearer "
_LOCAL: Final = frozenset({"localhost", "localhost."})


class Token:
    """The token of a server; empty: everybody may ask."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._session = hmac.new(self._token, b"ltv serve: a session", sha256).hexdigest().encode()

    def __bool__(self) -> bool:
        return bool(self._token)

    def admits(self, request: web.BaseRequest) -> bool:
        """Whether the request shows the token, or a session made with it."""
        if not self._token:
            return True
        header = request.headers.get("Authorization", "")
        if header[: len(_SCHEME)].lower() == _SCHEME:
            return self.is_right(header[len(_SCHEME) :].strip())
        return hmac.compare_digest(_bytes(request.cookies.get(COOKIE, "")), self._session)

    def is_right(self, given: str) -> bool:
        """Whether this is the token; takes as long for every wrong one."""
        return bool(self._token) and hmac.compare_digest(_bytes(given), self._token)

    def remember(self, answer: web.StreamResponse, *, secure: bool) -> None:
        """Give the browser a session. Lax, so that a link in a mail still leads to the page."""
        answer.set_cookie(
            COOKIE,
            self._session.decode(),
            max_age=SESSION_SECONDS,
            httponly=True,
            secure=secure,
            samesite="Lax",
        )


def is_local(host: str) -> bool:
    """Whether a host, perhaps with a port, is this machine, by an address and no other's name.

    >>> is_local("127.0.0.1:8080"), is_local("[::1]:8080"), is_local("::1"), is_local("localhost")
    (True, True, True, True)
    >>> is_local("shop.example"), is_local("10.0.0.1"), is_local("127.0.0.1.shop.example:80")
    (False, False, False)
    """
    name, _, port = host.rpartition(":")
    alone = name if port.isdigit() and (":" not in name or name.endswith("]")) and name else host
    alone = alone.strip("[]").lower()
    if alone in _LOCAL:
        return True
    try:
        return ip_address(alone).is_loopback
    except ValueError:
        return False


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
