from flask import Flask
from flask_cors import CORS

from shop import shop

app = Flask(__name__)
CORS(app, resources=["/shop/*", "/news"], origins=["https://app.example.com", "https://www.example.com"])
CORS(app, resources=r"/news", origins="https://reader.example", max_age=60)
app.register_blueprint(shop, url_prefix="/shop")


@app.get("/news")
def news():
    return "news"
