import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from corsproxy.demo import backend


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[FlaskClient]:
    monkeypatch.setattr(backend, "SHELF", {n: dict(book) for n, book in backend.SHELF.items()})
    with backend.app.test_client() as client:
        yield client


AUTHORIZED = {"Authorization": backend.TOKEN}


def test_there_is_no_cors_in_it() -> None:
    code = Path(backend.__file__).read_text().partition('"""\n')[2]
    assert re.findall(r"(?i)cors\(|cross_origin|access-control|\bOrigin\b|OPTIONS", code) == []


def test_nothing_it_answers_has_a_cors_field(client: FlaskClient) -> None:
    origin = {"Origin": "http://localhost:3000"}
    answers = [client.get("/api/books", headers=origin), client.options("/api/books", headers=origin)]
    assert [name for a in answers for name, _ in a.headers if name.lower().startswith("access-control")] == []


def test_the_shelf_and_its_count(client: FlaskClient) -> None:
    answer = client.get("/api/books")
    assert answer.json == [{"number": number, **book} for number, book in backend.SHELF.items()]
    assert (answer.headers["X-Total-Count"], answer.headers["X-Shelf"]) == ("3", "fiction")


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/api/books/2", {}, 401),
        ("/api/books/2", {"Authorization": "Bearer another"}, 401),
        ("/api/books/9", AUTHORIZED, 404),
        ("/api/books/2", AUTHORIZED, 200),
    ],
)
def test_changing_a_book_needs_the_token_and_the_book(
    client: FlaskClient, path: str, headers: dict[str, str], status: int
) -> None:
    answer = client.put(path, headers=headers, json={"copies": 4})
    assert answer.status_code == status
    assert backend.SHELF[2]["copies"] == (4 if status == 200 else 1)


def test_delete_changes_nothing_but_answers(client: FlaskClient) -> None:
    answer = client.delete("/api/books/1", headers=AUTHORIZED)
    assert answer.json == {"number": 1, "title": "Frankenstein", "copies": 3}


def test_the_session_is_a_cookie(client: FlaskClient) -> None:
    assert client.get("/api/session").json == {"reader": None}
    assert client.post("/api/session", data={"reader": "Ada"}).json == {"reader": "Ada"}
    assert client.get("/api/session").json == {"reader": "Ada", "visits": 1}
    assert client.get("/api/session").json == {"reader": "Ada", "visits": 2}


def test_an_upload_is_counted_and_hashed(client: FlaskClient) -> None:
    content = bytes(range(256)) * 500
    answer = client.post("/api/uploads", data={"file": (io.BytesIO(content), "f.bin")})
    assert answer.json == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def test_events_come_one_by_one(client: FlaskClient) -> None:
    answer = client.get("/api/events")
    chunks = answer.iter_encoded()
    assert [next(chunks), next(chunks)] == [b"data: event 1\n\n", b"data: event 2\n\n"]
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    answer.close()


def test_a_broken_path_is_a_500(client: FlaskClient) -> None:
    assert client.get("/api/broken").status_code == 500


def test_the_top_says_what_this_is(client: FlaskClient) -> None:
    assert client.get("/").text == "A small library. Try /api/books\n"
