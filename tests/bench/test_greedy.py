"""What greedy clients cost: how it is counted, when a law is broken, how it is laid out."""

import socket
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from bench import canary, greed, greedy
from bench.canary import Served
from bench.cli import main
from bench.greedy import Cost
from bench.publish import BEGIN, END, publish_tables
from bench.talk import PACKET, Talk, Wire, _read, pump

PLAIN = Cost("get", "plain", 16, 1_000, 706_000, 1 << 20, 0.02, 0, {"200": 1_000}, Served(10, 0, 1.0, 2.0))
FINE = Cost("idle", "idle ones", 10, 10, 1_000, 99_000, 0.002, 90_000, {"200": 10}, Served(10, 0, 1.0, 2.0))


def test_no_law_is_broken_by_less_than_a_hundred_times() -> None:
    assert greedy.broken(FINE, PLAIN) == []


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (replace(FINE, memory=3_000_000), ["memory is 3000 times"]),
        (replace(FINE, memory=2_900_000), []),  # 288 KiB a connection, whatever it sent
        (replace(FINE, cpu=0.003), ["CPU is 106 times"]),
        (replace(FINE, logged=101_000), ["log is 101 times"]),
        (replace(FINE, unexpected=("502",)), ["clients got 502"]),
        (replace(FINE, others=Served(9, 1, 1.0, 2.0)), ["others: 1 of 10 were not served"]),
        (replace(FINE, others=Served(0, 0, 0.0, 0.0)), ["others: 0 of 0 were not served"]),
    ],
)
def test_broken_laws_are_told(cost: Cost, said: list[str]) -> None:
    assert greedy.broken(cost, PLAIN) == said


def test_the_table() -> None:
    table = greedy.table(PLAIN, [FINE])
    assert len(table.header) == len(table.rows[0]) == len(table.rows[1])
    assert table.rows[0][:3] == ("", "plain", "0.7")
    assert table.rows[1] == (
        "`idle`", "idle ones", "0.0", "0.1", "99.0", "", "0.00", "70.6", "90.0", "1.0", "2", "-",
    )  # fmt: skip


def test_ways_have_names_of_their_own_and_say_what_may_come_of_them() -> None:
    assert len(greed.BY_NAME) == len(greed.ALL)
    assert all(way.expected <= {"101", "200", "204", "400", "403", "408", "414"} for way in greed.ALL)


def test_an_unknown_way_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["greedy", "idle,lazy"]) == 1
    assert "lazy: no such name; there are silent, idle, pipeline" in capsys.readouterr().err


def test_a_canary_is_read_between_two_times(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("1.0 5.0 200\n2.0 1.0 200\n2.5 3.0 0\n3.0 2.0 200\n3.9 1\n4.0 9.0 200\n")
    assert canary.read(log, 1.5, 3.5) == Served(2, 1, 2.0, 3.0)


def test_what_is_sent_is_counted_as_on_a_wire_and_statuses_wherever_they_are_cut() -> None:
    answers = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:

        def serve() -> None:
            accepted, _ = server.accept()
            with accepted, suppress(ConnectionError):  # the client leaves when it has what it counts
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                accepted.recv(10)
                for at in range(len(answers)):
                    accepted.send(answers[at : at + 1])
                accepted.recv(10)

        serving = threading.Thread(target=serve)
        serving.start()
        wire = Wire(server.getsockname()[1], stack)
        pump(wire, [Talk(wire.connect(), memoryview(b"hello"), 2)])
        stack.close()
        serving.join()
    assert (wire.connections, wire.sent, wire.outcome) == (1, 4 * PACKET + 5, {"200": 1, "403": 1})


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_status_is_found_once_wherever_two_reads_meet(cut: int) -> None:
    answers = b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 403 No\r\n\r\n" * 2
    here, there = socket.socketpair()
    with here, there, ExitStack() as stack:
        here.setblocking(False)
        wire, talk = Wire(0, stack), Talk(here, memoryview(b""), 4)
        is_more = True
        for piece in (answers[:cut], answers[cut:]):
            there.sendall(piece)
            is_more = _read(wire, talk)
    assert (wire.outcome, is_more) == ({"200": 2, "403": 2}, False)


def test_a_crowd_is_no_larger_than_files_may_be_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (262, 262))
    with socket.create_server(("127.0.0.1", 0)) as server, ExitStack() as stack:
        wire = Wire(server.getsockname()[1], stack)
        assert len(wire.crowd(10, ends=2)) == wire.connections == 3
    assert wire.shortage == "only 3 of 10 connections: ulimit -n"


def test_results_are_published_between_the_marks(tmp_path: Path) -> None:
    page, result = tmp_path / "page.md", tmp_path / "greedy-1.json"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    result.write_text(
        '{"table": {"title": "T", "header": ["a", "b"], "rows": [["x", "1"]]},'
        ' "machine": {"cpu": "C", "cores": 2, "kernel": "6.1", "load_average": 0.5}}'
    )
    publish_tables({"greedy": result}, page, tmp_path)
    assert page.read_text() == (
        f"before\n{BEGIN}\n\n**T**\n\n| a | b |\n| --- | ---: |\n| x | 1 |\n\n"
        f"C, 2 cores, Linux 6.1, load average at the end 0.5.\n\n{END}\nafter\n"
    )
    assert (tmp_path / "published-greedy.json").read_text() == result.read_text()
    with pytest.raises(ValueError, match="no result to publish"):
        publish_tables({}, page, tmp_path)
