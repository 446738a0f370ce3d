from flask import Flask
from flask_cors import CORS

app = Flask(__name__)
CORS(
    app,
    origins=[
        "https://*.example.com",
        "https://app.example.com/",
        "https://one.example,https://two.example",
        "www.example.com",
        "https://app.example.org:443",
        "null",
        r"https://.*example.net",
        "https://good.example",
    ],
    allow_headers=["Content-Type,Authorization", "X-[A-Z]+", "X-Custom"],
)


@app.get("/")
def index():
    return "index"
