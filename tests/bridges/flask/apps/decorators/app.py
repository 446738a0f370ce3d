from flask import Flask
from flask_cors import cross_origin

app = Flask(__name__)
PARTNERS = ["https://partner.example", "https://app.example.com"]


@app.route("/")
def index():
    return "private"


@app.route("/open")
@cross_origin()
def open_to_all():
    return "open"


@app.route("/reports/<int:year>", methods=["GET", "PUT"])
@cross_origin(origins=PARTNERS, allow_headers=["Authorization"], max_age=300)
def report(year):
    return str(year)


@app.route("/reports/export")
def export():
    return "private"


@app.route("/files/<path:name>")
@cross_origin(origins="https://app.example.com", supports_credentials=True, expose_headers=["X-Size"])
def file(name):
    return name


@cross_origin(origins="https://never.example")
@app.route("/upside-down")
def upside_down():
    return "the decorator is on the wrong side"
