from dotenv import load_dotenv
from flask import Flask
from flask_cors import CORS

load_dotenv()
app = Flask(__name__)
app.config.from_prefixed_env("CORSTESTAPP")
CORS(app)


@app.get("/data")
def data():
    return "data"
