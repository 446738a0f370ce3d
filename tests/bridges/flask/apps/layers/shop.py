from flask import Blueprint
from flask_cors import CORS

shop = Blueprint("shop", __name__)
CORS(shop, origins=["https://till.example"])


@shop.get("/items")
def items():
    return "items"


@shop.route("/items/<uuid:item>", methods=["GET", "PUT"])
def item(item):
    return str(item)
