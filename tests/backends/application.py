"""A Flask application as people write them. It knows nothing of CORS and nothing of the proxy."""

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response, jsonify, make_response, redirect, request, session, url_for
from werkzeug.wrappers import Response as Answer

app = Flask(__name__)
app.secret_key = "not a secret, for tests"

BLOCK = bytes(range(256)) * 256


@app.get("/json")
def show() -> Response:
    return jsonify(
        host=request.host, url=request.url, remote=request.remote_addr, args=request.args.to_dict()
    )


@app.route("/things/<int:number>", methods=["PUT", "DELETE", "PATCH"])
def change(number: int) -> tuple[Response, int]:
    return jsonify(number=number, method=request.method, body=request.get_json(silent=True)), 200


@app.post("/form")
def form() -> Response:
    return jsonify(request.form.to_dict())


@app.post("/upload")
def upload() -> Response:
    digest, size = hashlib.sha256(), 0
    stream = request.files["file"].stream if request.files else request.stream
    while piece := stream.read(65536):
        digest.update(piece)
        size += len(piece)
    return jsonify(sha256=digest.hexdigest(), size=size)


@app.get("/download/<int:blocks>")
def download(blocks: int) -> Response:
    answer = Response((BLOCK for _ in range(blocks)), mimetype="application/octet-stream")
    answer.content_length = blocks * len(BLOCK)
    return answer


def _in_two(first: str, then: str, gate: str) -> Iterator[str]:
    """Say the first half, and the second only when the gate is open: whoever has the first got it at once."""
    yield first
    while not Path(gate).exists():
        time.sleep(0.005)
    yield then


@app.get("/stream")
def stream() -> Response:
    return Response(_in_two("first\n", "second\n", request.args["gate"]), mimetype="text/plain")


@app.get("/events")
def events() -> Response:
    return Response(_in_two("data: 1\n\n", "data: 2\n\n", request.args["gate"]), mimetype="text/event-stream")


@app.post("/login")
def login() -> Response:
    session["name"] = request.form["name"]
    answer = jsonify(ok=True)
    answer.set_cookie("theme", "dark", samesite="Lax")
    return answer


@app.get("/me")
def me() -> Response:
    return jsonify(name=session.get("name"), theme=request.cookies.get("theme"))


@app.get("/old")
def old() -> Answer:
    return redirect(url_for("show", moved=1))


@app.get("/slash/")
def slash() -> str:
    return "slash"


@app.get("/boom")
def boom() -> str:
    raise RuntimeError("as asked")


@app.get("/cached")
def cached() -> Answer:
    answer = make_response("cached")
    answer.set_etag("v1")
    return answer.make_conditional(request)


@app.get("/own")
def own() -> Response:
    answer = jsonify(ok=True)
    answer.headers["Access-Control-Allow-Origin"] = "*"
    answer.headers["access-control-allow-credentials"] = "true"
    answer.headers["Vary"] = "Accept-Encoding"
    return answer
