from flask import Flask

from views.admin import admin
from views.public import public

app = Flask(__name__)
app.register_blueprint(public, url_prefix="/v1/public")
app.register_blueprint(admin)


@app.get("/")
def index():
    return "no CORS here"
