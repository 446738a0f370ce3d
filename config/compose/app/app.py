"""A Flask app, as one might have it. There is no CORS in it, and there need not be."""

from flask import Flask, Response, jsonify, request

app = Flask(__name__)


@app.get("/api/hello")
def hello() -> Response:
    """Greet."""
    return jsonify({"hello": request.args.get("name", "world")})


@app.put("/api/greeting")
def greet() -> Response:
    """Take a greeting; a browser asks before it sends such a request, and corsproxy answers."""
    return jsonify({"kept": request.get_json()})
