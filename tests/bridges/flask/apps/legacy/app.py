from flask import Flask
import flask_cors

app = Flask(__name__)
app.config["CORS_HEADERS"] = "Content-Type"
app.config["CORS_ORIGINS"] = "https://app.example.com"
cors = flask_cors.CORS(app, resources={r"/foo": {"origins": "https://legacy.example:8443"}}, headers="Content-Type")


@app.route("/foo", methods=["GET", "PUT"])
def foo():
    return "foo"


@app.route("/bar", methods=["GET"])
@flask_cors.cross_origin(headers=["Content-Type"])
def bar():
    return "bar"
