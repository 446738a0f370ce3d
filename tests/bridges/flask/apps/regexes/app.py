import re

from flask import Flask
from flask_cors import CORS

app = Flask(__name__)
CORS(
    app,
    resources={
        r"/api/*": {"origins": r"https://.*\.example\.com"},
        r"/api/v2/*": {"origins": [r"^https://(www|app)\.example\.org$", re.compile("https://pr-[0-9]+[.]preview[.]example")]},
        "/status": {"origins": "*", "methods": ["GET"]},
        r"/(docs|help)/.*": {"origins": [r"http://localhost:*", "https://app.example.com"]},
    },
)


@app.route("/api/things", methods=["GET", "PUT"])
def things():
    return "things"


@app.route("/api/v2/things", methods=["GET", "PUT"])
def things_v2():
    return "things"


@app.get("/status")
def status():
    return "up"


@app.get("/docs/<page>")
def docs(page):
    return page


@app.get("/elsewhere")
def elsewhere():
    return "no CORS"
