"""The command line of the bench, and the summaries of its smaller commands."""

import pytest

from bench import latency, memory, peers, profile, rules, workloads
from bench.accounting import Memory
from bench.cli import main, parser
from bench.report import Table
from bench.results import Round

_MIB = 1 << 20


def test_without_arguments_everything_is_compared() -> None:
    options = parser().parse_args([])
    assert (options.command, options.rounds, options.seconds) == ("compare", 3, 1)
    assert options.only == [peer.name for peer in peers.ALL]
    assert options.workloads == [workload.name for workload in workloads.ALL]


def test_some_peers_and_workloads() -> None:
    options = parser().parse_args(["--only", "nginx, corsproxy", "--workloads", "100m"])
    assert (options.only, options.workloads) == (["nginx", "corsproxy"], ["100m"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "nginx,apache"], "apache: no such name; there are corsproxy, nginx"),
        (["--workloads", "2m"], "2m: no such name; there are get, get-new, preflight"),
        (["--rounds", "0"], "must be 1 at least"),
        (["measure"], "invalid choice: 'measure'"),
    ],
)
def test_a_mistake_is_told(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert said in capsys.readouterr().err


def test_latency_is_what_is_added_in_the_same_round() -> None:
    found = {
        "direct": [(20.0, 90.0), (30.0, 95.0)],
        "nginx": [(70.0, 200.0), (80.0, 210.0)],
        "envoy": [(120.0, 400.0), (130.0, 410.0)],
    }
    assert latency.table(found) == Table(
        "Latency of GET, 120 B of JSON; one connection, 2 rounds of 1,000 requests",
        ("", "median µs", "added µs (low-high)", "added / nginx", "p99 µs"),
        (
            ("direct", "25.0", "", "", "92.5"),
            ("nginx", "75.0", "50.0 (50.0-50.0)", "1.00", "205.0"),
            ("envoy", "125.0", "100.0 (100.0-100.0)", "2.00", "405.0"),
        ),
    )


def test_memory_is_shared_out_over_the_idle_connections() -> None:
    loaded = Memory(50 * _MIB, 45 * _MIB, 1)
    idle = Memory(50 * _MIB + 2_000 * 3 * 1024, 45 * _MIB, 1)
    found = memory.Footprint(
        "nginx", Memory(40 * _MIB, 38 * _MIB, 1), loaded, idle, unread=Memory(7 * _MIB, 7 * _MIB, 1)
    )
    assert memory.table([found]).rows == (("nginx", "40.0", "38.0", "50.0", "3.0", "7.0"),)


def test_rules_are_compared_with_one_rule() -> None:
    def cost(cpu_us: float, rejected: str = "") -> rules.Cost:
        rounds = [Round(cpu_us, 1.0, 1.0, 1.0, 1, 1.0, 0.0, rejected)]
        return rules.Cost(0.5, Memory(40 * _MIB, 38 * _MIB, 1), {"get": rounds, "preflight": rounds})

    found = {"one-rule": cost(20.0), "many-origins": cost(22.0), "many-rules": cost(25.0, "3 read errors")}
    assert rules.table(found) == Table(
        "One rule, 10,000 exact origins, 1,000 rules",
        ("", "start s", "RSS at rest, MiB", "get: CPU µs", "/ one rule", "preflight: CPU µs", "/ one rule"),
        (
            ("one-rule", "0.50", "40.0", "20.0", "1.00", "20.0", "1.00"),
            ("many-origins", "0.50", "40.0", "22.0", "1.10", "22.0", "1.10"),
            ("many-rules", "0.50", "40.0", "none", "", "none", ""),
        ),
    )


def test_the_variants_of_rules_end_with_what_matches() -> None:
    one, origins, many = rules.VARIANTS
    assert one.rules == ()
    assert [
        len(rule["allow_origins"]) for rule in origins.rules if isinstance(rule["allow_origins"], list)
    ] == [10_000]
    assert (len(many.rules), many.rules[-1]["path"]) == (1_000, "/**")


def test_own_time_charges_c_to_the_python_above_it() -> None:
    collapsed = "run (a.py:1);serve (b.py:20);write (libc.so.6) 30\nrun (a.py:1);serve (b.py:21) 10\nclone (libc.so.6) 10"
    assert profile.own_time(collapsed).splitlines() == [
        "By Python function, C beneath it included:",
        " 80.00 %  serve (b.py)",
        " 20.00 %  (no Python)",
        "",
        "By innermost frame:",
        " 60.00 %  write (libc.so.6)",
        " 20.00 %  serve (b.py:21)",
        " 20.00 %  clone (libc.so.6)",
    ]
