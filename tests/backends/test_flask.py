"""An unmodified Flask application through the proxy, under each of the servers that people use."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.backends.conftest import GRANTED, ORIGIN, STRANGER, Front, cors_fields

pytestmark = pytest.mark.backends

MEGABYTE = 1024 * 1024


def test_json_and_what_the_application_sees(front: Front) -> None:
    said = front.json("GET", "/json?a=1&b=%2F")
    host = f"127.0.0.1:{front.port}"
    assert said == {
        "args": {"a": "1", "b": "/"},
        "host": host,
        "remote": "127.0.0.1",
        "url": f"http://{host}/json?a=1&b=/",
    }


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_preflight_and_the_request_it_is_for(front: Front, method: str) -> None:
    preflight = front.ask(
        "OPTIONS",
        "/things/7",
        Access_Control_Request_Method=method,
        Access_Control_Request_Headers="authorization,content-type",
    )
    assert preflight.status == 204
    assert cors_fields(preflight) == {
        "access-control-allow-origin": [ORIGIN],
        "access-control-allow-credentials": ["true"],
        "access-control-allow-methods": ["GET, POST, PUT, DELETE"],
        "access-control-allow-headers": ["Authorization, Content-Type"],
    }
    said = front.json(
        method, "/things/7", b'{"a": 1}', Content_Type="application/json", Authorization="Bearer x"
    )
    assert said == {"body": {"a": 1}, "method": method, "number": 7}


def test_form(front: Front) -> None:
    said = front.json("POST", "/form", b"a=1&b=two", Content_Type="application/x-www-form-urlencoded")
    assert said == {"a": "1", "b": "two"}


def pieces(total: int) -> tuple[Iterator[bytes], str]:
    block = bytes(reversed(range(256))) * 256
    digest = hashlib.sha256()
    for _ in range(total // len(block)):
        digest.update(block)
    return (block for _ in range(total // len(block))), digest.hexdigest()


def test_upload_of_50_megabytes(front: Front) -> None:
    body, digest = pieces(50 * MEGABYTE)
    response = front.ask("POST", "/upload", body, Content_Length=str(50 * MEGABYTE), Content_Type="x/y")
    assert cors_fields(response) == GRANTED
    assert json.loads(response.read()) == {"sha256": digest, "size": 50 * MEGABYTE}


def test_upload_in_chunks(front: Front) -> None:
    body, digest = pieces(5 * MEGABYTE)
    response = front.ask(
        "POST", "/upload", body, chunked=True, Transfer_Encoding="chunked", Content_Type="x/y"
    )
    assert json.loads(response.read()) == {"sha256": digest, "size": 5 * MEGABYTE}


def test_download_of_200_megabytes(front: Front) -> None:
    response = front.ask("GET", "/download/3200")
    assert cors_fields(response) == GRANTED
    assert response.headers["Content-Length"] == str(200 * MEGABYTE)
    digest, expected = hashlib.sha256(), hashlib.sha256()
    while piece := response.read(MEGABYTE):
        digest.update(piece)
    for _ in range(3200):
        expected.update(bytes(range(256)) * 256)
    assert digest.hexdigest() == expected.hexdigest()


@pytest.mark.parametrize(
    ("path", "first", "rest"),
    [("/stream", b"first\n", b"second\n"), ("/events", b"data: 1\n\n", b"data: 2\n\n")],
)
def test_streams_are_not_held_back(
    front: Front, tmp_path: Path, path: str, first: bytes, rest: bytes
) -> None:
    gate = tmp_path / "gate"
    response = front.ask("GET", f"{path}?gate={gate}")
    assert cors_fields(response) == GRANTED
    assert response.read(len(first)) == first
    gate.touch()
    assert response.read() == rest


def test_cookies_and_sessions(front: Front) -> None:
    response = front.ask("POST", "/login", b"name=Ada", Content_Type="application/x-www-form-urlencoded")
    cookies = response.headers.get_all("Set-Cookie") or []
    response.read()
    theme = next(cookie for cookie in cookies if cookie.startswith("theme="))
    session = next(cookie for cookie in cookies if cookie.startswith("session="))
    assert len(cookies) == 2
    assert theme == "theme=dark; Path=/; SameSite=None; Secure"
    assert session.endswith("; HttpOnly; Path=/")
    sent = "; ".join(cookie.partition(";")[0] for cookie in cookies)
    assert front.json("GET", "/me", Cookie=sent) == {"name": "Ada", "theme": "dark"}


@pytest.mark.parametrize(
    ("path", "status", "location"), [("/old", 302, "/json?moved=1"), ("/slash", 308, "/slash/")]
)
def test_redirects(front: Front, path: str, status: int, location: str) -> None:
    response = front.ask("GET", path)
    assert response.status == status
    assert (response.headers["Location"] or "").removeprefix(f"http://127.0.0.1:{front.port}") == location
    assert cors_fields(response) == GRANTED


@pytest.mark.parametrize(("path", "status"), [("/missing", 404), ("/boom", 500), ("/form", 405)])
def test_errors_are_readable(front: Front, path: str, status: int) -> None:
    response = front.ask("GET", path)
    assert response.status == status
    assert cors_fields(response) == GRANTED
    assert "Origin" in (response.headers["Vary"] or "").split(", ")


def test_not_modified(front: Front) -> None:
    first = front.ask("GET", "/cached")
    assert (first.status, first.read(), first.headers["ETag"]) == (200, b"cached", '"v1"')
    second = front.ask("GET", "/cached", If_None_Match='"v1"')
    assert (second.status, second.read()) == (304, b"")
    assert cors_fields(second) == GRANTED


def test_head(front: Front) -> None:
    response = front.ask("HEAD", "/json")
    assert (response.status, response.read()) == (200, b"")
    assert cors_fields(response) == GRANTED


def test_plain_options_is_the_applications(front: Front) -> None:
    response = front.ask("OPTIONS", "/json")
    response.read()
    assert response.status == 200
    assert set((response.headers["Allow"] or "").split(", ")) == {"GET", "HEAD", "OPTIONS"}


def test_the_applications_own_fields_never_pass(front: Front) -> None:
    granted = front.ask("GET", "/own")
    assert cors_fields(granted) == GRANTED
    assert granted.headers.get_all("Vary") == ["Accept-Encoding, Origin"]
    refused = front.ask("GET", "/own", origin=STRANGER)
    assert cors_fields(refused) == {}
    assert refused.headers.get_all("Vary") == ["Accept-Encoding, Origin"]


def test_the_backend_stopped(front: Front) -> None:
    front.backend.stop()
    response = front.ask("GET", "/json")
    problem = json.loads(response.read())
    assert response.status == 502
    assert cors_fields(response) == GRANTED | {"access-control-expose-headers": ["ETag, Proxy-Status"]}
    assert response.headers["Content-Type"] == "application/problem+json"
    assert (
        response.headers["Proxy-Status"] == 'corsproxy; error=connection_refused; details="upstream_refused"'
    )
    assert (problem["code"], problem["status"], problem["title"]) == ("upstream_refused", 502, "Bad Gateway")
    preflight = front.ask("OPTIONS", "/json", Access_Control_Request_Method="PUT")
    assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, ORIGIN)
