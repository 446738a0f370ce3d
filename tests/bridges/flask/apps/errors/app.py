from flask import Flask, abort, jsonify
from flask_cors import CORS
from werkzeug.exceptions import HTTPException

app = Flask(__name__)
CORS(app, origins=[r"^https://.*\.example\.com$"], supports_credentials=True)


@app.errorhandler(HTTPException)
def as_json(fault):
    return jsonify(error=fault.description), fault.code


@app.get("/forbidden")
def forbidden():
    abort(403)


@app.put("/broken")
def broken():
    raise RuntimeError("broken")


@app.get("/fine")
def fine():
    return "fine"
