"""config/grafana/corsproxy.json: read by Grafana's own models, drawn without overlap, and every query has an answer."""

import itertools
import json
import re
from typing import Any

import pytest
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.monitoring.expressions import used
from tests.monitoring.stand import Prometheus, Proxy, walked
from tests.processes import ROOT

TEXT = (ROOT / "config/grafana/corsproxy.json").read_text()
DASHBOARD: dict[str, Any] = json.loads(TEXT)
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
GRAPHS = [panel for panel in PANELS if panel["type"] != "row"]
QUERIES = [
    (f"{panel['title']} {target['refId']}", target["expr"]) for panel in GRAPHS for target in panel["targets"]
]
OTHERS = [a["expr"] for a in DASHBOARD["annotations"]["list"] if "expr" in a]
BUILT_IN = {"__rate_interval", "__all", "1"}


def meant(expression: str) -> str:
    """Put in what Grafana would: every job and instance, and the least interval that four scrapes fit into."""
    return expression.replace("$__rate_interval", "30s").replace("$job", ".*").replace("$instance", ".*")


def as_plain(node: Any) -> Any:
    return json.loads(json.dumps(node, default=lambda model: model.to_json()))


def lost(written: Any, read: Any, place: str = "") -> list[str]:
    """Name what stands in one value and not, or otherwise, in the other; more may stand in the other."""
    if isinstance(written, dict) and isinstance(read, dict):
        below = (lost(value, read.get(key), f"{place}.{key}") for key, value in written.items())
        return list(itertools.chain.from_iterable(below))
    if isinstance(written, list) and isinstance(read, list) and len(written) == len(read):
        below = (lost(a, b, f"{place}[{at}]") for at, (a, b) in enumerate(zip(written, read, strict=True)))
        return list(itertools.chain.from_iterable(below))
    return [] if written == read else [place]


def test_grafanas_models_know_every_word_of_the_panels() -> None:
    read = as_plain(Dashboard.from_json(json.loads(TEXT)))
    assert lost(PANELS, read["panels"]) == []
    variables = read["templating"]["list"]
    assert [v["name"] for v in variables] == ["datasource", "job", "instance"]
    assert (read["title"], read["uid"], read["schemaVersion"]) == ("corsproxy", "corsproxy", 39)
    assert DASHBOARD["id"] is None  # Grafana gives one at the import


def test_panels_have_their_own_ids_and_titles() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    rows = itertools.groupby(
        PANELS, key=lambda panel: sum(p["type"] == "row" for p in PANELS[: PANELS.index(panel) + 1])
    )
    for _, group in rows:
        titles = [panel["title"] for panel in group]
        assert len(set(titles)) == len(titles)
    assert [panel["title"] for panel in PANELS if panel["type"] == "row"] == [
        "Now",
        "Traffic",
        "Decisions and refusals",
        "Latency: the proxy beside the backend",
        "Backend",
        "Clients",
        "Configuration and process",
    ]


def test_nothing_overlaps_and_nothing_floats() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in PANELS:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24, panel["title"]
        for x, y in itertools.product(
            range(grid["x"], grid["x"] + grid["w"]), range(grid["y"], grid["y"] + grid["h"])
        ):
            assert (x, y) not in taken, f"{panel['title']} lies on {taken[x, y]}"
            taken[x, y] = panel["title"]
    height = max(y for _, y in taken) + 1
    assert len(taken) == 24 * height  # no holes either


@pytest.mark.parametrize("panel", GRAPHS, ids=lambda panel: str(panel["title"]))
def test_a_panel_says_what_it_shows_in_which_unit(panel: dict[str, Any]) -> None:
    assert panel["type"] in {"stat", "timeseries", "heatmap"}
    assert len(panel["description"]) > 20
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert [target["refId"] for target in panel["targets"]] == list("ABC"[: len(panel["targets"])])
    if len(panel["targets"]) > 1:
        assert all(target["legendFormat"] != "__auto" for target in panel["targets"])


def test_everything_asks_the_chosen_data_source_and_instances() -> None:
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    own = {"type": "grafana", "uid": "-- Grafana --"}
    assert [
        node["datasource"]
        for node in walked(DASHBOARD)
        if node.get("datasource", chosen) not in (chosen, own)
    ] == []
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    assert set(re.findall(r"\$\{?(\w+)", TEXT)) - variables - BUILT_IN == set()
    for name, expression in QUERIES:
        for selector in used(meant(expression)):
            assert {"job", "instance"} <= selector.labels, name


@pytest.mark.parametrize(("name", "expression"), QUERIES, ids=[name for name, _ in QUERIES])
def test_every_query_finds_something(prometheus: Prometheus, name: str, expression: str) -> None:
    found = prometheus.query(meant(expression))
    assert found, name
    legend = next(t["legendFormat"] for p in GRAPHS for t in p["targets"] if t["expr"] == expression)
    for label in re.findall(r"\{\{(\w+)\}\}", legend):
        assert all(label in series["metric"] for series in found), f"{name}: no label {label}"


def test_the_variables_find_something(prometheus: Prometheus, proxy: Proxy) -> None:
    assert prometheus.api("label/job/values", **{"match[]": "corsproxy_build_info"}) == ["corsproxy"]
    instances = prometheus.api("label/instance/values", **{"match[]": 'corsproxy_build_info{job=~".*"}'})
    assert instances == [f"127.0.0.1:{proxy.admin}"]
    for expression in OTHERS:
        prometheus.query(meant(expression))
