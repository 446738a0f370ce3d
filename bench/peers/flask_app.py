"""The application behind the peer `flask-cors`."""

from flask import Flask, Response
from flask_cors import CORS

from bench import policy, workloads

app = Flask(__name__)
CORS(
    app,
    origins=[policy.ORIGIN],
    methods=list(policy.METHODS),
    allow_headers=list(policy.HEADERS),
    expose_headers=list(policy.EXPOSED),
    supports_credentials=True,
    max_age=policy.MAX_AGE,
)


@app.route(workloads.SMALL_PATH, methods=["GET", "PUT"])
def item() -> Response:
    return Response(workloads.SMALL_JSON, mimetype="application/json")
