"""Raw requests with a name and an outcome: each is refused, answered here, or read alike by everybody.

Laws: adding a case is adding a row. `status` is the proxy's answer, 200 where the request is forwarded.
`ends` says that the connection is over after it. `unlike_direct` names what the application sees
otherwise than without the proxy, `unlike_others` what the servers read in different ways; a name that
is not needed fails. What no proxy can mend (how a server reads a path, or joins lines) stands there and
nowhere else.
"""

from typing import NamedTuple

__all__ = ["CASES", "HANGS", "Case"]


class Case(NamedTuple):
    """One raw request and what becomes of it."""

    raw: bytes
    status: int = 200
    ends: bool = False
    unlike_direct: frozenset[str] = frozenset()
    unlike_others: frozenset[str] = frozenset()


REFUSED = frozenset({"refused"})  # what we forward, in plain form, some server refuses as it came
HANGS = frozenset({"hangs"})  # some server never answers it as it came, so it is not asked
SLASHES = frozenset({"path", "target"})  # waitress and werkzeug make one of several

H = b"Host: a.example\r\n"
TE = b"Transfer-Encoding: chunked\r\n"
BODY = b"4\r\nbody\r\n0\r\n\r\n"
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a.example\r\n\r\n"
ALLOWED = b"Origin: https://app.example\r\n"
FOREIGN = b"Origin: https://evil.example\r\n"
ASKS = b"Access-Control-Request-Method: PUT\r\n"
WEBSOCKET = (
    b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def _get(
    fields: bytes = b"", *, target: bytes = b"/", method: bytes = b"GET", version: bytes = b"1.1"
) -> bytes:
    return b"%b %b HTTP/%b\r\n%b%b\r\n" % (method, target, version, H, fields)


def _post(fields: bytes, body: bytes = b"") -> bytes:
    return b"POST /p HTTP/1.1\r\n%b%b\r\n%b" % (H, fields, body)


def _chunks(body: bytes) -> bytes:
    return _post(TE, body)


def _refused(raw: bytes, status: int = 400) -> Case:
    return Case(raw, status, ends=True)


def _counted(value: bytes) -> Case:
    return _refused(_post(b"Content-Length:" + value + b"\r\n", b"body" + HIDDEN))


def _coded(value: bytes, status: int = 400) -> Case:
    return _refused(_post(b"Transfer-Encoding:" + value + b"\r\n", BODY + HIDDEN), status)


LENGTHS = {
    "a length": Case(_post(b"Content-Length: 4\r\n", b"body")),
    "a length of 0": Case(_post(b"Content-Length: 0\r\n")),
    "a length with zeros before it": Case(_post(b"Content-Length: 0004\r\n", b"body")),
    "no length": Case(_post(b"")),
    "a length, tabs around": Case(_post(b"Content-Length:\t 4 \t\r\n", b"body")),
    "two lengths": _refused(_post(b"Content-Length: 4\r\nContent-Length: 40\r\n", b"body" + HIDDEN)),
    "two equal lengths": _refused(_post(b"Content-Length: 4\r\nContent-Length: 4\r\n", b"body")),
    "a length list": _counted(b" 4, 4"),
    "a length with +": _counted(b" +4"),
    "a negative length": _counted(b" -4"),
    "a length in hexadecimal": _counted(b" 0x4"),
    "a length with _": _counted(b" 0_4"),
    "a length with a point": _counted(b" 4.0"),
    "a length with an exponent": _counted(b" 4e0"),
    "a length, quoted": _counted(b' "4"'),
    "an empty length": _counted(b""),
    "a length in two words": _counted(b" 4 4"),
    "a length after a vertical tab": _counted(b" \x0b4"),
    "a length after a no-break space": _counted(b" \xa04"),
    "a length in other digits": _counted(b" \xb2"),
    "a length of 2^63": _counted(b" 9223372036854775808"),
    "a length of 2^64+4": _counted(b" 18446744073709551620"),
    "a length with an underscored name": Case(_post(b"Content_Length: 40\r\nContent-Length: 4\r\n", b"body")),
    "an underscored length alone": Case(_post(b"Content_Length: 40\r\n")),
    "a length on GET": Case(_get(b"Content-Length: 4\r\n") + b"body"),
    "a length on HEAD": Case(_get(b"Content-Length: 4\r\n", method=b"HEAD") + b"body"),
    "a length on DELETE": Case(_get(b"Content-Length: 4\r\n", method=b"DELETE") + b"body"),
    "a length on OPTIONS": Case(_get(b"Content-Length: 4\r\n", method=b"OPTIONS") + b"body"),
    "a request as the body of a GET": Case(_get(b"Content-Length: %d\r\n" % len(HIDDEN)) + HIDDEN),
}

CODINGS = {
    "chunked": Case(_chunks(BODY)),
    "chunked, other case": Case(_post(b"transfer-encoding: CHUNKED\r\n", BODY)),
    "chunked, tabs behind": _coded(b" chunked \t"),
    "chunked on GET": Case(_get(TE) + BODY),
    "chunked and empty": Case(_chunks(b"0\r\n\r\n")),
    "a request in a chunk": Case(_chunks(b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN))),
    "a length and chunked": _refused(_post(b"Content-Length: 4\r\n" + TE, BODY + HIDDEN)),
    "chunked and a length": _refused(_post(TE + b"Content-Length: 4\r\n", BODY + HIDDEN)),
    "chunked and a length of 0": _refused(_post(TE + b"Content-Length: 0\r\n", BODY)),
    "chunked in 1.0": _refused(_get(TE, method=b"POST", version=b"1.0") + BODY),
    "chunked twice in a list": _coded(b" chunked, chunked"),
    "chunked twice in lines": _coded(b" chunked\r\nTransfer-Encoding: chunked"),
    "chunked, then nothing": _coded(b" chunked,"),
    "nothing, then chunked": _coded(b" , chunked"),
    "chunked, then identity": _coded(b" chunked, identity"),
    "identity in another line": _coded(b" identity\r\nTransfer-Encoding: chunked", 501),
    "gzip, chunked": _coded(b" gzip, chunked"),
    "gzip": _coded(b" gzip", 501),
    "identity": _coded(b" identity", 501),
    "an unknown coding that contains chunked": _coded(b" xchunked", 501),
    "chunked with a parameter": _coded(b" chunked;q=1"),
    "chunked, quoted": _coded(b' "chunked"'),
    "an empty coding": _coded(b""),
    "chunked after a vertical tab": _coded(b" \x0bchunked"),
    "chunked before a no-break space": _coded(b" chunked\xa0"),
    "chunked with a long s": _coded(b" chun\xe2\x84\xaaed"),
    "chunked, folded": _coded(b"\r\n chunked"),
    "a coding before a space and the colon": _refused(_post(b"Transfer-Encoding : chunked\r\n", BODY + HIDDEN)),
    "a coding after a space": _refused(_post(b" Transfer-Encoding: chunked\r\n", BODY + HIDDEN)),
    "a coding with an underscored name": Case(
        _post(b"Transfer_Encoding: chunked\r\nContent-Length: 4\r\n", b"body")
    ),
    "a coding in another field's value": Case(_post(b"X: a\x85Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", b"body")),
}  # fmt: skip

CHUNKS = {
    "zeros before a size": Case(_chunks(b"0004\r\nbody\r\n000\r\n\r\n")),
    "a size in capitals": Case(_chunks(b"A\r\n0123456789\r\n0\r\n\r\n")),
    "an extension": Case(_chunks(b'4;a=b;c="d e"\r\nbody\r\n0;x\r\n\r\n'), unlike_direct=REFUSED),
    "space before an extension": Case(_chunks(b"4 ;a\r\nbody\r\n0\r\n\r\n"), unlike_direct=REFUSED),
    "space after a size": Case(_chunks(b"4 \r\nbody\r\n0\r\n\r\n"), unlike_direct=REFUSED),
    "trailers": Case(
        _chunks(b"4\r\nbody\r\n0\r\nX-Sum: 1\r\nContent-Length: 9\r\nHost: b.example\r\n\r\n"),
        unlike_direct=REFUSED,
    ),
    "a size with 0x": _refused(_chunks(b"0x4\r\nbody\r\n0\r\n\r\n")),
    "a size with +": _refused(_chunks(b"+4\r\nbody\r\n0\r\n\r\n")),
    "a size with -": _refused(_chunks(b"-4\r\nbody\r\n0\r\n\r\n")),
    "a size with _": _refused(_chunks(b"0_4\r\nbody\r\n0\r\n\r\n")),
    "space before a size": _refused(_chunks(b" 4\r\nbody\r\n0\r\n\r\n")),
    "no size": _refused(_chunks(b"\r\nbody\r\n0\r\n\r\n")),
    "an extension without a size": _refused(_chunks(b";a\r\nbody\r\n0\r\n\r\n")),
    "a size of 2^64+4": _refused(_chunks(b"10000000000000004\r\nbody\r\n0\r\n\r\n")),
    "a size of 2^63": _refused(_chunks(b"8000000000000000\r\nbody\r\n0\r\n\r\n")),
    "a size that ends in LF": _refused(_chunks(b"4\nbody\r\n0\r\n\r\n")),
    "a size that ends in CR": _refused(_chunks(b"4\rbody\r\n0\r\n\r\n")),
    "LF in place of an extension": _refused(_chunks(b"4;\nbody\r\n0\r\n\r\n")),
    "LF that may end an extension": _refused(_chunks(b"2;\nxx\r\n4\r\nbody\r\n0\r\n\r\n" + HIDDEN)),
    "CR CR LF after a size": _refused(_chunks(b"4\r\r\nbody\r\n0\r\n\r\n")),
    "a quoted extension with a line end": Case(_chunks(b'4;a="\r\nbody\r\n0\r\n\r\n'), unlike_direct=REFUSED),
    "a size of 17 digits": _refused(_chunks(b"00000000000000004\r\nbody\r\n0\r\n\r\n")),
    "a trailer in place of the end": _refused(_chunks(b"4\r\nbody\r\n0\r\n" + HIDDEN)),
    "a coding as a trailer": Case(
        _chunks(b"4\r\nbody\r\n0\r\nTransfer-Encoding: chunked\r\nX_A: 1\r\nCookie: a=b\r\n\r\n"),
        unlike_direct=REFUSED,
    ),
    "an extension with LF": _refused(_chunks(b"4;a\nb\r\nbody\r\n0\r\n\r\n")),
    "an extension with CR": _refused(_chunks(b"4;a\rb\r\nbody\r\n0\r\n\r\n")),
    "an extension with NUL": _refused(_chunks(b"4;a\0\r\nbody\r\n0\r\n\r\n")),
    "a chunk that ends in LF": _refused(_chunks(b"4\r\nbody\n0\r\n\r\n")),
    "a chunk without an end": _refused(_chunks(b"4\r\nbody0\r\n\r\n")),
    "a chunk longer than its size": _refused(_chunks(b"3\r\nbody\r\n0\r\n\r\n")),
    "a chunk that ends in two bytes of any kind": _refused(_chunks(b"4\r\nbodyXX0\r\n\r\n")),
    "a last chunk that ends in LF": _refused(_chunks(b"4\r\nbody\r\n0\n\n" + HIDDEN)),
    "trailers that end in LF": _refused(_chunks(b"4\r\nbody\r\n0\r\nX: a\n\r\n" + HIDDEN)),
    "a trailer without a colon": _refused(_chunks(b"4\r\nbody\r\n0\r\nGET / HTTP/1.1\r\n\r\n")),
    "a folded trailer": _refused(_chunks(b"4\r\nbody\r\n0\r\nX: a\r\n b\r\n\r\n")),
    "a trailer with a control byte": _refused(_chunks(b"4\r\nbody\r\n0\r\nX: a\x01\r\n\r\n")),
}

LINES = {
    "an empty line before": Case(b"\r\n" + _get(), unlike_direct=REFUSED),
    "LF before": _refused(b"\n" + _get()),
    "CR before": _refused(b"\r" + _get()),
    "space before": _refused(b" " + _get()),
    "a request line that ends in LF": _refused(b"GET / HTTP/1.1\n" + H + b"\r\n"),
    "lines that end in LF": _refused(b"GET / HTTP/1.1\nHost: a.example\n\n"),
    "a field that ends in LF": _refused(_get(b"X: a\nY: b\r\n")),
    "a field that ends in CR": _refused(_get(b"X: a\rY: b\r\n")),
    "CR CR LF after the request line": _refused(b"GET / HTTP/1.1\r\r\n" + H + b"\r\n"),
    "CR CR LF": _refused(_get(b"X: a\r\r\n")),
    "LF before the end of the head": _refused(b"GET / HTTP/1.1\r\n" + H + b"\n" + HIDDEN),
    "CR before the end of the head": _refused(b"GET / HTTP/1.1\r\n" + H + b"\r" + HIDDEN),
    "a folded field": _refused(_get(b"X: a\r\n b\r\n")),
    "a field folded by a tab": _refused(_get(b"X: a\r\n\tb\r\n")),
    "a folded first field": _refused(b"GET / HTTP/1.1\r\n X: a\r\n" + H + b"\r\n"),
    "a folded Host": _refused(b"GET / HTTP/1.1\r\nHost:\r\n a.example\r\n\r\n"),
    "space before a colon": _refused(_get(b"X : a\r\n")),
    "tab before a colon": _refused(_get(b"X\t: a\r\n")),
    "an empty name": _refused(_get(b": a\r\n")),
    "no colon": _refused(_get(b"abc\r\n")),
    "a name in parentheses": _refused(_get(b"X(y): a\r\n")),
    "a name with a slash": _refused(_get(b"X/y: a\r\n")),
    "a name with @": _refused(_get(b"X@y: a\r\n")),
    "a quoted name": _refused(_get(b'"X": a\r\n')),
    "a name outside ASCII": _refused(_get(b"X\xe9: a\r\n")),
    "a name with NUL": _refused(_get(b"X\0y: a\r\n")),
    "a name of odd letters": Case(_get(b"!#$%&'*+.^`|~0: a\r\n")),
    "an empty value": Case(_get(b"X:\r\n")),
    "a value of blanks": Case(_get(b"X: \t \r\n")),
    "blanks around a value": Case(_get(b"X: \t a \t \r\n")),
    "blanks in a value": Case(_get(b"X: a \t b\r\n")),
    "a colon in a value": Case(_get(b"X: a: b\r\n")),
    "a value with NUL": _refused(_get(b"X: a\0b\r\n")),
    "a value with a control byte": _refused(_get(b"X: a\x1fb\r\n")),
    "a value with a vertical tab": _refused(_get(b"X: a\x0bb\r\n")),
    "a value with a form feed": _refused(_get(b"X: a\x0cb\r\n")),
    "a value with DEL": _refused(_get(b"X: a\x7fb\r\n")),
    "a value in UTF-8": Case(_get(b"X: \xc3\xa9\xe2\x98\x83\r\n")),
    "a value that is not UTF-8": Case(_get(b"X: \xe9\xff\xfe\r\n")),
    "bytes that other character sets take for line ends": Case(_get(b"X: a\x85Y: b\r\nZ: c\xe2\x80\xa8W: d\r\n")),
    "no-break spaces around a value": Case(_get(b"X: \xa0a\xa0\r\n")),
    "an encoded word": Case(_get(b"X: =?utf-8?q?=0D=0AY:_b?=\r\n")),
    "mail's first line as a field": _refused(_get(b"From nobody\r\n")),
    "a long value": Case(_get(b"X: " + b"a" * 4000 + b"\r\n")),
    "a hundred fields": Case(_get(b"".join(b"X-%d: %d\r\n" % (n, n) for n in range(90)))),
    "too many fields": _refused(_get(b"X: a\r\n" * 200), 431),
    "too long a field": _refused(_get(b"X: " + b"a" * 40000 + b"\r\n"), 431),
    "too long a target": _refused(_get(target=b"/" + b"a" * 40000), 414),
}  # fmt: skip

HOSTS = {
    "a port": Case(b"GET / HTTP/1.1\r\nHost: a.example:8080\r\n\r\n"),
    "an address": Case(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"),
    "an address of version 6": Case(b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
    "Host after other fields": Case(b"GET / HTTP/1.1\r\nX: a\r\nHost: a.example\r\n\r\n"),
    "hOST": Case(b"GET / HTTP/1.1\r\nhOST:a.example\r\n\r\n"),
    "blanks around a Host": Case(
        b"GET / HTTP/1.1\r\nHost: \t a.example \t \r\n\r\n", unlike_direct=frozenset({"HOST"})
    ),
    "an absolute target and Host in other letters": Case(
        b"GET http://A.example/ HTTP/1.1\r\nHost: a.EXAMPLE\r\n\r\n",
        unlike_direct=frozenset({"target", "HOST"}),
    ),
    "no Host": _refused(b"GET / HTTP/1.1\r\n\r\n"),
    "no Host in 1.0": Case(
        b"GET / HTTP/1.0\r\n\r\n",
        ends=True,
        unlike_direct=frozenset({"HOST"}),
        unlike_others=frozenset({"HOST"}),
    ),
    "two Hosts": _refused(_get(b"Host: b.example\r\n")),
    "two equal Hosts": _refused(_get(H)),
    "two Hosts in 1.0": _refused(_get(b"Host: b.example\r\n", version=b"1.0")),
    "an underscored name that means Host": Case(_get(b"HO_ST: b.example\r\n")),
    **{
        f"Host: {name}": _refused(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % value)
        for name, value in {
            "empty": b"",
            "with a space": b"a b",
            "with a tab": b"a\tb",
            "with userinfo": b"u@a.example",
            "with a path": b"a.example/b",
            "with a query": b"a.example?b",
            "with a fragment": b"a.example#b",
            "with a scheme": b"http://a.example",
            "list": b"a.example,b.example",
            "with a bad port": b"a.example:x",
            "with an empty port": b"a.example:",
            "with a port over 65535": b"a.example:65536",
            "with two ports": b"a.example:80:80",
            "with a backslash": b"a.example\\b",
            "with %": b"a%2eexample",
            "outside ASCII": b"\xe9.example",
            "with a zone": b"[fe80::1%25eth0]",
            "with an open bracket": b"[::1",
        }.items()
    },
}

TARGETS = {
    "a query": Case(_get(target=b"/a?b=c&d=%20+e??")),
    "a lone ?": Case(_get(target=b"/a?")),
    "percent": Case(_get(target=b"/a%2Fb%20c%41%zz%?d=%2F")),
    "high bytes in percent": Case(_get(target=b"/%c3%a9/%ff%fe"), unlike_others=frozenset({"path"})),
    "NUL in percent": Case(_get(target=b"/a%00b")),
    "line ends in percent": Case(_get(target=b"/a%0d%0aX:%20b")),
    "dot segments": Case(_get(target=b"/a/./b/../c")),
    "dot segments in percent": Case(_get(target=b"/a/%2e%2e/b/%2E/c")),
    "dot segments above the root": Case(_get(target=b"/../../etc/passwd")),
    "empty segments": Case(_get(target=b"/a//b///c/")),
    "a parameter": Case(_get(target=b"/a;b=c/d;e")),
    "letters that a path should not have": Case(_get(target=b'/a"<>[]^`{|}b')),
    "a backslash": Case(_get(target=b"/a\\..\\b")),
    "a colon first": Case(_get(target=b"/:80/a")),
    "@ first": Case(_get(target=b"/@b.example/a")),
    "two slashes first": Case(_get(target=b"//b.example/a"), unlike_others=SLASHES),
    "three slashes first": Case(_get(target=b"///b.example/a"), unlike_others=SLASHES),
    "two slashes first, then a query": Case(_get(target=b"//?a"), unlike_others=SLASHES),
    "two slashes and a scheme": Case(_get(target=b"//http://b.example/a"), unlike_others=SLASHES),
    "a URL in the path": Case(_get(target=b"/http://b.example/a")),
    "an absolute target": Case(_get(target=b"http://a.example/a?b"), unlike_direct=frozenset({"target"})),
    "an absolute target without a path": Case(
        _get(target=b"http://a.example"), unlike_direct=frozenset({"target", "path"})
    ),
    "an absolute target, another Host": _refused(_get(target=b"http://b.example/a")),
    "an absolute target with userinfo": _refused(_get(target=b"http://u:p@a.example/")),
    "an absolute target without a host": _refused(_get(target=b"http:///a")),
    "an absolute target, other scheme": _refused(_get(target=b"ftp://a.example/")),
    "an absolute target, https": Case(_get(target=b"https://a.example/a"), unlike_direct=frozenset({"target"})),
    "* with OPTIONS": Case(_get(target=b"*", method=b"OPTIONS")),
    "* with GET": _refused(_get(target=b"*")),
    "authority form": _refused(_get(target=b"a.example:443")),
    "a relative target": _refused(_get(target=b"a/b")),
    "a query alone": _refused(_get(target=b"?a")),
    "a fragment": _refused(_get(target=b"/a#b")),
    "a target outside ASCII": _refused(_get(target=b"/\xe9")),
    "a target in UTF-8": _refused(_get(target=b"/\xc3\xa9")),
    "a target with a control byte": _refused(_get(target=b"/a\x01b")),
    "a target with DEL": _refused(_get(target=b"/a\x7fb")),
    "a target with a space": _refused(_get(target=b"/a b")),
    "a target with a tab": _refused(_get(target=b"/a\tb")),
    "a target with CR": _refused(_get(target=b"/a\rb")),
    "an empty target": _refused(b"GET  HTTP/1.1\r\n" + H + b"\r\n"),
    "two spaces": _refused(b"GET  / HTTP/1.1\r\n" + H + b"\r\n"),
    "space after the version": _refused(b"GET / HTTP/1.1 \r\n" + H + b"\r\n"),
    "a tab": _refused(b"GET\t/ HTTP/1.1\r\n" + H + b"\r\n"),
}  # fmt: skip

VERSIONS = {
    "1.0": Case(_get(version=b"1.0"), ends=True),
    "1.0, kept alive": Case(_get(b"Connection: keep-alive\r\n", version=b"1.0")),
    "1.0 with a length": Case(_get(b"Content-Length: 4\r\n", method=b"POST", version=b"1.0") + b"body", ends=True),
    "close": Case(_get(b"Connection: close\r\n"), ends=True),
    "no version": _refused(b"GET /\r\n" + H + b"\r\n"),
    "http/1.1": _refused(b"GET / http/1.1\r\n" + H + b"\r\n"),
    "HTTP/1": _refused(_get(version=b"1"), 505),
    "HTTP/01.1": _refused(_get(version=b"01.1"), 505),
    "HTTP/1.10": _refused(_get(version=b"1.10"), 505),
    "HTTP/0.9": _refused(_get(version=b"0.9"), 505),
    "HTTP/1.2": _refused(_get(version=b"1.2"), 505),
    "HTTP/2.0": _refused(_get(version=b"2.0"), 505),
    "HTTP/1,1": _refused(_get(version=b"1,1")),
    "HTTP/2 from the start": _refused(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "TLS": _refused(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    **{
        f"{method.decode()}": Case(_get(method=method))
        for method in (b"HEAD", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"PROPFIND", b"PURGE", b"QUERY")
    },
    "CONNECT": _refused(_get(target=b"a.example:443", method=b"CONNECT"), 405),
    "TRACE": _refused(_get(method=b"TRACE"), 405),
    "an unknown method": _refused(_get(method=b"BREW"), 501),
    "a method in small letters": _refused(_get(method=b"get"), 501),
    "a method that only begins as one": _refused(_get(method=b"GETX"), 501),
    "a method that is no token": _refused(_get(method=b"GE(T")),
    "no method": _refused(b" / HTTP/1.1\r\n" + H + b"\r\n"),
}  # fmt: skip

FIELDS = {
    "fields twice": Case(_get(b"X-A: 1\r\nx-a: 2\r\nAccept: a\r\nAccept: b\r\n")),
    "two cookies": Case(_get(b"Cookie: a=b\r\nCookie: c=d\r\n")),
    "two types": _refused(_post(b"Content-Type: a/b\r\nContent-Type: c/d\r\nContent-Length: 4\r\n", b"body")),
    "blanks around a type": Case(_post(b"Content-Type: \t a/b, \t\r\nContent-Length: 4\r\n", b"body")),
    "two authorizations": Case(_get(b"Authorization: Basic YTpi\r\nAuthorization: Basic Yzpk\r\n")),
    "two origins": _refused(_get(ALLOWED + FOREIGN)),
    "two equal origins": _refused(_get(ALLOWED * 2)),
    "two request methods": _refused(_get(ALLOWED + ASKS + ASKS, method=b"OPTIONS")),
    "an origin": Case(_get(ALLOWED)),
    "blanks around an origin": Case(
        _get(b"Origin: \t https://app.example \t \r\n"), unlike_direct=frozenset({"ORIGIN"})
    ),
    "a foreign origin": Case(_get(FOREIGN)),
    "a preflight": Case(_get(ALLOWED + ASKS, method=b"OPTIONS"), 204),
    "a foreign preflight": Case(_get(FOREIGN + ASKS, method=b"OPTIONS"), 403),
    "a preflight with a body": Case(
        _get(ALLOWED + ASKS + b"Content-Length: %d\r\n" % len(HIDDEN), method=b"OPTIONS") + HIDDEN, 204
    ),
    "a preflight with chunks": Case(
        _get(ALLOWED + ASKS + TE, method=b"OPTIONS") + b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN),
        204,
        ends=True,
    ),
    "underscored names": Case(
        _get(b"X_Forwarded_For: 1.1.1.1\r\nREMOTE_USER: root\r\nX_: a\r\n_X: a\r\nSCRIPT_NAME: /x\r\n"),
        unlike_direct=REFUSED,
    ),
    "names that WSGI servers believe": Case(
        _get(b"X-Forwarded-Proto: https\r\nX-Forwarded-Protocol: ssl\r\nX-Forwarded-Ssl: on\r\nX-Forwarded-For: 6.6.6.6\r\n"),
        unlike_direct=frozenset({"scheme"}),
    ),
    "Forwarded": Case(_get(b"Forwarded: for=6.6.6.6;proto=https;host=b.example\r\n")),
    "names that some servers believe": Case(
        _get(b"X-Real-IP: 6.6.6.6\r\nX-Script-Name: /x\r\nX-Original-URL: /x\r\nX-HTTP-Method-Override: PUT\r\n")
    ),
    "Proxy": Case(_get(b"Proxy: http://b.example\r\n")),
    "this hop's fields": Case(
        _get(b"Connection: keep-alive\r\nKeep-Alive: timeout=9\r\nProxy-Connection: close\r\nTE: trailers\r\nTrailer: X\r\n")
    ),
    "a field that Connection names": Case(
        _get(b"Connection: X-Mine\r\nX-Mine: 1\r\n"), unlike_direct=frozenset({"X_MINE"})
    ),
    **{
        f"Connection: {name}": _refused(_get(b"Connection: close, %b\r\n" % name.encode()))
        for name in (
            "Host", "origin", "Cookie", "AUTHORIZATION", "Content-Length", "Content-Type",
            "X-Forwarded-For", "Forwarded", "Via", "Expect", "X-Real-IP", "X-Request-Id", "traceparent", "Max-Forwards",
            "Sec-Fetch-Site",
        )
    },
    "Connection: Transfer-Encoding": Case(_post(b"Connection: Transfer-Encoding\r\n" + TE, BODY)),
    "Via": Case(_get(b"Via: 1.0 x, 1.1 y\r\n")),
    "a loop": _refused(_get(b"Via: 1.0 x, 1.1 corsproxy\r\n"), 508),
    "a loop in a second line": _refused(_get(b"Via: 1.0 x\r\nvia: 1.1 corsproxy (c)\r\n"), 508),
    "Max-Forwards": Case(_get(b"Max-Forwards: 5\r\n")),
    "Max-Forwards, counted down": Case(
        _get(b"Max-Forwards: 5\r\n", method=b"OPTIONS"), unlike_direct=frozenset({"MAX_FORWARDS"})
    ),
    "Max-Forwards: -1": _refused(_get(b"Max-Forwards: -1\r\n", method=b"OPTIONS")),
    "two Max-Forwards": _refused(_get(b"Max-Forwards: 1\r\nMax-Forwards: 2\r\n", method=b"OPTIONS")),
    "an expectation": Case(_post(b"Expect: 100-continue\r\nContent-Length: 4\r\n", b"body")),
    "a request behind an expectation on GET": Case(_get(b"Expect: 100-continue\r\nContent-Length: %d\r\n" % len(HIDDEN)) + HIDDEN),
    "an expectation with chunks": Case(_post(b"Expect: 100-continue\r\n" + TE, BODY)),
    "an expectation without a body": Case(_get(b"Expect: 100-continue\r\n"), unlike_direct=HANGS),
    "an expectation, twice": _refused(
        _post(b"Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: %d\r\n" % len(HIDDEN), HIDDEN), 417
    ),
    "an expectation in a list": _refused(_post(b"Expect: y 100-continue\r\nContent-Length: %d\r\n" % len(HIDDEN), HIDDEN), 417),
    "an empty expectation": _refused(_post(b"Expect:\r\nContent-Length: 4\r\n", b"body"), 417),
    "another expectation": _refused(_post(b"Expect: 200-ok\r\nContent-Length: 4\r\n", b"body"), 417),
    "Range": Case(_get(b"Range: bytes=0-0,1-1\r\nIf-Range: x\r\n")),
}  # fmt: skip

UPGRADES = {
    "a handshake, declined": Case(_get(WEBSOCKET)),
    "a handshake of the right origin, declined": Case(_get(ALLOWED + WEBSOCKET)),
    "a handshake of a foreign origin": Case(_get(FOREIGN + WEBSOCKET), 403),
    "a handshake with a length": Case(_get(WEBSOCKET + b"Content-Length: %d\r\n" % len(HIDDEN)) + HIDDEN),
    "a handshake with chunks": Case(_get(WEBSOCKET + TE) + BODY),
    "a handshake as POST": Case(_post(WEBSOCKET + b"Content-Length: 4\r\n", b"body")),
    "a handshake of version 12": Case(_get(WEBSOCKET.replace(b"13", b"12"))),
    "a handshake in 1.0": Case(_get(WEBSOCKET, version=b"1.0"), ends=True),
    "a handshake whose key Connection names": _refused(
        _get(WEBSOCKET.replace(b": Upgrade", b": Upgrade, Sec-WebSocket-Key", 1))
    ),
    "h2c": Case(_get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\n")),
    "h2c with a body": Case(
        _post(b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: %d\r\n" % len(HIDDEN), HIDDEN)
    ),
    "websocket and h2c": Case(_get(WEBSOCKET.replace(b"websocket", b"websocket, h2c"))),
    "an upgrade that Connection does not name": Case(_get(b"Upgrade: websocket\r\n")),
    "an upgrade to TLS": Case(_get(b"Connection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n")),
}  # fmt: skip

CASES = {
    f"{group}: {name}": case
    for group, cases in {
        "lengths": LENGTHS,
        "codings": CODINGS,
        "chunks": CHUNKS,
        "lines": LINES,
        "hosts": HOSTS,
        "targets": TARGETS,
        "versions and methods": VERSIONS,
        "fields": FIELDS,
        "upgrades": UPGRADES,
    }.items()
    for name, case in cases.items()
}
