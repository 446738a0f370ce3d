"""Origins as they come: what a browser could have sent, and what tries to be several."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corsproxy.cors.origin import Origin, is_list, parse_origin


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (b"https://example.com", Origin(b"https", b"example.com", b"")),
        (b"http://localhost:5173", Origin(b"http", b"localhost", b"5173")),
        (b"http://[::1]:8080", Origin(b"http", b"[::1]", b"8080")),
        (b"http://127.0.0.1", Origin(b"http", b"127.0.0.1", b"")),
        (b"https://example.com.", Origin(b"https", b"example.com.", b"")),
        (b"https://xn--bcher-kva.example", Origin(b"https", b"xn--bcher-kva.example", b"")),
        (b"chrome-extension://abcdefghijklmnop", Origin(b"chrome-extension", b"abcdefghijklmnop", b"")),
        (b"capacitor://localhost", Origin(b"capacitor", b"localhost", b"")),
        (b"http://example.com:443", Origin(b"http", b"example.com", b"443")),
        (b"capacitor://localhost:80", Origin(b"capacitor", b"localhost", b"80")),
        # https://url.spec.whatwg.org/#forbidden-domain-code-point leaves all these to a host.
        *(
            (b"https://a%bb.example.com" % character, Origin(b"https", b"a%bb.example.com" % character, b""))
            for character in (bytes([byte]) for byte in b"_`{}!$&'()*+,;=~\"-")
        ),
    ],
)
def test_what_browsers_send_is_taken_apart(value: bytes, parts: Origin) -> None:
    assert parse_origin(value) == parts


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"null",
        b"NULL",
        b"example.com",
        b"//example.com",
        b"https:example.com",
        b"https:/example.com",
        b"https://",
        b"://example.com",
        b"HTTPS://example.com",
        b"https://Example.com",
        b"https://example.com:443",
        b"http://example.com:80",
        b"ws://example.com:80",
        b"wss://example.com:443",
        b"ftp://example.com:21",
        b"https://example.com:",
        b"https://example.com:0",
        b"https://example.com:08443",
        b"https://example.com:65536",
        b"https://example.com:x",
        b"https://example.com:" + b"9" * 5000,  # more digits than int() takes
        b"https://example.com/",
        b"https://example.com/path",
        b"https://example.com?query",
        b"https://example.com#fragment",
        b"https://user@example.com",
        b"https://user:password@example.com",
        b"https://example.com%00",
        b"https://example.com\x00",
        b"https://example.com\t",
        b"https://example.com ",
        b" https://example.com",
        b"https://example.com\r\nX: y",
        b"https://exa mple.com",
        b"https://b\xc3\xbccher.example",
        b"https://\xe2\x84\xaa.example",
        b"https://[::1",
        b"https://::1",
        b"https://[::1]x",
        b"https://[fe80::1%25eth0]",
        b"https://a|b.example",
        b"https://a^b.example",
        b"https://a<b>.example",
        b"https://a\\b.example",
        b"https://a.example,https://b.example",
        b"1https://example.com",
    ],
)
def test_what_no_browser_sends_is_malformed(value: bytes) -> None:
    assert parse_origin(value) is None


@given(value=st.text(alphabet="https://abc.example:80-_[]%,@ A", max_size=40))
def test_what_is_taken_apart_was_put_together_so(value: str) -> None:
    parsed = parse_origin(value.encode())
    if parsed is not None:
        port = b":" + parsed.port if parsed.port else b""
        assert parsed.scheme + b"://" + parsed.host + port == value.encode()


@pytest.mark.parametrize(
    ("value", "several"),
    [
        (b"https://a.example, https://b.example", True),
        (b"https://a.example,https://b.example", True),
        (b"https://a.example https://b.example", True),
        (b"https://a.example\thttps://b.example", True),
        (b"null,https://a.example", True),
        (b"https://a.example,null", True),
        (b"null null", True),
        (b"https://a.example ", True),
        (b"https://a,b.example", False),
        (b"https://a.example,", False),
        (b"https://a.example", False),
        (b"null", False),
        (b"", False),
    ],
)
def test_several_origins_in_one_value(value: bytes, *, several: bool) -> None:
    assert is_list(value) is several
