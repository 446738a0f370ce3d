"""Which Host values are the admin listener's own."""

import pytest

from corsproxy.admin.hosts import is_own

NAMES = frozenset({"localhost", "corsproxy.internal"})


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:9901",
        "LocalHost:1",
        "localhost.",
        "127.0.0.1",
        "127.0.0.1:9901",
        "10.1.2.3:80",
        "0.0.0.0",
        "[::1]",
        "[::1]:9901",
        "[fd00::ABCD]:9901",
        "[::ffff:127.0.0.1]",
        "corsproxy.internal",
        "corsproxy.internal:9901",
        "CORSPROXY.internal.:9901",
    ],
)
def test_own(host: str) -> None:
    assert is_own(host, NAMES)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ":9901",
        "evil.example",
        "evil.example:9901",
        "localhost.evil.example",
        "evil.localhost",
        "127.0.0.1.evil.example",
        "127.0.0.1.nip.io",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1 ",
        " localhost",
        "localhost:",
        "localhost:x",
        "localhost:123456",
        "localhost:80:80",
        "user@localhost",
        "localhost,evil.example",
        "localhost/",
        "localhost..",
        "::1",
        "[::1",
        "[localhost]",
        "[::1]evil.example",
        "[::1%25eth0]",
        "x.corsproxy.internal",
        "\u2100localhost",
        "loc\u212alhost",
        "127.0.0.\u0661",
    ],
)
def test_not_own(host: str) -> None:
    assert not is_own(host, NAMES)
