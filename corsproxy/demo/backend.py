"""A small library of books: a Flask app like many others, and not one line of CORS in it.

Nothing here knows that a proxy exists. `witness` wraps it for the demonstration; `flask --app
corsproxy.demo.backend run` serves it alone.
"""

import hashlib
import time
from collections.abc import Iterator
from itertools import count
from typing import TypedDict

from flask import Flask, Response, abort, jsonify, request, session

__all__ = ["app"]


class Book(TypedDict):
    """One book on the shelf."""

    title: str
    copies: int


app = Flask(__name__)
app.secret_key = "a demonstration signs its cookies with this and keeps nothing secret in them"  # noqa: S105 -- public by intent

TOKEN = "Bearer a-demo-token"  # noqa: S105 -- as above
SHELF: dict[int, Book] = {
    1: {"title": "Frankenstein", "copies": 3},
    2: {"title": "Moby-Dick", "copies": 1},
    3: {"title": "Middlemarch", "copies": 2},
}


@app.get("/")
def index() -> str:
    """Say what this is, for those who open it in a browser."""
    return "A small library. Try /api/books\n"


@app.get("/api/books")
def books() -> Response:
    """List the shelf; the number of books stands in a field of its own."""
    answer = jsonify([{"number": number, **book} for number, book in SHELF.items()])
    answer.headers["X-Total-Count"] = str(len(SHELF))
    answer.headers["X-Shelf"] = "fiction"
    return answer


@app.route("/api/books/<int:number>", methods=["PUT", "PATCH", "DELETE"])
def change_book(number: int) -> Response:
    """Change a book; needs the token, as an API would."""
    if request.headers.get("Authorization") != TOKEN:
        abort(401)
    if number not in SHELF:
        abort(404)
    if request.method != "DELETE":
        SHELF[number]["copies"] = int(request.get_json()["copies"])
    return jsonify({"number": number, **SHELF[number]})


@app.post("/api/session")
def sign_in() -> Response:
    """Sign a reader in with Flask's signed cookie."""
    session["reader"] = str(request.form.get("reader", "Ada"))
    session["visits"] = 0
    return jsonify({"reader": session["reader"]})


@app.get("/api/session")
def who() -> Response:
    """Say who the cookie says is asking."""
    if "reader" not in session:
        return jsonify({"reader": None})
    session["visits"] += 1
    return jsonify({"reader": session["reader"], "visits": session["visits"]})


@app.post("/api/uploads")
def upload() -> Response:
    """Take a file and say what arrived."""
    file = request.files["file"]
    content = file.read()
    return jsonify({"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()})


@app.get("/api/events")
def events() -> Response:
    """Stream server-sent events until the reader leaves."""

    def lines() -> Iterator[str]:
        for number in count(1):
            yield f"data: event {number}\n\n"
            time.sleep(0.2)

    return Response(lines(), mimetype="text/event-stream", headers={"Cache-Control": "no-store"})


@app.get("/api/broken")
def broken() -> str:
    """Fail as real code does."""
    return str(1 // len(request.args.getlist("nothing")))
