from flask import Flask
from flask_cors import CORS, cross_origin

app = Flask(__name__)
CORS(app, origins=["https://app.example.com"], supports_credentials=True)


@app.route("/account", methods=["GET", "PUT"])
def account():
    return "account"


@app.route("/widget")
@cross_origin(origins="*", methods=["GET"])
def widget():
    return "widget"


@app.route("/webhook", methods=["POST"])
@cross_origin(origins="https://hooks.example", automatic_options=False)
def webhook():
    return "got it"
