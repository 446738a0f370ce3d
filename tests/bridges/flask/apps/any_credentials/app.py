from flask import Flask
from flask_cors import CORS

app = Flask(__name__)
CORS(app, resources={r"/api/*": {"origins": "*"}, r"/auth/*": {"origins": ["*", "https://app.example.com"]}}, supports_credentials=True)


@app.get("/api/profile")
def profile():
    return "profile"


@app.post("/auth/login")
def login():
    return "welcome"
