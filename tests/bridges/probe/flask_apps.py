"""Flask applications with Flask-CORS as people write them, well and badly, each below a path of its own."""

from flask import Flask, Response, jsonify, redirect
from flask_cors import CORS
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.wrappers import Response as Answer

APP = "https://app.example.com"
OTHER = "https://other.example.com"


def made(name: str) -> Flask:
    app = Flask(name)

    @app.route("/x", methods=["GET", "POST", "PUT"])
    def x() -> Response:
        answer = jsonify(ok=True)
        answer.headers["X-Total"] = "3"
        answer.set_cookie("session", "secret", samesite="Lax", httponly=True)
        return answer

    @app.get("/boom")
    def boom() -> str:
        raise RuntimeError("as asked")

    @app.put("/slash/")
    def slash() -> str:
        return "slash"

    @app.get("/away")
    def away() -> Answer:
        return redirect("http://localhost:1/")

    return app


plain = made("plain")
good = made("good")
CORS(
    good,
    origins=[APP, OTHER],
    supports_credentials=True,
    methods=["GET", "PUT"],
    allow_headers=["Content-Type"],
    expose_headers=["X-Total"],
    max_age=600,
)
star = made("star")
CORS(star, send_wildcard=True)
reflecting = made("reflecting")
CORS(reflecting, supports_credentials=True)
unvaried = made("unvaried")
CORS(unvaried, origins=[APP, OTHER], vary_header=False)
silent = made("silent")
CORS(silent, origins=[APP, OTHER])
silent.config["PROPAGATE_EXCEPTIONS"] = True  # the server then answers a crash, and knows nothing of CORS

application = DispatcherMiddleware(
    plain,
    {"/good": good, "/star": star, "/reflecting": reflecting, "/unvaried": unvaried, "/silent": silent},
)
