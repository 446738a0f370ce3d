from flask import Blueprint, Flask
from flask_cors import cross_origin

app = Flask(__name__)
api = Blueprint("api", __name__, url_prefix="/api")


@api.route("/things")
@cross_origin(origins=["https://app.example.com", "https://www.example.com"])
def read():
    return "things"


@api.route("/things", methods=["PUT"])
def replace():
    return "nobody but us"


@api.route("/orders", methods=["GET"])
@cross_origin(origins=["https://app.example.com", "https://www.example.com"])
def orders():
    return "orders"


@api.route("/orders", methods=["POST"])
@cross_origin(origins=["https://app.example.com"])
def order():
    return "ordered"


app.register_blueprint(api)
