"""What is made of sources: settings, expressions, imports, conditions, and what cannot be known.

Laws: each case is a small project written to a folder; the whole list of origins is asserted, and the codes of the report.
"""

from collections.abc import Mapping
from pathlib import Path

import pytest

from corsproxy.bridges.flask.asking import load_text
from corsproxy.bridges.flask.importing import Imported, import_flask
from corsproxy.cors.rule import Rule

HEAD = "from flask import Flask, Blueprint\nfrom flask_cors import CORS, cross_origin\nimport os\n"
APP = f"{HEAD}app = Flask(__name__)\n"


def project(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def read(folder: Path, files: Mapping[str, str], environ: Mapping[str, str] | None = None) -> Imported:
    return import_flask(project(folder, files), environ or {}, upstream="http://127.0.0.1:5000")


def rules(found: Imported) -> tuple[Rule, ...]:
    return load_text(found.text).settings.rules


def origins(found: Imported) -> list[str]:
    (rule,) = rules(found)
    entries = rule.origins
    return [*(["*"] if entries.any else []), *entries.exact, *entries.wildcards, *entries.regexes]


def codes(found: Imported, *, losses: bool = True) -> list[str]:
    return [str(finding.code) for finding in found.findings if finding.is_loss is losses]


A, B = "https://a.example", "https://b.example"


@pytest.mark.parametrize(
    ("before", "expression"),
    [
        ("", f"'{A}'"),
        (f"X = '{A}'", "X"),
        (f"X = ['{A}']", "X"),
        (f"X = ('{A}',)", "X"),
        (f"X = '{A},'", "[o for o in X.split(',') if o]"),
        (f"X = ' {A} '", "X.strip()"),
        (f"X = ' {A} ,, '", "[o.strip() for o in X.split(',') if o.strip()]"),
        (f"X = ' {A} ,, '", "list(filter(None, map(str.strip, X.split(','))))"),
        (f"X = ' {A} ,, '", "list(filter(None, map(lambda o: o.strip(), X.split(','))))"),
        ("HOST = 'a.example'", "f'https://{HOST}'"),
        ("HOST = 'a.example'", "'https://' + HOST"),
        ("HOST = 'a.example'", "'https://%s' % HOST"),
        ("HOST = 'a.example'", "'https://{}'.format(HOST)"),
        ("HOST = 'a.example'", "'//'.join(['https:', HOST])"),
        (f"X = {{'dev': ['http://x.example'], 'prod': ['{A}']}}", "X['prod']"),
        (f"X = {{'dev': 'http://x.example', 'prod': '{A}'}}", "X.get('prod', '*')"),
        (f"X = []\nX.append('{A}')", "X"),
        (f"X = []\nX += ['{A}']", "X"),
        (f"X = []\nfor one in ('{A}',):\n    X.append(one)", "X"),
        (f"X = []\nX.extend(['{A}'])", "X"),
        (f"X = ['{A}', 'https://z.example']", "X[:1]"),
        ("DEBUG = False", f"'*' if DEBUG else '{A}'"),
        (f"if True:\n    X = '{A}'\nelse:\n    X = '*'", "X"),
        (f"def allowed(default='{A}'):\n    return [default]", "allowed()"),
        ("def allowed(*names):\n    return ['https://' + name for name in names]", "allowed('a.example')"),
        (f"class Settings:\n    allowed = ['{A}']", "Settings.allowed"),
        ("class Settings:\n    def __init__(self, name):\n        self.allowed = 'https://' + name\nS = Settings('a.example')", "S.allowed"),
        (f"class Settings:\n    @staticmethod\n    def allowed():\n        return '{A}'", "Settings.allowed()"),
        (f"import json\nX = json.loads('[\"{A}\"]')", "X"),
        (f"try:\n    X = '{A}'\nfinally:\n    Y = 1", "X"),
        (f"with open('x') as f:\n    X = '{A}'", "X"),
        (f"(X := '{A}')", "X"),
        (f"X, Y = '{A}', 'z'", "X"),
        ("", f"os.environ.get('NOT_SET_HERE') or '{A}'"),
        ("", f"os.getenv('NOT_SET_HERE', '{A}')"),
        ("", f"sorted({{'{A}'}})"),
        ("", f"list(dict.fromkeys(['{A}', '{A}'])) if False else ['{A}']"),
        (f"X = ['{A}']\nY = [*X]", "Y"),
        (f"X = {{'origins': '{A}'}}", "{**X}['origins']"),
        (f"import types\nX: list = ['{A}']", "X"),
    ],
)  # fmt: skip
def test_expressions(before: str, expression: str, tmp_path: Path) -> None:
    found = read(tmp_path, {"app.py": f"{APP}{before}\nCORS(app, origins={expression})\n"})
    assert (origins(found), codes(found)) == ([A], [])


@pytest.mark.parametrize(
    ("before", "expression", "kept", "why"),
    [
        ("", "os.environ['NOT_SET_HERE']", [], "NOT_SET_HERE"),
        ("", "[os.getenv('NOT_SET_HERE')]", [], "NOT_SET_HERE"),
        ("", "open('origins.txt').read().split()", [], "open("),
        ("import db", f"['{A}', db.origin()]", [A], "db.origin()"),
        ("import db", f"['{A}'] + db.origins()", [A], "db.origins()"),
        ("import db", f"db.origins() or ['{A}']", [], "db.origins()"),
        (f"import db\nX = ['{A}']\nif db.is_open:\n    X.append('{B}')", "X", [A], "db.is_open"),
        (f"import db\nX = ['{A}']\nif db.is_open:\n    X = X + ['{B}']", "X", [A], "db.is_open"),
        (
            f"import db\nif db.is_open:\n    X = ['{A}']\nelse:\n    X = ['{B}', '{A}']",
            "X",
            [A],
            "db.is_open",
        ),
        (f"import db\nX = '{A}'\nwhile db.more():\n    X = '{B}'", "X", [], "db.more()"),
        ("def f(x):\n    return f(x)", "f(1)", [], "calls itself"),
        ("", "undefined_name", [], "undefined_name"),
        (f"import db\nX = {{'a': '{A}'}}", "X[db.key]", [], "X[db.key]"),
        ("", "'x' * 10**12", [], ""),
    ],
)
def test_what_cannot_be_known_is_named_and_never_guessed(
    before: str, expression: str, kept: list[str], why: str, tmp_path: Path
) -> None:
    found = read(tmp_path, {"app.py": f"{APP}CORS(app, origins='{B}')\n"}) if "10**12" in expression else None
    if found is None:
        found = read(tmp_path, {"app.py": f"{APP}{before}\nCORS(app, origins={expression})\n"})
        assert origins(found) == kept
        (loss,) = [finding for finding in found.findings if finding.is_loss]
        assert loss.code == "origin_unknown"
        assert why in loss.what
        assert loss.place.file == "app.py"
        assert loss.place.line > 3
        assert "FILL IN" in found.text


@pytest.mark.parametrize(
    ("call", "files"),
    [
        ("app.config['CORS_ORIGINS'] = '{A}'", {}),
        ("app.config.update(CORS_ORIGINS='{A}')", {}),
        ("app.config.update({'CORS_ORIGINS': '{A}'})", {}),
        ("app.config.from_mapping(CORS_ORIGINS='{A}')", {}),
        ("app.config.setdefault('CORS_ORIGINS', '{A}')", {}),
        ("app.config.from_object('config')", {"config.py": "CORS_ORIGINS = '{A}'"}),
        ("app.config.from_object('config.Live')", {"config.py": "class Base:\n    CORS_ORIGINS = '{A}'\nclass Live(Base):\n    pass"}),
        ("import config\napp.config.from_object(config)", {"config.py": "CORS_ORIGINS = '{A}'"}),
        ("from config import Live\napp.config.from_object(Live())", {"config.py": "class Live:\n    CORS_ORIGINS = '{A}'"}),
        ("app.config.from_pyfile('config.py')", {"config.py": "CORS_ORIGINS = '{A}'"}),
        ("app.config.from_pyfile('local.cfg', silent=True)\napp.config['CORS_ORIGINS'] = '{A}'", {}),
        ("import json\napp.config.from_file('c.json', load=json.load)", {"c.json": '{"CORS_ORIGINS": "{A}"}'}),
        ("app.config.from_file('c.toml', load=None)", {"c.toml": 'CORS_ORIGINS = "{A}"'}),
        ("app.config.from_prefixed_env()", {".env": "FLASK_CORS_ORIGINS={A}"}),
        ("app.config.from_prefixed_env('SHOP')", {".env": 'SHOP_CORS_ORIGINS=["{A}"]'}),
        ("CORS_ORIGINS = '{A}'\napp.config.from_object(__name__)", {}),
        ("app.config['ALLOWED'] = '{A}'\napp.config['CORS_ORIGINS'] = app.config['ALLOWED']", {}),
        ("app.config['CORS_ORIGINS'] = '*'\napp.config['CORS_ORIGINS'] = app.config.get('ELSE', '{A}')", {}),
    ],
)  # fmt: skip
def test_settings(call: str, files: dict[str, str], tmp_path: Path) -> None:
    filled = {name: text.replace("{A}", A) for name, text in files.items()}
    found = read(tmp_path, {"app.py": f"{APP}{call.replace('{A}', A)}\nCORS(app)\n", **filled})
    assert (origins(found), codes(found)) == ([A], [])


def test_settings_that_cannot_be_read_may_have_said_anything_that_the_project_speaks_of(
    tmp_path: Path,
) -> None:
    text = f"{APP}import vault\napp.config.from_object(vault.settings())\nCORS(app, max_age=5)\nNAME = 'CORS_ORIGINS'\n"
    found = read(tmp_path, {"app.py": text})
    assert (origins(found), codes(found)) == ([], ["origin_unknown"])
    assert rules(found)[0].allow_methods


def test_the_environment_wins_over_dotenv_and_that_over_flaskenv(tmp_path: Path) -> None:
    files = {
        "app.py": f"{APP}CORS(app, origins=[os.environ['ONE'], os.environ['TWO'], os.environ['THREE']])\n",
        ".env": "TWO=https://two.example\nONE=https://wrong.example\n",
        ".flaskenv": "THREE=https://three.example\nTWO=https://wrong.example\n",
    }
    found = read(tmp_path, files, {"ONE": "https://one.example"})
    assert origins(found) == ["https://one.example", "https://two.example", "https://three.example"]
    assert codes(found) == []
    assert codes(found, losses=False) == ["environment"]


def test_dotenv_is_read_as_python_dotenv_reads_it(tmp_path: Path) -> None:
    files = {
        "app.py": f"{APP}CORS(app, origins=os.environ['LIST'].split())\n",
        ".env": '# a comment\nBASE=example.com\nexport LIST="https://a.${BASE} https://b.${BASE}" # behind\nnonsense line\n',
    }
    assert origins(read(tmp_path, files)) == ["https://a.example.com", "https://b.example.com"]


@pytest.mark.parametrize(
    "files",
    [
        {"app.py": APP + "from lists import X\nCORS(app, origins=X)", "lists.py": f"X = ['{A}']"},
        {"app.py": APP + "import lists as l\nCORS(app, origins=l.X)", "lists.py": f"X = ['{A}']"},
        {"app.py": APP + "from lists import *\nCORS(app, origins=X)", "lists.py": f"X = ['{A}']"},
        {"app.py": APP + "import a.b\nCORS(app, origins=a.b.X)", "a/__init__.py": "", "a/b.py": f"X = '{A}'"},
        {"app.py": APP + "from a import b\nCORS(app, origins=b.X)", "a/b.py": f"X = '{A}'", "a/__init__.py": ""},
        {"src/p/__init__.py": APP + "from .c import X\nCORS(app, origins=X)", "src/p/c.py": "from ..p.d import X", "src/p/d.py": f"X='{A}'"},
        {"app.py": APP + "from one import X\nCORS(app, origins=X)", "one.py": f"X = '{A}'\nimport app"},
        {"p/__init__.py": "", "p/ext.py": "from flask_cors import CORS\ncors = CORS()", "p/app.py": f"from flask import Flask\nfrom p.ext import cors\ndef create_app():\n    app = Flask(__name__)\n    cors.init_app(app, origins='{A}')\n    return app"},
        {"app.py": f"import flask, flask_cors as fc\napp = flask.Flask(__name__)\nfc.CORS(app, origins='{A}')"},
        {"app.py": f"from flask.ext.cors import CORS\nfrom flask import Flask\nCORS(Flask('x'), origins='{A}')"},
        {"app.py": HEAD + f"class Mine(Flask):\n    pass\napp = Mine(__name__)\nCORS(app=app, origins='{A}')"},
        {"app.py": HEAD + f"cors = CORS(origins='{A}')\ndef create_app():\n    app = Flask('x')\n    cors.init_app(app)\n    return app"},
        {"app.py": HEAD + f"def make(config):\n    app = Flask('x')\n    setup(app)\n    return app\ndef setup(app):\n    CORS(app, **OPTIONS)\nOPTIONS = dict(origins='{A}')"},
        {"app.py": HEAD + f"app = Flask('x')\nif __name__ == '__main__':\n    app.run()\nelse:\n    CORS(app, origins='{A}')"},
    ],
)  # fmt: skip
def test_imports_and_factories(files: dict[str, str], tmp_path: Path) -> None:
    found = read(tmp_path, files)
    assert (origins(found), codes(found)) == ([A], [])


@pytest.mark.parametrize(
    ("text", "loss"),
    [
        (f"{APP}import db\nif db.dev:\n    CORS(app, origins='{A}')\n", "condition"),
        (f"{APP}if __name__ == '__main__':\n    CORS(app, origins='{A}')\n", "condition"),
        (f"{APP}import db\nCORS(app, origins='{A}', resources=db.resources())\n", "path"),
        (f"{HEAD}def init(app):\n    CORS(app, origins='{A}')\napp = Flask('x')\n", "unregistered"),
        (f"{HEAD}bp = Blueprint('bp', __name__)\n@bp.get('/x')\n@cross_origin('x')\ndef x(): ...\n", "unregistered"),
        (f"{APP}@cross_origin()\ndef x(): ...\n@app.get('/y')\n@cross_origin()\ndef y(): ...\n", "unregistered"),
        (f"{APP}CORS(app, origins='{A}')\nother = Flask('y')\nCORS(other)\nCORS(app, origins='{A}')\n", "several_apps"),
        (f"{APP}import db\nCORS(app, resources={{db.prefix(): {{'origins': '{A}'}}, '/x': {{}}}})\n", "path"),
        (f"{APP}import db\nCORS(app, origins='{A}', resources=[db.one(), '/x'])\n", "path"),
        (f"{APP}import db\nCORS(app, resources={{'/x': db.options()}})\n", "origin_unknown"),
        (f"{APP}import db\nfor name in db.names():\n    CORS(app, origins='{A}')\n", "condition"),
        (f"{APP}from flask_socketio import SocketIO\nCORS(app, origins='{A}')\n", "websocket"),
        (f"{APP}CORS(app, origins='{A}', methods='GET POST')\n", "method"),
        (f"{APP}import db\nCORS(app, origins='{A}', methods=db.methods())\n", "option_unknown"),
        (f"{APP}import db\nCORS(app, origins='{A}', supports_credentials=db.flag)\n", "option_unknown"),
        (f"{APP}import db\nCORS(app, origins='{A}', expose_headers=db.headers())\n", "option_unknown"),
        (f"{APP}import db\nCORS(app, **db.options())\n", "origin_unknown"),
        (f"{APP}CORS(app, origins='{A}')\n@app.after_request\ndef f(r):\n    r.headers['Access-Control-Allow-Origin'] = '*'\n", "by_hand"),
    ],
)  # fmt: skip
def test_losses(text: str, loss: str, tmp_path: Path) -> None:
    found = read(tmp_path, {"app.py": text})
    assert loss in codes(found)
    assert not found.is_whole
    assert f"# {'Not carried over as it was:'}" in found.text


@pytest.mark.parametrize(
    ("options", "attribute", "value", "notes"),
    [
        ("max_age=600", "max_age", 600, []),
        ("max_age='600'", "max_age", 600, []),
        ("max_age=0", "max_age", None, ["value"]),
        ("max_age='0'", "max_age", 0, []),
        ("max_age='soon'", "max_age", None, ["value"]),
        ("max_age=1000000", "max_age", 86400, ["value"]),
        ("expose_headers='X-A, X-B'", "expose_headers", ("X-A", "X-B"), []),
        ("expose_headers=['X-A', 'Set-Cookie']", "expose_headers", ("X-A",), ["no_effect"]),
        ("expose_headers='*'", "expose_headers", ("*",), []),
        ("expose_headers='*', supports_credentials=True", "expose_headers", (), ["no_effect"]),
        ("allow_headers=['X-A', 'x-b']", "allow_headers", ("X-A", "x-b"), []),
        ("allow_headers='*'", "allow_headers", ("*", "Authorization"), []),
        ("methods='get, post, Trace'", "allow_methods", ("GET", "POST"), ["no_effect"]),
        ("supports_credentials='false'", "allow_credentials", True, ["value"]),
        ("allow_private_network=True", "allow_private_network", True, []),
        ("send_wildcard=True", "allow_credentials", False, []),
        ("vary_header=False", "allow_credentials", False, ["always"]),
        ("always_send=False", "allow_credentials", False, ["always"]),
        ("intercept_exceptions=False", "allow_credentials", False, ["always"]),
        ("allow_credentials=True", "allow_credentials", False, ["no_effect"]),
    ],
)
def test_options(options: str, attribute: str, value: object, notes: list[str], tmp_path: Path) -> None:
    found = read(tmp_path, {"app.py": f"{APP}CORS(app, origins='{A}', {options})\n"})
    (rule,) = rules(found)
    assert getattr(rule, attribute) == value
    assert (codes(found), codes(found, losses=False)) == ([], notes)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (
            ("from flask_restful import Api, Resource\napi = Api(app, prefix='/v1', decorators=[cross_origin(origins='{A}')])\n"
            "class R(Resource):\n    def get(self): ...\n    def put(self): ...\napi.add_resource(R, '/r', '/r/<int:id>')\n"),
            {"/v1/r": ("GET", "HEAD", "OPTIONS", "PUT"), "/v1/r/*": ("GET", "HEAD", "OPTIONS", "PUT")},
        ),
        (
            ("from flask_restx import Api, Namespace, Resource\nns = Namespace('cats')\n@ns.route('/<id>')\nclass C(Resource):\n"
            "    @cross_origin(origins='{A}')\n    def get(self, id): ...\napi = Api()\napi.add_namespace(ns, path='/pets')\napi.init_app(app)\n"),
            {"/pets/*": ()},
        ),
        (
            ("from flask.views import MethodView\nclass V(MethodView):\n    def get(self): ...\n"
            "app.add_url_rule('/v', view_func=cross_origin(origins='{A}')(V.as_view('v')))\n"),
            {"/v": ("GET", "HEAD", "OPTIONS")},
        ),
        (
            "def view(): ...\nfor url in ('/a', '/b'):\n    app.add_url_rule(url, url, cross_origin(origins='{A}')(view), methods=['PUT'])\n",
            {"/a": ("OPTIONS", "PUT"), "/b": ("OPTIONS", "PUT")},
        ),
        (
            ("from flask_smorest import Api, Blueprint as B\nbp = B('x', 'x', url_prefix='/x')\n@bp.route('/y')\n@cross_origin('{A}', origins='{A}')\n"
            "def y(): ...\nApi(app).register_blueprint(bp)\n"),
            {"/x/y": ("GET", "HEAD", "OPTIONS")},
        ),
        (
            ("outer = Blueprint('o', __name__, url_prefix='/o')\ninner = Blueprint('i', __name__, url_prefix='/i')\n"
            "@inner.post('/z')\n@cross_origin(origins='{A}')\ndef z(): ...\nouter.register_blueprint(inner, url_prefix='/j')\n"
            "app.register_blueprint(outer)\n"),
            {"/o/j/z": ("POST", "OPTIONS")},
        ),
    ],
    ids=["restful", "restx", "class decorated whole", "add_url_rule", "smorest", "nested"],
)  # fmt: skip
def test_where_views_are(text: str, paths: dict[str, tuple[str, ...]], tmp_path: Path) -> None:
    found = read(tmp_path, {"app.py": APP + text.replace("{A}", A)})
    assert codes(found) == []
    assert {path: set(rule.allow_methods) for rule in rules(found) for path in rule.paths} == {
        path: set(methods) for path, methods in paths.items()
    }
    assert all(rule.origins.exact == (A,) for rule in rules(found))


def test_views_with_the_same_grants_share_a_rule_and_only_they(tmp_path: Path) -> None:
    view = "@app.{1}('/{0}')\n@cross_origin(origins='{A}'{2})\ndef {0}(): ...\n"
    kinds = (
        ("a", "get", ""),
        ("b", "get", ""),
        ("c", "put", ""),
        ("d", "get", ", supports_credentials=True"),
    )
    found = read(tmp_path, {"app.py": APP + "".join(view.format(*kind, A=A) for kind in kinds)})
    assert [rule.paths for rule in rules(found)] == [("/a", "/b"), ("/c",), ("/d",)]


def test_a_route_without_variables_comes_before_one_that_takes_it_too(tmp_path: Path) -> None:
    text = f"{APP}@app.get('/v<n>')\n@cross_origin(origins='{A}')\ndef v(n): ...\n@app.get('/v1')\n@cross_origin(origins='{B}')\ndef one(): ...\n"
    found = read(tmp_path, {"app.py": text})
    assert [(rule.paths, rule.origins.exact) for rule in rules(found)] == [(("/v1",), (B,)), (("/v*",), (A,))]


def test_a_wide_route_joins_no_rule_that_stands_before_a_narrower_one(tmp_path: Path) -> None:
    views = (("/a/b", A), ("/a/<x>", B), ("/<path:x>", A))
    text = "".join(
        f"@app.get('{url}', endpoint='{n}')\n@cross_origin(origins='{origin}')\ndef v{n}(**k): ...\n"
        for n, (url, origin) in enumerate(views)
    )
    found = read(tmp_path, {"app.py": APP + text})
    assert [(rule.paths, rule.origins.exact) for rule in rules(found)] == [
        (("/a/b",), (A,)),
        (("/a/*",), (B,)),
        (("/**",), (A,)),
    ]


def test_a_decorated_method_of_a_class_opens_no_other(tmp_path: Path) -> None:
    text = (
        f"{APP}from flask.views import MethodView\nclass V(MethodView):\n    def get(self): ...\n"
        f"    @cross_origin(origins='{A}')\n    def post(self): ...\napp.add_url_rule('/v', view_func=V.as_view('v'))\n"
    )
    found = read(tmp_path, {"app.py": text})
    assert (origins(found), codes(found)) == ([], ["policies_differ"])


def test_what_is_passed_on_leaves_out_what_has_a_name(tmp_path: Path) -> None:
    text = f"{APP}def set_up(app, origins, **more):\n    CORS(app, **more)\nset_up(app=app, origins='{A}', max_age=7)\n"
    found = read(tmp_path, {"app.py": text})
    assert [(rule.origins.any, rule.max_age) for rule in rules(found)] == [(True, 7)]


def test_cors_on_a_blueprint_that_takes_none_of_its_routes_is_told(tmp_path: Path) -> None:
    text = (
        f"{APP}bp = Blueprint('bp', __name__)\nCORS(bp, resources='/api/*')\n@bp.get('/x')\ndef x(): ...\n"
        f"app.register_blueprint(bp, url_prefix='/web')\nCORS(app, origins='{A}')\n"
    )
    found = read(tmp_path, {"app.py": text})
    assert (origins(found), codes(found), codes(found, losses=False)) == ([A], [], ["no_effect"])


@pytest.mark.parametrize(
    ("rule", "path", "loss", "note"),
    [
        ("/report.<fmt>", "/report*", [], ["path_rewritten"]),
        ("/<name>.<fmt>", "/*", [], ["path_rewritten"]),
        ("/<name>/v1.<fmt>/x", "/*/v1*/x", [], ["path_rewritten"]),
        ("/price$", "/price*", [], ["path_rewritten"]),
        ("/a//b", "/a//b", [], []),
        ("/with space", "/with space", [], []),
        ("/caf\u00e9", "/caf\u00e9", [], []),
        ("/what?", None, ["path"], []),
        ("/50%", None, ["path"], []),
        ("/a/../b", None, ["path"], []),
    ],
)
def test_odd_urls(rule: str, path: str | None, loss: list[str], note: list[str], tmp_path: Path) -> None:
    text = f"{APP}@app.get({rule!r})\n@cross_origin(origins='{A}')\ndef f(**k): ...\n@app.get('/z')\n@cross_origin()\ndef z(): ...\n"
    found = read(tmp_path, {"app.py": text})
    paths = [each for one in rules(found) for each in one.paths]
    assert set(paths) == {"/z", *([path] if path else [])}
    assert (codes(found), codes(found, losses=False)) == (loss, note)


@pytest.mark.parametrize(
    "cors", ["CORS(app, origins=LISTS[name])", "app.config['CORS_ORIGINS'] = LISTS[name]\n    CORS(app)"]
)
def test_an_app_that_is_made_in_several_ways_is_told(cors: str, tmp_path: Path) -> None:
    made = (
        f"{HEAD}LISTS = {{'dev': '*', 'live': '{A}'}}\n"
        f"def create_app(name):\n    app = Flask(__name__)\n    {cors}\n    return app\n"
    )
    files = {
        "web.py": made,
        "manage.py": "from web import create_app\napp = create_app('dev')\n",
        "wsgi.py": "from web import create_app\napp = create_app('live')\n",
    }
    found = read(tmp_path, files)
    assert (origins(found), codes(found)) == ([A], ["several_apps"])
    alone = import_flask(tmp_path / "manage.py", {}, upstream="http://127.0.0.1:5000")
    assert (origins(alone), codes(alone)) == (["*"], [])


def test_ten_thousand_origins_are_carried_over(tmp_path: Path) -> None:
    text = f"{APP}X = [f'https://t{{n}}.example' for n in range(10000)]\nCORS(app, resources={{'/*': {{'origins': X}}}}, supports_credentials=True)\n"
    found = read(tmp_path, {"app.py": text})
    assert (len(origins(found)), codes(found)) == (10000, [])
