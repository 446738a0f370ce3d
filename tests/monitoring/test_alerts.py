"""config/prometheus/alerts.yml: each alert fires when it must, is silent when it must be, and says what to run next."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from corsproxy.cli.main import COMMANDS
from tests.monitoring.expressions import used
from tests.monitoring.stand import Prometheus, program
from tests.processes import ROOT

RULES = ROOT / "config/prometheus/alerts.yml"
GROUP: dict[str, Any] = yaml.safe_load(RULES.read_text())["groups"][0]
ALERTS: dict[str, dict[str, Any]] = {rule["alert"]: rule for rule in GROUP["rules"]}
HERE = 'job="corsproxy",instance="a"'
REFUSED = f'corsproxy_decisions_total{{{HERE},rule="r",kind="actual",reason="origin_not_allowed",action="forward",mode="enforce"}}'
BUILD = f"corsproxy_build_info{{{HERE}}}"
GENERATION = f"corsproxy_config_generation{{{HERE}}}"

Series = dict[str, str]  # as promtool has it: 3+2x5 is 3 5 7 9 11 13, one a minute


def errors(reason: str, values: str) -> Series:
    return {f'corsproxy_upstream_errors_total{{{HERE},reason="{reason}"}}': values}


# alert: series that make it fire, the minute when it does; series that are nearly so and must not.
CASES: dict[str, tuple[Series, int, Series]] = {
    "CorsproxyDown": ({f"up{{{HERE}}}": "0x10"}, 2, {f"up{{{HERE}}}": "1x10", 'up{job="other"}': "0x10"}),
    "CorsproxyNotReady": (
        {f"corsproxy_ready{{{HERE}}}": "0x10"},
        2,
        {f"corsproxy_ready{{{HERE}}}": "0 1 0 1 0 1 0 1 0 1"},
    ),
    "CorsproxyRestarting": (
        {f"process_start_time_seconds{{{HERE}}}": "1 2 3 4 4 4 4 4 4 4 4"},
        5,
        {f"process_start_time_seconds{{{HERE}}}": "1 2 2 2 2 3 3 3", 'process_start_time_seconds{job="x"}': "1+1x20"},
    ),
    "CorsproxyReloadFailed": (
        {f"corsproxy_config_last_reload_successful{{{HERE}}}": "1 0x10"},
        3,
        {f"corsproxy_config_last_reload_successful{{{HERE}}}": "1x20"},
    ),
    "CorsproxyCandidateRefused": (
        {f"corsproxy_candidate_last_load_successful{{{HERE}}}": "0x10"},
        2,
        {f"corsproxy_candidate_last_load_successful{{{HERE}}}": "1x10"},
    ),
    "CorsproxyConfigurationsDiffer": (
        {f'corsproxy_config_info{{{HERE},sha256="1"}}': "1x30", 'corsproxy_config_info{job="corsproxy",instance="b",sha256="2"}': "1x30"},
        16,
        {f'corsproxy_config_info{{{HERE},sha256="1"}}': "1x30", 'corsproxy_config_info{job="corsproxy",instance="b",sha256="1"}': "1x30",
         'corsproxy_config_info{job="other",instance="c",sha256="2"}': "1x30"},
    ),
    "CorsproxyBackendRefused": (errors("upstream_refused", "0+1x20"), 5, errors("upstream_refused", "7x20")),
    "CorsproxyBackendTimeouts": (
        {**errors("upstream_timeout", "0+2x20"), f'corsproxy_responses_total{{{HERE},code="200"}}': "0+100x20"},
        10,
        {**errors("upstream_timeout", "0+1x20"), f'corsproxy_responses_total{{{HERE},code="200"}}': "0+200x20"},
    ),
    "CorsproxyAnswersCut": (errors("upstream_closed", "0+1x30"), 15, errors("upstream_closed", "0 0 1x20")),
    "CorsproxyQueueFull": (errors("queue_full", "0+1x20"), 5, errors("queue_full", "3x20")),
    "CorsproxyQueueing": (
        {f"corsproxy_upstream_queue{{{HERE}}}": "5x20"},
        10,
        {f"corsproxy_upstream_queue{{{HERE}}}": "5 5 0 5 5 5 0 5 5 5 0 5 5"},
    ),
    "CorsproxySlow": (
        {f'corsproxy_added_seconds_bucket{{{HERE},le="0.25"}}': "0+90x30", f'corsproxy_added_seconds_bucket{{{HERE},le="0.5"}}': "0+100x30",
         f'corsproxy_added_seconds_bucket{{{HERE},le="+Inf"}}': "0+100x30"},
        15,
        {f'corsproxy_added_seconds_bucket{{{HERE},le="0.25"}}': "0+100x30", f'corsproxy_added_seconds_bucket{{{HERE},le="+Inf"}}': "0+100x30"},
    ),
    "CorsproxyRefusalsRising": (
        {REFUSED: "0+1x400 401+60x60", BUILD: "1x500"}, 430, {REFUSED: "0+60x460", BUILD: "1x500"},
    ),
    "CorsproxyReloadThenRefusals": (
        {REFUSED: "0+6x100 606+60x60", GENERATION: "1x100 2x60", BUILD: "1x160"},
        112,
        {REFUSED: "0+6x160", GENERATION: "1x100 2x60", BUILD: "1x160"},
    ),
    "CorsproxyBackendSpeaksCors": (
        {f'corsproxy_backend_notes_total{{{HERE},rule="api",reason="backend_cors_conflict"}}': "0+1x100"},
        30,
        {f'corsproxy_backend_notes_total{{{HERE},rule="api",reason="backend_redirect"}}': "0+1x100"},
    ),
    "CorsproxyLogLinesLost": (
        {f"corsproxy_log_lines_dropped_total{{{HERE}}}": "0+5x40"},
        20,
        {f"corsproxy_log_lines_dropped_total{{{HERE}}}": "5x40"},
    ),
}  # fmt: skip


# More that must fire: refusals where there were none at all before. At 0 in the past there is not even a series.
FROM_NOTHING: dict[str, tuple[Series, int]] = {
    "CorsproxyRefusalsRising": ({REFUSED: "_x400 0+60x60", BUILD: "1x500"}, 430),
    "CorsproxyReloadThenRefusals": (
        {REFUSED: "_x100 0+60x60", GENERATION: "1x100 2x60", BUILD: "1x160"},
        112,
    ),
}
# And that must not: a proxy that is new, and refuses from its first minute on.
NEW: dict[str, Series] = {
    "CorsproxyRefusalsRising": {REFUSED: "0+60x60", BUILD: "1x60"},
    "CorsproxyReloadThenRefusals": {REFUSED: "0+60x45", GENERATION: "1x5 2x40", BUILD: "1x45"},
}


def fires(name: str, minute: int) -> dict[str, Any]:
    """Ask promtool whether any alert of this name fires; what it says is templated elsewhere."""
    return {
        "expr": f'count by (alertname) (ALERTS{{alertname="{name}",alertstate="firing"}})',
        "eval_time": f"{minute}m",
    }


def scenario(series: Series, asked: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": asked,
    }


def promtool(*words: str | Path) -> str:
    done = subprocess.run(
        [program("promtool"), *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_takes_the_rules_and_the_example() -> None:
    assert f"{len(ALERTS)} rules found" in promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert "SUCCESS" in promtool("check", "config", RULES.with_name("prometheus.yml"))


def test_every_alert_has_its_case() -> None:
    assert list(CASES) == list(ALERTS)


def test_each_fires_when_it_must_and_else_is_silent(tmp_path: Path) -> None:
    scenarios = []
    for name, (bad, minute, good) in CASES.items():
        one = [{"labels": f'{{alertname="{name}"}}', "value": 1}]
        scenarios.append(scenario(bad, [{**fires(name, minute), "exp_samples": one}, fires(name, 0)]))
        scenarios.append(scenario(good, [fires(name, at) for at in range(0, minute + 10, 5)]))
        for series, at in [FROM_NOTHING[name]] if name in FROM_NOTHING else []:
            scenarios.append(scenario(series, [{**fires(name, at), "exp_samples": one}]))
        if name in NEW:
            scenarios.append(scenario(NEW[name], [fires(name, at) for at in range(1, 60, 6)]))
    file = tmp_path / "alerts.test.yml"
    file.write_text(
        yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": scenarios})
    )
    assert "SUCCESS" in promtool("test", "rules", file)


@pytest.mark.parametrize("name", ALERTS)
def test_an_alert_says_what_to_run_next(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning", "info"}
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    told = rule["annotations"]["runbook"]
    commands = re.findall(r"`((?:corsproxy|curl) [^`]*)`", told)
    assert commands or "CorsproxyQueueFull" in told or "log" in told
    for command in commands:
        words = command.split()
        assert words[1].startswith("http://ADMIN/") if words[0] == "curl" else words[1] in COMMANDS, command


def test_every_alert_looks_at_something_that_is_there(prometheus: Prometheus) -> None:
    """Against the real page: a name that nothing exports would keep an alert silent for ever."""
    for name, rule in ALERTS.items():
        for selector in used(rule["expr"]):
            assert prometheus.query(f"count({selector.metric})"), f"{name}: {selector.metric}"


def test_prometheus_evaluates_them(prometheus: Prometheus) -> None:
    (group,) = prometheus.api("rules")["groups"]
    assert [rule["name"] for rule in group["rules"]] == list(ALERTS)
    # The stand has no backend any more, and its last file was refused.
    for name in ("CorsproxyNotReady", "CorsproxyReloadFailed"):
        assert prometheus.query(ALERTS[name]["expr"])
