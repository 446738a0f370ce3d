from flask import Blueprint, jsonify

api = Blueprint("api", __name__)


@api.route("/products")
def products():
    return jsonify([])


@api.route("/products/<int:product_id>", methods=["GET", "PATCH", "PUT"])
def product(product_id):
    return jsonify(id=product_id)
