"""All sample apps, each on a port of its own, under Werkzeug's own server: `hosting.py FOLDER NAME=PORT …`.

Laws: an app is imported as `flask run` would, from its own folder, and sees nothing of the others: not their modules, not what
their .env files set.
"""

import importlib
import os
import sys
import threading
from pathlib import Path

from flask import Flask
from werkzeug.serving import WSGIRequestHandler, make_server


class Kept(WSGIRequestHandler):
    """Keeps connections open, which makes a thousand requests bearable."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002 -- Werkzeug's name
        pass


def load(folder: Path) -> Flask:
    known, environ = set(sys.modules), dict(os.environ)
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    try:
        app = importlib.import_module("wsgi" if (folder / "wsgi.py").exists() else "app").app
    finally:
        sys.path.remove(str(folder))
        os.environ.clear()
        os.environ.update(environ)
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", None)).startswith(str(folder)):
                del sys.modules[name]
    assert isinstance(app, Flask)
    return app


def main() -> None:
    folder = Path(sys.argv[1])
    for pair in sys.argv[2:]:
        name, _, port = pair.partition("=")
        server = make_server("127.0.0.1", int(port), load(folder / name), threaded=True, request_handler=Kept)
        threading.Thread(target=server.serve_forever).start()


if __name__ == "__main__":
    main()
