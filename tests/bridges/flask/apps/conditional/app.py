import os

from flask import Flask
from flask_cors import CORS

from origins import from_database

app = Flask(__name__)
allowed = ["https://app.example.com"]
if os.path.exists("/nonexistent-development-marker"):
    allowed.append("http://localhost:5173")
CORS(app, resources={"/fixed/*": {"origins": allowed}, "/tenants/*": {"origins": from_database()}})


@app.get("/fixed/x")
def fixed():
    return "fixed"


@app.get("/tenants/x")
def tenants():
    return "tenants"
