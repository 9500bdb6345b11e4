"""Dashboards: as their source has them, and such that Grafana can show every panel.

No Grafana has read them here; that every query has an answer is in `test_panels.py`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.tools import DASHBOARDS, DEPLOY, Query, panels, queries, unknown

GRAFANA = DEPLOY / "grafana"


def test_the_dashboards_are_up_to_date(tmp_path: Path) -> None:
    made = subprocess.run(
        [sys.executable, GRAFANA / "dashboards.py", tmp_path], capture_output=True, text=True
    )
    assert made.returncode == 0, made.stderr
    fresh = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {path.name: path.read_text() for path in DASHBOARDS} == fresh, "run 'make docs'"


@pytest.mark.parametrize("query", queries(), ids=lambda query: query.where)
def test_every_metric_that_a_panel_asks_for_is_one_that_somebody_has(query: Query) -> None:
    assert unknown(query.expression) == set()


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_no_panel_lies_on_another_or_beside_the_grid(path: Path) -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in panels(path):
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert (x, y) not in taken, (panel["title"], taken.get((x, y)))
                taken[x, y] = panel["title"]


def test_names_that_grafana_goes_by_are_unique() -> None:
    uids = [_page(path)["uid"] for path in DASHBOARDS]
    assert len(set(uids)) == len(uids) == 4
    for path in DASHBOARDS:
        ids = [panel["id"] for panel in panels(path)]
        assert len(set(ids)) == len(ids)
        for panel in panels(path):
            letters = [target["refId"] for target in panel.get("targets", ())]
            assert len(set(letters)) == len(letters)


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_variable_of_a_query_is_one_of_the_page(path: Path) -> None:
    names = {one["name"] for one in _page(path)["templating"]["list"]}
    assert names == {"datasource", "namespace", "minor_units"}
    for panel in panels(path):
        for target in panel.get("targets", ()):
            assert target["datasource"]["uid"] == "${datasource}"
            left = target["expr"].replace("$__rate_interval", "")
            for name in names:
                left = left.replace(f"${name}", "")
            assert "$" not in left


def test_provisioning_names_a_prometheus_and_takes_no_changes_that_would_be_lost() -> None:
    (source,) = _yaml("datasources/prometheus.yaml")["datasources"]
    assert (source["type"], source["isDefault"]) == ("prometheus", True)
    (provider,) = _yaml("dashboards/ltv.yaml")["providers"]
    assert provider["allowUiUpdates"] is False
    scraped = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    assert source["jsonData"]["timeInterval"] == scraped["global"]["scrape_interval"]


def _page(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def _yaml(name: str) -> Any:
    return yaml.safe_load((GRAFANA / "provisioning" / name).read_text())
