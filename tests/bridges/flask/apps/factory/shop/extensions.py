from flask_cors import CORS


class Database:
    def init_app(self, app):
        app.extensions["db"] = self


db = Database()
cors = CORS()
