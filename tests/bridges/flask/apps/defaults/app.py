from flask import Flask
from flask_cors import CORS

app = Flask(__name__)
CORS(app)


@app.get("/")
def index():
    return "hello"


@app.put("/notes/<name>")
def note(name):
    return name
