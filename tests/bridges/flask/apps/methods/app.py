from datetime import timedelta

from flask import Flask
from flask_cors import CORS

app = Flask(__name__)
CORS(app, origins="https://app.example.com", methods=["GET", "PUT"], allow_headers=["Authorization", "X-Custom"], max_age=timedelta(hours=1))


@app.route("/thing", methods=["GET", "POST", "PUT", "DELETE"])
def thing():
    return "thing"
