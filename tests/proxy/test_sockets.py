"""Real sockets on loopback: what is bound, what is refused, and in which words."""

import errno
import os
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from corsproxy.config.settings import Endpoint
from corsproxy.proxy.sockets import ListenError, Listening, bind

Bind = Callable[..., Listening]


@pytest.fixture
def bound() -> Iterator[Bind]:
    """Bind and, after the test, close."""
    with ExitStack() as stack:

        def bind_for_this_test(
            *endpoints: Endpoint, slots: int = 1, inherited: dict[Endpoint, socket.socket] | None = None
        ) -> Listening:
            listening = bind(endpoints, slots, inherited)
            stack.callback(listening.unlink)
            stack.callback(listening.close)
            return listening

        yield bind_for_this_test


def refusal(*endpoints: Endpoint, slots: int = 1) -> str:
    with pytest.raises(ListenError) as refused:
        bind(endpoints, slots)
    return str(refused.value)


def raising(code: int) -> Callable[..., None]:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    return refuse


class TestTcp:
    def test_a_port_of_0_becomes_the_port_that_was_chosen(self, bound: Bind) -> None:
        listening = bound(Endpoint("127.0.0.1", 0))
        ((endpoint, listener),) = listening.slots[0]
        assert endpoint == Endpoint("127.0.0.1", listener.getsockname()[1])
        assert endpoint.port != 0
        assert listening.endpoints == (endpoint,)
        assert listener.getblocking() is False
        socket.create_connection((endpoint.host, endpoint.port)).close()

    def test_those_that_were_inherited_are_taken_as_they_are(self, bound: Bind) -> None:
        with socket.create_server(("127.0.0.1", 0)) as ours:
            here, there = Endpoint("127.0.0.1", ours.getsockname()[1]), Endpoint("127.0.0.1", 1)
            inherited = {here: ours, there: ours}
            listening = bound(here, slots=2, inherited=inherited)
            assert listening.slots == (((here, ours),), ((here, ours),))
            assert inherited == {there: ours}

    def test_several_endpoints_stand_in_order_in_one_slot(self, bound: Bind, tmp_path: Path) -> None:
        path = str(tmp_path / "s")
        listening = bound(Endpoint("127.0.0.1", 0), Endpoint(path=path), Endpoint("127.0.0.1", 0))
        assert [bool(endpoint.path) for endpoint in listening.endpoints] == [False, True, False]
        assert len(listening.slots) == 1

    def test_ipv6_any_leaves_the_port_of_ipv4_alone(self, bound: Bind) -> None:
        six = bound(Endpoint("::", 0)).endpoints[0]
        four = bound(Endpoint("0.0.0.0", six.port)).endpoints[0]
        assert (six.host, four.host) == ("::", "0.0.0.0")
        assert six.port == four.port

    def test_each_slot_has_a_socket_of_its_own_on_the_same_port(self, bound: Bind) -> None:
        listening = bound(Endpoint("127.0.0.1", 0), slots=3)
        sockets = [listener for ((_, listener),) in listening.slots]
        assert len({listener.getsockname() for listener in sockets}) == 1
        assert len({listener.fileno() for listener in sockets}) == (3 if sys.platform == "linux" else 1)

    def test_every_connection_waits_in_one_of_the_slots(self, bound: Bind) -> None:
        listening = bound(Endpoint("127.0.0.1", 0), slots=2)
        address = ("127.0.0.1", listening.endpoints[0].port)
        clients = [socket.create_connection(address) for _ in range(20)]
        accepted = 0
        for ((_, listener),) in listening.slots:
            while True:
                try:
                    listener.accept()[0].close()
                except BlockingIOError:
                    break
                accepted += 1
        for client in clients:
            client.close()
        assert accepted == 20

    @pytest.mark.parametrize("slots", [1, 2])
    def test_a_port_in_use_is_refused(self, bound: Bind, slots: int) -> None:
        taken = bound(Endpoint("127.0.0.1", 0)).endpoints[0]
        assert refusal(taken, slots=slots) == (
            f"cannot listen on 127.0.0.1:{taken.port}: address already in use. "
            "Fix: stop what listens there (`ss -ltnp` names it), or choose another port."
        )

    @pytest.mark.skipif(not hasattr(socket, "SO_REUSEPORT"), reason="the platform has no SO_REUSEPORT")
    def test_a_stranger_who_shares_its_port_is_still_a_stranger(self) -> None:
        with socket.socket() as stranger:
            stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            stranger.bind(("127.0.0.1", 0))
            stranger.listen()
            assert "address already in use" in refusal(Endpoint(*stranger.getsockname()), slots=2)

    def test_the_same_endpoint_twice_is_refused(self, bound: Bind) -> None:
        free = bound(Endpoint("127.0.0.1", 0))
        free.close()
        assert "address already in use" in refusal(free.endpoints[0], free.endpoints[0], slots=2)

    def test_what_was_bound_before_a_refusal_is_let_go(self, bound: Bind, tmp_path: Path) -> None:
        taken = bound(Endpoint("127.0.0.1", 0))
        free = bound(Endpoint("127.0.0.1", 0))
        free.close()
        path = tmp_path / "s"
        refusal(free.endpoints[0], Endpoint(path=str(path)), taken.endpoints[0], slots=2)
        assert not path.exists()
        bound(free.endpoints[0])

    def test_a_privileged_port_is_refused_with_the_way_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket.socket, "bind", raising(errno.EACCES))
        assert refusal(Endpoint("127.0.0.1", 80)) == (
            "cannot listen on 127.0.0.1:80: permission denied. Fix: ports below 1024 need "
            "CAP_NET_BIND_SERVICE; choose a port of 1024 or above."
        )

    def test_an_address_of_another_machine_is_refused(self) -> None:
        # 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
        assert refusal(Endpoint("192.0.2.1", 8080)) == (
            "cannot listen on 192.0.2.1:8080: cannot assign requested address. "
            "Fix: no interface of this machine has that address; 0.0.0.0 takes all of them."
        )

    def test_a_name_that_is_none_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket, "getaddrinfo", raising(socket.EAI_NONAME))
        assert refusal(Endpoint("nowhere.invalid", 8080)) == (
            "cannot listen on nowhere.invalid:8080: nowhere.invalid is not a name or address known here. "
            "Fix: listen on an IP address."
        )


class TestUnix:
    def test_the_group_may_connect_and_nobody_else(self, bound: Bind, tmp_path: Path) -> None:
        path = tmp_path / "s"
        bound(Endpoint(path=str(path)))
        assert stat.filemode(path.stat().st_mode) == "srw-rw----"

    def test_all_slots_share_it(self, bound: Bind, tmp_path: Path) -> None:
        listening = bound(Endpoint(path=str(tmp_path / "s")), slots=3)
        assert len({listener for ((_, listener),) in listening.slots}) == 1

    def test_the_file_of_a_dead_process_is_replaced(self, bound: Bind, tmp_path: Path) -> None:
        path = tmp_path / "s"
        bound(Endpoint(path=str(path))).close()
        assert path.is_socket()
        bound(Endpoint(path=str(path)))
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))

    def test_a_live_one_is_in_use_and_stays(self, bound: Bind, tmp_path: Path) -> None:
        path = tmp_path / "s"
        bound(Endpoint(path=str(path)))
        assert refusal(Endpoint(path=str(path))) == (
            f"cannot listen on unix:{path}: address already in use. "
            "Fix: stop the process that listens there, or choose another path."
        )
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))

    def test_a_file_that_is_no_socket_is_left_alone(self, tmp_path: Path) -> None:
        path = tmp_path / "s"
        path.write_text("precious")
        assert refusal(Endpoint(path=str(path))) == (
            f"cannot listen on unix:{path}: there is a file that is not a socket. "
            "Fix: move that file away, or choose another path."
        )
        assert path.read_text() == "precious"

    def test_a_directory_that_is_missing_is_named(self, tmp_path: Path) -> None:
        assert refusal(Endpoint(path=str(tmp_path / "no" / "s"))) == (
            f"cannot listen on unix:{tmp_path}/no/s: no such file or directory. "
            "Fix: create the socket's directory, or choose another path."
        )

    def test_a_path_that_does_not_fit_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / ("s" * 120)
        assert refusal(Endpoint(path=str(path))) == (
            f"cannot listen on unix:{path}: the path is longer than the system allows. Fix: use a shorter path."
        )

    def test_a_directory_that_is_not_ours_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(socket.socket, "bind", raising(errno.EACCES))
        assert refusal(Endpoint(path=str(tmp_path / "s"))) == (
            f"cannot listen on unix:{tmp_path}/s: permission denied. "
            "Fix: give this user write permission to the socket's directory, or choose another path."
        )

    def test_unlink_removes_our_file(self, bound: Bind, tmp_path: Path) -> None:
        path = tmp_path / "s"
        bound(Endpoint(path=str(path))).unlink()
        assert not path.exists()

    def test_unlink_leaves_the_file_of_a_successor(self, bound: Bind, tmp_path: Path) -> None:
        path = tmp_path / "s"
        first = bound(Endpoint(path=str(path)))
        path.rename(tmp_path / "old")  # so that the successor's file cannot get the same inode
        bound(Endpoint(path=str(path)))
        first.unlink()
        assert path.is_socket()
