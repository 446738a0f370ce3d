from flask import Flask, jsonify
from flask_cors import CORS

app = Flask(__name__)
CORS(app, origins=["https://app.example.com", "http://localhost:3000"])


@app.route("/")
def index():
    return jsonify(hello="world")


@app.route("/items", methods=["GET", "POST"])
def items():
    return jsonify(items=[])


@app.route("/items/<int:item_id>", methods=["GET", "PUT", "DELETE"])
def item(item_id):
    return jsonify(id=item_id)
