import os

from dotenv import load_dotenv
from flask import Flask
from flask_cors import CORS

load_dotenv()

app = Flask(__name__)


def origins_from(name):
    return [origin.strip() for origin in os.environ[name].split(",") if origin.strip()]


CORS(
    app,
    origins=origins_from("CORSTEST_ORIGINS"),
    supports_credentials=os.getenv("CORSTEST_CREDENTIALS", "false").lower() in ("1", "true", "yes"),
    max_age=int(os.environ.get("CORSTEST_MAX_AGE", 120)),
)


@app.get("/me")
def me():
    return "me"


@app.put("/me")
def change():
    return "changed"
