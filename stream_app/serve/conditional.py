"""An answer that a reader may have already: 304 where its tag is the one that the reader names."""

from __future__ import annotations

from typing import Final

from aiohttp import web

CACHE: Final = "private, no-cache"
"""Kept by who asked alone, and asked about again each time."""


def tagged(
    request: web.Request, body: bytes, tag: str, *, weak: bool, content_type: str
) -> web.Response:
    """200 with the body, or 304 without it; `tag` is the entity tag without its quotes."""
    headers = {"ETag": f'{"W/" if weak else ""}"{tag}"', "Cache-Control": CACHE}
    if "If-None-Match" in request.headers:
        known = request.if_none_match or ()
        if any(each.value in (tag, "*") for each in known):
            return web.Response(status=304, headers=headers)
    return web.Response(body=body, headers=headers, content_type=content_type, charset=None)
