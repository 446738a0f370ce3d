"""Origins as people write them, and the value that they are told to write instead."""

import pytest

from corsproxy.cors.spelling import canonical_origin, origin_faults

SCHEME = "begins with a scheme such as https://"
LOWER = "is in lower case"
SLASH = "has no trailing slash"
PUNYCODE = "is in punycode, as browsers send it"
SHORT_IPV6 = "has its IPv6 address in lower case, shortened and without a zone"
IPV4 = "has a full IPv4 address such as 127.0.0.1 where its host ends in a number"
PORT = "has a port between 1 and 65535, or none"
LETTERS = "has a host of letters, digits, hyphens, underscores and dots"
LONG = "has a host of at most 253 characters, 63 between two dots"


@pytest.mark.parametrize(
    "text",
    [
        "https://example.com",
        "http://localhost:3000",
        "http://127.0.0.1:8080",
        "http://[::1]:8080",
        "http://[2001:db8::1]",
        "http://[::ffff:102:304]",
        "https://my_app.example.com",
        "https://xn--bcher-kva.example",
        "chrome-extension://abcdefghijklmnop",
        "moz-extension://2c127fa4-62c7-7e4f-90e5-472b45eecfdc",
        "capacitor://localhost",
        "http://example.com:443",
        "https://" + "a" * 63 + ".example",
    ],
)
def test_what_browsers_send_has_no_fault(text: str) -> None:
    assert (origin_faults(text), canonical_origin(text)) == ((), text)


@pytest.mark.parametrize(
    ("text", "faults", "instead"),
    [
        ("https://example.com/", (SLASH,), "https://example.com"),
        ("https://[::1]x", ("has only a port after the ] of its address",), None),
        ("https://[::1]*.example.com", ("has only a port after the ] of its address",), None),
        ("https://example.com/app", ("has no path",), "https://example.com"),
        ("https://example.com?a=b", ("has no query",), "https://example.com"),
        ("https://example.com#top", ("has no fragment",), "https://example.com"),
        ("example.com", (SCHEME,), "https://example.com"),
        ("example.com:8443", (SCHEME,), "https://example.com:8443"),
        ("localhost:3000", (SCHEME,), "http://localhost:3000"),
        ("//example.com", (SCHEME,), "https://example.com"),
        ("https:/example.com", (SCHEME,), "https://example.com"),
        ("https:example.com", (SCHEME,), "https://example.com"),
        ("HTTPS://Example.COM", (LOWER,), "https://example.com"),
        (
            "https://example.com:443",
            ("leaves out the default port 443, as browsers do",),
            "https://example.com",
        ),
        ("http://example.com:80", ("leaves out the default port 80, as browsers do",), "http://example.com"),
        ("https://example.com:08443", ("has no leading zeros in its port",), "https://example.com:8443"),
        ("https://example.com:", ("has no colon without a port",), "https://example.com"),
        ("https://example.com:0", (PORT,), None),
        ("https://example.com:65536", (PORT,), None),
        ("https://example.com:http", (PORT,), None),
        ("https://example.com:\u0664", (PORT,), None),
        ("https://bücher.example", (PUNYCODE,), "https://xn--bcher-kva.example"),
        ("https://BÜCHER.Example", (PUNYCODE,), "https://xn--bcher-kva.example"),
        ("https://faß.example", (PUNYCODE,), "https://xn--fa-hia.example"),
        ("https://\u212a.example", (PUNYCODE,), "https://k.example"),
        ("https://example\u3002com", (PUNYCODE,), "https://example.com"),
        ("https://me:secret@example.com", ("carries no user name or password",), "https://example.com"),
        ("https://example.com.", ("has no dot behind its host",), "https://example.com"),
        (" https://example.com", ("has no blanks around it",), "https://example.com"),
        ("https://exam ple.com", (LETTERS,), None),
        ("https://exam%20ple.com", (LETTERS,), None),
        ("https://*.example.com", (LETTERS,), None),
        ("https://example..com", ("has no empty part in its host",), None),
        ("https://.example.com", ("has no empty part in its host",), None),
        ("https://", ("names a host",), None),
        ("https://" + "a" * 64 + ".example", (LONG,), None),
        ("https://" + "a." * 127 + "example", (LONG,), None),
        ("http://127.1", (IPV4,), None),
        ("http://127.0.0.01", (IPV4,), None),
        ("http://0x7f000001", (IPV4,), None),
        ("http://[0:0:0:0:0:0:0:1]", (SHORT_IPV6,), "http://[::1]"),
        ("http://[2001:DB8::1]", (SHORT_IPV6,), "http://[2001:db8::1]"),
        ("http://[::ffff:1.2.3.4]", (SHORT_IPV6,), "http://[::ffff:102:304]"),
        ("http://[1:0:0:2:0:0:0:3]", (SHORT_IPV6,), "http://[1:0:0:2::3]"),
        ("http://[fe80::1%eth0]", (SHORT_IPV6,), "http://[fe80::1]"),
        ("http://[example.com]", ("has an IPv6 address in its brackets",), None),
        ("wss://example.com", ("is that of the page, https://, for WebSockets too",), "https://example.com"),
        ("ws://example.com", ("is that of the page, http://, for WebSockets too",), "http://example.com"),
        (
            "file:///index.html",
            ("names a host", "cannot be a file: address; browsers send null for those pages", "has no path"),
            None,
        ),
        (
            "HTTPS://Example.com:443/",
            (LOWER, "leaves out the default port 443, as browsers do", SLASH),
            "https://example.com",
        ),
        ("", (SCHEME, "names a host"), None),
    ],
)
def test_each_fault_is_named_and_the_value_to_write_given(
    text: str, faults: tuple[str, ...], instead: str | None
) -> None:
    assert (origin_faults(text), canonical_origin(text)) == (faults, instead)


@pytest.mark.parametrize(
    "text", ["https://EXAMPLE.com:443/", "example.com", "http://[0::1]:80", "bücher.example"]
)
def test_the_value_to_write_has_no_fault_itself(text: str) -> None:
    instead = canonical_origin(text)
    assert instead is not None
    assert origin_faults(instead) == ()
