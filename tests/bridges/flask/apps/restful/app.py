from flask import Flask, jsonify
from flask.views import MethodView
from flask_cors import cross_origin

app = Flask(__name__)


class Users(MethodView):
    decorators = [cross_origin(origins="https://app.example.com", supports_credentials=True)]

    def get(self):
        return jsonify([])

    def put(self):
        return jsonify({})


class Health(MethodView):
    @cross_origin()
    def get(self):
        return "ok"


class Audit(MethodView):
    def get(self):
        return "private"


app.add_url_rule("/users/", view_func=Users.as_view("users"))
for view, url in ((Health, "/health"), (Audit, "/audit")):
    app.add_url_rule(url, view_func=view.as_view(view.__name__))
