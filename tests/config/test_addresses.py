"""Names of backends: whatever is accepted can be looked up, and what cannot says why and what to write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corsproxy.config.addresses import BadAddress, read_endpoint, read_url

LABELS = st.text("abz09-_K\u212a\u017fß漢.%", max_size=4) | st.integers(60, 66).map(
    lambda length: "a" * length
)


@given(st.lists(LABELS, min_size=1, max_size=6).map(".".join))
def test_what_is_accepted_can_be_encoded_for_the_resolver(host: str) -> None:
    try:
        url = read_url(f"http://{host}:80")
    except BadAddress:
        return
    assert url.endpoint.host.encode("idna") == url.endpoint.host.encode("ascii")
    assert url.endpoint.host == host.lower()


@pytest.mark.parametrize(
    ("host", "what", "fix"),
    [
        ("bücher.example", "it has letters beyond ASCII", "write xn--bcher-kva.example"),
        ("\u212aelvin.example", "it has letters beyond ASCII", "write kelvin.example"),
        ("a..b", "a label is empty", "write a.b"),
        ("a" * 64, "a label is longer than 63 letters", "write a name as in api.internal, or an IP address"),
        ("a.漢漢漢" + "漢" * 60, "it has letters beyond ASCII", "write a name as in api.internal, or an IP address"),
        (".".join(["a" * 50] * 6), "it is longer than 253 letters", "write a name as in api.internal, or an IP address"),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_up(host: str, what: str, fix: str) -> None:
    with pytest.raises(BadAddress) as bad:
        read_url(f"https://{host}:5000")
    assert (bad.value.what, bad.value.fix) == (f'"{host}" cannot be looked up: {what}.', fix)


@pytest.mark.parametrize("url", ["http://", "https://:80", "http://a,b:5000", "http://a!b", "http://-a"])
def test_what_names_no_host(url: str) -> None:
    with pytest.raises(BadAddress) as bad:
        read_url(url)
    assert bad.value.what == f'"{url}" does not name a host.'


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "app", "my_app.default.svc", "xn--bcher-kva.example", "A.example", "a" * 63, ".".join(["a" * 61] * 4 + ["a" * 5])])  # fmt: skip
def test_usual_names(host: str) -> None:
    assert read_url(f"http://{host}:5000").endpoint.host == host.strip("[]").lower()


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("http://127.0.0.1:8080", "127.0.0.1:8080"),
        ("http://127.0.0.1/path", "127.0.0.1:8080"),
        ("http://[::1]", "[::1]:8080"),
        ("http://[::1", "host:port, [address]:port or unix:/path"),
        ("http://", "host:port, [address]:port or unix:/path"),
        ("http://a:b:1", "host:port, [address]:port or unix:/path"),
        ("[::1", "[::1]:8080"),
        (":80", "0.0.0.0:80"),
    ],
)
def test_what_may_have_been_meant_by_an_address_to_listen_on(text: str, meant: str) -> None:
    with pytest.raises(BadAddress) as bad:
        read_endpoint(text)
    assert meant in bad.value.fix


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("localhost:5000", "write http://localhost:5000"),
        ("localhost:5000/api", "write http://localhost:5000"),
        ("//localhost:5000", "write http://localhost:5000"),
        ("[::1]:5000", "write http://[::1]:5000"),
        ("5000", "write http://127.0.0.1:5000"),
        (":5000", "write http://127.0.0.1:5000"),
        ("ws://localhost:5000", "write http://localhost:5000"),
        ("wss://api.internal/live", "write https://api.internal"),
        ("/run/gunicorn.sock", "write unix:/run/gunicorn.sock"),
        ("ftp://5000:80", "write it as in http://127.0.0.1:5000"),
        ("99999", "write it as in http://127.0.0.1:5000"),
        ("my app", "write it as in http://127.0.0.1:5000"),
        ("", "write it as in http://127.0.0.1:5000"),
    ],
)
def test_what_may_have_been_meant_by_a_backend_without_its_scheme(text: str, fix: str) -> None:
    with pytest.raises(BadAddress) as bad:
        read_url(text)
    what = f'"{text}" does not begin with http://, https:// or unix:.'
    assert (bad.value.what, bad.value.fix) == (what, fix)
    if " as in " not in fix:
        read_url(fix.removeprefix("write "))


@pytest.mark.parametrize(
    ("url", "fix"),
    [
        ("http://5000", "write http://127.0.0.1:5000"),
        ("https://5000/", "write https://127.0.0.1:5000"),
        ("http://0:5000", "write http://127.0.0.1:5000"),
    ],
)
def test_a_number_is_no_host(url: str, fix: str) -> None:
    with pytest.raises(BadAddress) as bad:
        read_url(url)
    assert (bad.value.what, bad.value.fix) == (f'"{url}" names a number and no host.', fix)
