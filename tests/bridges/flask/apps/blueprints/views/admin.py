from flask import Blueprint
from flask_cors import CORS

ORIGINS = {"https://admin.example.com", "https://app.example.com"}

users = Blueprint("users", __name__, url_prefix="/users")
admin = Blueprint("admin", __name__, url_prefix="/admin")
CORS(users, origins=ORIGINS, supports_credentials=True, methods=["GET", "POST", "PUT"])


@users.route("/", methods=["GET", "POST"])
def list_users():
    return "users"


@users.route("/<int:user_id>", methods=["GET", "PUT"])
def user(user_id):
    return str(user_id)


@admin.get("/stats")
def stats():
    return "stats"


admin.register_blueprint(users)
