"""Charts: what is drawn is what is written beside it, and what is missing is a gap."""

from __future__ import annotations

import pytest

from stream_app.pages.charts import Axes, Series, bar_chart, heat_map, line_chart

AXES = Axes("month", "USD", ",.2f", ",.0f")
MONTHS = ["2024-01", "2024-02", "2024-03", "2024-04"]
SOME = Series("some", [1000.0, None, 2.5, 3.0], 1)


def test_the_numbers_of_a_chart_are_written_beside_it_and_a_gap_is_blank() -> None:
    for builder in (line_chart, bar_chart):
        chart = builder("Title", "In words.", MONTHS, [SOME, Series("more", [1.0] * 4, 2)], AXES)
        assert chart.header == ["month", "some", "more"]
        assert chart.rows == [
            ["2024-01", "1,000.00", "1.00"],
            ["2024-02", "", "1.00"],
            ["2024-03", "2.50", "1.00"],
            ["2024-04", "3.00", "1.00"],
        ]
        first, second = chart.figure["data"]
        assert (first["name"], first["x"], first["y"]) == ("some", MONTHS, SOME.values)
        assert (first["meta"], second["meta"]) == (1, 2)
        assert chart.figure["layout"]["yaxis"]["tickformat"] == ",.0f"


def test_a_figure_leaves_its_colours_to_the_page() -> None:
    figure = line_chart("Title", "In words.", MONTHS, [SOME], AXES).figure
    assert "template" not in figure["layout"]
    assert "color" not in figure["data"][0]["line"]


@pytest.mark.parametrize(
    ("start", "whole", "dashed"),
    [(2, MONTHS[:2], MONTHS[1:]), (0, [], MONTHS), (4, MONTHS, MONTHS[3:])],
)
def test_what_is_not_final_is_dashed_and_joined_to_what_is(
    start: int, whole: list[str], dashed: list[str]
) -> None:
    series = Series("some", [1.0, 2.0, 3.0, 4.0], 3, dashed_from=start)
    chart = line_chart("Title", "In words.", MONTHS, [series], AXES)
    solid, broken = chart.figure["data"]
    assert (solid["x"], broken["x"]) == (whole, dashed)
    assert "dash" not in solid["line"]
    assert broken["line"]["dash"] == "dot"
    assert broken["showlegend"] is (start == 0)
    assert broken["legendgroup"] == solid["legendgroup"]
    assert len(chart.rows) == 4


def test_a_heat_map_reads_as_its_table_does() -> None:
    chart = heat_map(
        "Title", "In words.", ["0", "1"], MONTHS[:2], [[0.5, 0.25], [0.4, None]],
        Axes("months after", "cohort", ".0%"),
    )  # fmt: skip
    assert chart.header == ["cohort", "0", "1"]
    assert chart.rows == [["2024-01", "50%", "25%"], ["2024-02", "40%", ""]]
    (cells,) = chart.figure["data"]
    assert cells["z"] == [[0.5, 0.25], [0.4, None]]
    assert cells["text"] == [["50%", "25%"], ["40%", ""]]
    assert chart.figure["layout"]["yaxis"]["autorange"] == "reversed"


def test_names_of_others_are_no_markup_for_plotly() -> None:
    name = '<a href="x">&'
    chart = bar_chart(name, "In words.", [name], [Series(name, [1.0], 1)], Axes(name, name))
    (bars,) = chart.figure["data"]
    layout = chart.figure["layout"]
    for text in (
        bars["name"], bars["x"][0], layout["xaxis"]["title"]["text"],
        layout["yaxis"]["title"]["text"],
    ):  # fmt: skip
        assert text == "&lt;a href=&quot;x&quot;&gt;&amp;"
    assert chart.rows == [[name, "1.00"]]
