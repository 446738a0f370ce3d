import os

from flask import Flask

from .config import config
from .extensions import cors, db


def create_app(config_name=None):
    app = Flask(__name__)
    app.config.from_object(config[config_name or os.environ.get("SHOP_CONFIG", "default")])
    register_extensions(app)
    register_blueprints(app)
    return app


def register_extensions(app):
    db.init_app(app)
    cors.init_app(
        app,
        resources={r"/api/*": {"origins": app.config["ALLOWED_ORIGINS"]}},
        supports_credentials=True,
    )


def register_blueprints(app):
    from .api import api

    app.register_blueprint(api, url_prefix="/api")
