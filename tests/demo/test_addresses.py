import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from corsproxy.demo.addresses import Addresses, free_port_from, is_taken


@pytest.fixture
def block() -> Iterator[list[int]]:
    """Three ports in a row, of which the first two are listened on."""
    with ExitStack() as stack:
        for first in range(21000, 29000, 3):
            with ExitStack() as tried:
                try:
                    sockets = [tried.enter_context(socket.socket()) for _ in range(3)]
                    for number, one in enumerate(sockets):
                        one.bind(("127.0.0.1", first + number))
                except OSError:
                    continue
                sockets[0].listen()
                sockets[1].listen()
                sockets[2].close()
                stack.push(tried.pop_all())
                yield [first, first + 1, first + 2]
                return


def test_a_port_is_taken_while_somebody_listens(block: list[int]) -> None:
    assert [is_taken(port) for port in block] == [True, True, False]


def test_a_listener_on_ipv6_alone_takes_the_port_too() -> None:
    with socket.socket(socket.AF_INET6) as six:
        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        six.bind(("::1", 0))
        six.listen()
        assert is_taken(six.getsockname()[1])


def test_the_next_free_port_is_taken_instead(block: list[int]) -> None:
    assert free_port_from(block[0]) == block[2]
    assert free_port_from(block[0], but_not={block[2]}) > block[2]


def test_no_free_port_at_all_is_an_error() -> None:
    with pytest.raises(OSError, match="200 ports from 65530 on are all taken"):
        free_port_from(65530, but_not=range(65530, 65536))


def test_the_stranger_is_the_page_under_another_name() -> None:
    assert Addresses.on_ports(8080, 5000, 3000, 0) == Addresses(
        page="http://localhost:3000",
        stranger="http://127.0.0.1:3000",
        proxy="http://localhost:8080",
        backend="http://127.0.0.1:5000",
        admin="",
    )
    assert Addresses.on_ports(8080, 5000, 3000, 9901).admin == "http://127.0.0.1:9901"
