"""Tables and notes of a comparison, as a terminal and a page show them, and the JSON between."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from bench import publish, report
from bench.accounting import Memory
from bench.report import Table
from bench.results import Account, Result, Round, rejected_round

_MIB = 1 << 20


def _round(cpu_us: float, rps: float = 10_000.0) -> Round:
    return Round(cpu_us, rps, p50_ms=3.0, p99_ms=6.5, requests=10_000, busy=0.97, foreign=0.02)


RESULT = Result(
    began="2026-01-31 12:00 UTC",
    machine={"cpu": "A CPU", "cores": 2, "kernel": "6.1", "python": "3.11", "load_average": 0.1},
    cores="proxy alone on core 1; backend and load share core 0",
    options={"rounds": 3, "seconds": 2},
    accounts=(
        Account(
            "corsproxy",
            version="0.1.0",
            differences=["admin on"],
            rest=Memory(44 * _MIB, 40 * _MIB, 1),
            loaded=Memory(45 * _MIB, 41 * _MIB, 1),
        ),
        Account("nginx", version="1.22", differences=["two Vary lines"], rest=Memory(14 * _MIB, 6 * _MIB, 2)),
        Account("envoy", version="1.40", differences=["200", "no Vary"]),
        Account("caddy", state="missing", why=["no caddy on the PATH"]),
        Account("node", state="broken", why=["status 502", "no Vary"]),
    ),
    rounds={
        "get": {
            "corsproxy": [_round(20.0), _round(22.0), _round(21.0)],
            "nginx": [_round(10.0), _round(20.0), _round(14.0)],
            "envoy": [_round(40.0), rejected_round("3 read errors"), _round(42.0)],
        },
        "preflight": {"corsproxy": [_round(10.0)] * 3, "flask-cors": [rejected_round("1 status errors")] * 3},
    },
)


def test_a_comparison_on_a_terminal() -> None:
    assert "\n\n".join(report.as_text(table) for table in report.tables(RESULT)) == (
        "GET, 120 B of JSON; 64 connections, 3 rounds of 2 s\n"
        "---------------------------------------------------\n"
        "                    CPU µs a request (low-high)  / nginx  / envoy  / best other (nginx)  requests/s  p99 ms  core busy  others\n"
        "corsproxy                      21.0 (20.0-22.0)     1.50     0.50                  1.50      10,000    6.50       97 %     2 %\n"
        "nginx                          14.0 (10.0-20.0)     1.00     0.29                  1.00      10,000    6.50       97 %     2 %\n"
        "envoy (1 rejected)             41.0 (40.0-42.0)     3.50     1.00                  3.50      10,000    6.50       97 %     2 %\n"
        "\n"
        "preflight, answered by the proxy; 64 connections, 3 rounds of 2 s\n"
        "-----------------------------------------------------------------\n"
        "            CPU µs a request (low-high)  / nginx  / envoy  requests/s  p99 ms  core busy  others\n"
        "corsproxy              10.0 (10.0-10.0)                        10,000    6.50       97 %     2 %\n"
        "flask-cors      no round without errors\n"
        "\n"
        "Memory in MiB, summed over processes\n"
        "------------------------------------\n"
        "           processes  RSS at rest  PSS at rest  RSS after load  PSS after load\n"
        "corsproxy          1         44.0         40.0            45.0            41.0\n"
        "nginx              2         14.0          6.0"
    )


def test_what_a_reader_must_know() -> None:
    assert report.notes(RESULT) == [
        "2026-01-31 12:00 UTC; load average at the start 0.1.",
        "A CPU, 2 cores, Linux 6.1.",
        f"{RESULT.cores}. CPU is user + system of all processes of the proxy. Ratios are medians of the rounds' own ratios.",
        "Memory: each peer alone, 1.5 s after its start, and again after 3 s of load.",
        "Noise of CPU a request between rounds (median absolute deviation / median): 3.6 % typical, 28.6 % at worst.",
        "Differences smaller than the noise are none.",
        "corsproxy 0.1.0: admin on.",
        "nginx 1.22: two Vary lines.",
        "envoy 1.40: 200; no Vary.",
        "caddy is missing: no caddy on the PATH",
        "node is broken: status 502; no Vary",
    ]


def test_markdown() -> None:
    assert report.as_markdown(Table("Title", ("", "a", "b"), (("x", "1", "2"), ("y", "", "3")))) == (
        "**Title**\n\n|  | a | b |\n| --- | ---: | ---: |\n| x | 1 | 2 |\n| y |  | 3 |"
    )


def test_a_result_survives_its_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "result.json"
    RESULT.write(path)
    assert Result.read(path) == RESULT


@pytest.mark.parametrize("text", ["[]", '{"schema": 2, "accounts": []}', '{"schema": 1, "kind": "latency"}'])
def test_another_file_is_no_result(text: str, tmp_path: Path) -> None:
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match="no result of a comparison"):
        Result.read(path)


def test_publishing_replaces_only_what_is_between_the_marks(tmp_path: Path) -> None:
    small = replace(RESULT, rounds={}, accounts=())
    more = Table("Latency", ("", "µs"), (("nginx", "9"),))
    comparison, latency, page = tmp_path / "c.json", tmp_path / "l.json", tmp_path / "page.md"
    small.write(comparison)
    latency.write_text(json.dumps({"schema": 1, "table": asdict(more)}))
    page.write_text(f"before\n{publish.BEGIN}\nold\n{publish.END}\nafter\n")
    publish.publish(comparison, {"latency": latency}, page, tmp_path)
    notes = "\n".join(f"- {note}" for note in report.notes(small))
    assert page.read_text() == (
        f"before\n{publish.BEGIN}\n\n{report.as_markdown(more)}\n\n{notes}\n\n{publish.END}\nafter\n"
    )
    assert Result.read(tmp_path / "published.json") == small
    assert publish.read_table(tmp_path / "published-latency.json") == more


def test_a_page_without_marks_is_left_alone(tmp_path: Path) -> None:
    comparison, page = tmp_path / "c.json", tmp_path / "page.md"
    RESULT.write(comparison)
    page.write_text("no marks")
    with pytest.raises(ValueError, match="the page has no"):
        publish.publish(comparison, {}, page, tmp_path)
    assert page.read_text() == "no marks"
    assert not (tmp_path / "published.json").exists()


def test_the_project_has_its_marks() -> None:
    page = (Path(__file__).parents[2] / "docs" / "performance.md").read_text()
    assert (page.count(publish.BEGIN), page.count(publish.END)) == (1, 1)
