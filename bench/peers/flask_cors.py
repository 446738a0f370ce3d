"""Flask-CORS in the application itself, under gunicorn: what a sidecar takes off the application's hands."""

from bench.peers.peer import ROOT, Command, Place, Takes, first_line, venv_python

__all__ = ["FlaskCors"]


class FlaskCors:
    name = "flask-cors"
    takes: Takes = "preflights"
    differences = (
        "no proxy: the application answers; preflights only",
        "gunicorn's gthread worker with one thread, because the default sync worker does not keep connections alive",
        "its answers to preflights have status 200 and no Access-Control-Request-* in Vary",
    )

    def missing(self) -> str:
        return (
            ""
            if venv_python().exists()
            else "no environment with Flask-CORS and gunicorn (python -m bench setup)"
        )

    def version(self) -> str:
        names = ("flask-cors", "flask", "gunicorn")
        code = (
            f"from importlib.metadata import version as v; print(', '.join(n + ' ' + v(n) for n in {names}))"
        )
        return first_line(str(venv_python()), "-c", code)

    def command(self, place: Place) -> Command:
        gunicorn = [str(venv_python()), "-m", "gunicorn", "-k", "gthread", "--workers", "1", "--threads", "1"]
        listen = ["--bind", f"127.0.0.1:{place.port}", "--keep-alive", "300", "--backlog", "4096"]
        return Command(
            [*gunicorn, *listen, "--log-level", "warning", "bench.peers.flask_app:app"],
            {"PYTHONPATH": str(ROOT)},
        )
