from flask import Blueprint
from flask_cors import CORS

public = Blueprint("public", __name__, url_prefix="/never")
CORS(public)


@public.get("/news")
def news():
    return "news"


@public.get("/news/<slug>")
def article(slug):
    return slug
