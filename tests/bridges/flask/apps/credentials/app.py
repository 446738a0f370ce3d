from flask import Flask, session
from flask_cors import CORS

ALLOWED = ["https://App.Example.com", "https://www.example.com"]

app = Flask(__name__)
app.secret_key = "for tests"
CORS(app, origins=ALLOWED, supports_credentials=True, expose_headers="X-Request-Id,ETag", allow_headers=["Content-Type", "X-CSRF-Token"])


@app.route("/login", methods=["POST"])
def login():
    session["user"] = "somebody"
    return "welcome"


@app.route("/cart", methods=["GET", "PUT", "DELETE"])
def cart():
    return "cart"
