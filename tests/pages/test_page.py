"""A page is one file: it asks for nothing, hides nothing from who can't see, and escapes all."""

from __future__ import annotations

import json
from collections import defaultdict
from html.parser import HTMLParser
from typing import Any

import pytest

from stream_app.pages.charts import Axes, Series, line_chart
from stream_app.pages.page import Block, Page, Prose, Table, Tile, Tiles, render
from stream_app.pages.themes import DARK, LIGHT

HOSTILE = "</script><script>alert(1)</script> \" ' & <b>"
CHART = line_chart(
    HOSTILE,
    f"In words {HOSTILE}",
    ["a", HOSTILE],
    [Series(HOSTILE, [1.0, None], 1)],
    Axes("x", "y"),
)


class Parsed(HTMLParser):
    """Elements by tag, and the text within each."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: dict[str, list[dict[str, str | None]]] = defaultdict(list)
        self.texts: dict[str, list[str]] = defaultdict(list)
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag].append(dict(attrs))
        self.texts[tag].append("")
        self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        for tag in set(self._open):
            self.texts[tag][-1] += data


@pytest.fixture(scope="module")
def page() -> Parsed:
    blocks: list[Block] = [
        Tiles([Tile(HOSTILE, "1", HOSTILE), Tile("two", "2")]),
        CHART,
        Table(HOSTILE, ["", HOSTILE], [[HOSTILE, "3"]]),
        Prose(HOSTILE),
    ]
    return Parsed(render(Page(HOSTILE, HOSTILE, blocks, HOSTILE)))


def _policy(page: Parsed) -> str:
    (found,) = (one["content"] for one in page.elements["meta"] if "http-equiv" in one)
    assert found is not None
    return found


def test_a_page_asks_for_nothing_and_may_not(page: Parsed) -> None:
    for elements in page.elements.values():
        for attributes in elements:
            assert not {"src", "href", "action", "data", "srcset", "poster"} & set(attributes)
    assert not {"link", "iframe", "img", "object", "embed", "form"} & set(page.elements)
    assert _policy(page).startswith("default-src 'none'; ")
    assert "http" not in _policy(page)
    assert "@import" not in page.texts["style"][0]
    assert "url(" not in page.texts["style"][0]


def test_every_text_is_escaped(page: Parsed) -> None:
    texts = page.texts
    assert texts["title"] == [HOSTILE]
    assert texts["h1"] == [HOSTILE]
    assert texts["h2"] == [HOSTILE, HOSTILE]
    assert texts["footer"] == [HOSTILE]
    assert HOSTILE in texts["dt"]
    assert HOSTILE in texts["td"] + texts["th"]
    assert len(page.elements["script"]) == 4  # plotly's, two of numbers, and the one that draws
    assert "b" not in page.elements


def test_a_chart_is_named_and_told_in_words_and_numbers(page: Parsed) -> None:
    (figure,) = page.elements["figure"]
    assert figure["aria-label"] == HOSTILE
    (plot,) = (one for one in page.elements["div"] if one.get("role") == "img")
    assert plot["aria-label"] == f"Chart. {HOSTILE}. In words {HOSTILE}"
    (details,) = page.texts["details"]
    assert "1.00" in details
    assert page.texts["figcaption"] == [f"In words {HOSTILE}"]


def test_the_script_is_plotly_s_own_and_draws_what_stands_in_the_page(page: Parsed) -> None:
    plotly, figures, themes, _ = page.texts["script"]
    assert len(plotly) > 1_000_000
    assert json.loads(figures) == [CHART.figure]
    told: dict[str, Any] = json.loads(themes)
    for name, theme in (("light", LIGHT), ("dark", DARK)):
        assert tuple(told[name]["colours"]) == theme.colours
        assert told[name]["template"]["layout"]["font"]["color"] == theme.ink


def test_a_page_without_charts_carries_no_script() -> None:
    page = Parsed(render(Page("Title", "Lead", [Prose("Words.")])))
    assert "script" not in page.elements
    assert page.texts["main"][0].split() == ["Title", "Lead", "Words."]
