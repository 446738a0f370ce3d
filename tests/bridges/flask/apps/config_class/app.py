from flask import Flask
from flask_cors import CORS

app = Flask(__name__)
app.config.from_object("settings.base.Production")
app.config.update(CORS_SEND_WILDCARD=False)
CORS(app)
app.config["CORS_ORIGINS"] = "https://too-late.example"


@app.route("/api/orders", methods=["GET", "POST", "PUT"])
def orders():
    return "orders"


@app.route("/internal")
def internal():
    return "internal"
