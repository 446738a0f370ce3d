"""From plain values to the models, or to everything that is wrong with their shape.

Laws: the models' complaints never reach people in the models' words; a value that cannot be read is
left out, so that the rest is still checked and all problems are told at once. What was left out is
remembered in the document, so that later places still fit the file.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from corsproxy.config.document import Document
from corsproxy.config.filekeys import FileKeys
from corsproxy.config.findings import Findings
from corsproxy.config.foreign import hint, section_of
from corsproxy.config.problem import Code, KeyPath
from corsproxy.cors.spelling import canonical_origin

__all__ = ["read_shapes", "show"]

_ROUNDS = 8
# For required keys that could not be read, so that the rest can be checked; nothing is served with them.
_STAND_INS: Mapping[str, object] = {
    "upstream": "http://127.0.0.1:80",
    "rules": [{"path": "/**", "allow_origins": []}],
}
# What is switched off by a key of its own.
_OFF: Mapping[KeyPath, str] = {("admin",): "write admin: {listen: off}", ("log",): "write log: {access: off}"}


def read_shapes(document: Document, findings: Findings) -> FileKeys | None:
    """Read the document into the models; None where too little of it could be read to go on."""
    values = document.values
    if not isinstance(values, dict):
        what = f"The file holds {show(values)}, not a mapping of keys."
        findings.refuse((), what, fix="begin with upstream: and rules:", code=Code.WRONG_TYPE)
        return None
    told = _odd_scalars(document, findings)
    document.unread |= told
    values = _without(values, told, document)
    for attempt in range(_ROUNDS):
        try:
            return FileKeys.model_validate(values)
        except ValidationError as fault:
            broken: set[KeyPath] = set()
            for error in fault.errors(include_url=False):
                path = _path(error["loc"], values)
                original = document.original(path)
                if attempt == 0 and original not in told and not _is_emptied(error, original, document):
                    is_any = original[-1:] == ("allow_origins",) and error["input"] == "*"
                    if is_any and _allow_credentials(document.values, original):
                        _tell_of_any(path, findings)
                    else:
                        _tell(error, path, findings)
                document.unread.add(original)
                broken.add(path[:-1] if error["type"] == "missing" and len(path) > 1 else path)
            values = {**_STAND_INS, **_without(values, broken, document)}
    return None


def _is_emptied(error: ErrorDetails, path: KeyPath, document: Document) -> bool:
    """Tell whether a list is only empty because none of its items could be read."""
    return error["type"] == "too_short" and path in document.kept


def _odd_scalars(document: Document, findings: Findings) -> set[KeyPath]:
    """Refuse YAML's guesses and values left out; return the paths that have been told about."""
    for path, guess in document.guesses.items():
        fix = f'if text is meant, quote it: "{guess.text}"'
        if "boolean" in guess.meaning:
            word = "true" if "true" in guess.meaning else "false"
            off = _OFF.get(path) if word == "false" else None
            fix = off or f'write {word}, or "{guess.text}" if text is meant'
        elif "number" in guess.meaning:
            fix = f'write a plain decimal number, or "{guess.text}" if text is meant'
        findings.refuse(
            path,
            f"{guess.text} means different things to different YAML readers: text, or {guess.meaning}.",
            fix=fix,
            code=Code.YAML_GUESS,
        )
    for path in document.empty:
        fix = "give it a value, or remove the key"
        if isinstance(path[-1], int):
            fix = (
                'write the value; the origin of sandboxed pages is "null", in quotes'
                if "allow_origins" in path
                else "write the item, or remove it"
            )
        findings.refuse(path, "There is no value here.", fix=fix, code=Code.EMPTY_VALUE)
    return {*document.guesses, *document.empty, *document.unresolved}


def _path(location: tuple[int | str, ...], values: object) -> KeyPath:
    """Keep of a location what is in the file: the models add the names of alternatives."""
    path: KeyPath = ()
    for at, key in enumerate(location):
        if isinstance(values, dict) and isinstance(key, str):
            if key in values:
                values, path = values[key], (*path, key)
            elif at == len(location) - 1 and key != "[key]":
                path = (*path, key)
        elif isinstance(values, list) and isinstance(key, int) and key < len(values):
            values, path = values[key], (*path, key)
    return path


def _without(values: Any, broken: set[KeyPath], document: Document, here: KeyPath = ()) -> Any:
    """Copy the values without the broken ones; _GONE for a value that is broken itself."""
    if here in broken:
        return _GONE
    touched = {path[len(here)] for path in broken if path[: len(here)] == here and len(path) > len(here)}
    if not touched:
        return values
    below = {path for path in broken if path[: len(here)] == here}
    if isinstance(values, dict):
        copied = {
            key: _without(value, below, document, (*here, key)) if key in touched else value
            for key, value in values.items()
        }
        return {key: value for key, value in copied.items() if value is not _GONE}
    items = [
        _without(value, below, document, (*here, at)) if at in touched else value
        for at, value in enumerate(values)
    ]
    place = document.original(here)
    before = document.kept.get(place, list(range(len(items))))
    kept = [at for at, value in zip(before, items, strict=True) if value is not _GONE]
    document.kept[place] = kept
    return [value for value in items if value is not _GONE]


_GONE = object()


# -- the models' complaints in our words


class _Words(NamedTuple):
    what: str
    fix: str
    code: Code = Code.WRONG_TYPE
    why: str = ""


def show(value: object) -> str:
    """Show a value as it looks in YAML, shortened; containers by their kind."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, dict)):
        return "a list" if isinstance(value, list) else "a mapping"
    if value is None:
        return "nothing"
    text = f'"{value}"' if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else f"{text[:60]}…{text[-15:]}"


def _boolean(value: object, _: Mapping[str, Any]) -> _Words:
    if isinstance(value, str) and value.lower() in {"true", "false"}:
        return _Words(
            f"{show(value)} is text; this is true or false.", f"write {value.lower()}, without quotes"
        )
    return _Words(f"{show(value)} is neither true nor false.", "write true or false")


def _integer(value: object, _: Mapping[str, Any]) -> _Words:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return _Words(f"{show(value)} is text; this is a number.", f"write {value}, without quotes")
    return _Words(f"{show(value)} is not a whole number.", "write a whole number")


def _text(value: object, _: Mapping[str, Any]) -> _Words:
    if isinstance(value, list):
        return _Words("This is a list where one value is due.", "write one value")
    if isinstance(value, dict):
        return _Words("This is a mapping where text is due.", "write text")
    return _Words(f"{show(value)} is not text.", f'quote it: "{show(value)}"')


def _list(value: object, context: Mapping[str, Any]) -> _Words:
    if isinstance(value, str):
        meant = (_meant(context["name"], item.strip()) for item in value.split(",") if item.strip())
        items = ", ".join(map(_quoted, meant))
        return _Words(f"{show(value)} is one value; this is a list.", f"write [{items}]")
    fix = 'begin each item with "- "' if isinstance(value, dict) else "write a list: [...]"
    return _Words(f"{show(value)} stands where a list is due.", fix)


def _meant(name: object, item: str) -> str:
    """Write an item as it would be taken, so that the list is not refused for it next."""
    if name in {"allow_origins", "public_origins"} and item not in {"*", "null"}:
        return canonical_origin(item, wildcards=True) or item
    return item.upper() if name == "allow_methods" else item


def _quoted(item: str) -> str:
    return f'"{item}"' if item[:1] in {"*", "&", "@", "%", "`"} or item in {"null", "true", "false"} else item


def _mapping(value: object, _: Mapping[str, Any]) -> _Words:
    return _Words(f"{show(value)} stands where a mapping of keys is due.", "")


# What stands beside the one word of a choice that has other forms.
_BESIDE = {"auto": "auto or a number", "allowed": "allowed, or {denied: origin_not_allowed}"}


def _choice(value: object, context: Mapping[str, Any]) -> _Words:
    expected = str(context["expected"]).replace("'", "")
    fix = f"write {_BESIDE.get(expected, expected)}"
    if isinstance(value, str) and value.lower() in expected.replace(",", " ").split():
        fix = f"write {value.lower()}, without quotes"
    elif isinstance(value, str) and value.isascii() and value.isdigit():
        fix = f"write {value}, without quotes"
    return _Words(f"{show(value)} is not one of the values this can have.", fix, Code.WRONG_VALUE)


def _too_small(value: object, context: Mapping[str, Any]) -> _Words:
    least = context["ge"]
    return _Words(f"{show(value)} is less than {least}.", f"write {least} or more", Code.WRONG_VALUE)


def _too_large(value: object, context: Mapping[str, Any]) -> _Words:
    most = context["le"]
    return _Words(f"{show(value)} is more than {most}.", f"write {most} or less", Code.WRONG_VALUE)


def _empty(_: object, __: Mapping[str, Any]) -> _Words:
    return _Words("This is empty.", "give it a value, or remove the key", Code.EMPTY_VALUE)


def _empty_list(_: object, __: Mapping[str, Any]) -> _Words:
    return _Words("This list is empty.", "write at least one item", Code.EMPTY_VALUE)


def _name(value: object, _: Mapping[str, Any]) -> _Words:
    return _Words(
        f"{show(value)} cannot be a rule's name.",
        "use letters, digits, dots, hyphens and underscores, at most 64, a letter or digit first",
        Code.WRONG_VALUE,
    )


def _own(_: object, context: Mapping[str, Any]) -> _Words:
    return _Words(context["what"], context["fix"], Code.WRONG_VALUE, context.get("why", ""))


def _neither(wanted: str) -> Callable[[object, Mapping[str, Any]], _Words]:
    def words(value: object, _: Mapping[str, Any]) -> _Words:
        return _Words(f"{show(value)} stands where {wanted} is due.", "")

    return words


def _other(value: object, context: Mapping[str, Any]) -> _Words:
    """Pass on what a newer pydantic may come to say."""
    return _Words(f"{show(value)} does not fit: {context['msg']}.", "")


_WORDS: Mapping[str, Callable[[object, Mapping[str, Any]], _Words]] = {
    "bool_type": _boolean,
    "int_type": _integer,
    "int_from_float": _integer,
    "string_type": _text,
    "list_type": _list,
    "dict_type": _mapping,
    "model_type": _mapping,
    "literal_error": _choice,
    "greater_than_equal": _too_small,
    "less_than_equal": _too_large,
    "string_too_short": _empty,
    "too_short": _empty_list,
    "string_pattern_mismatch": _name,
    "duration": _own,
    "size": _own,
    "max_age": _own,
    "neither_text_nor_list": _neither("text or a list"),
    "neither_text_nor_mapping": _neither("text or a mapping"),
    "neither_text_nor_number": _neither("auto or a number"),
}


def _tell(error: ErrorDetails, path: KeyPath, findings: Findings) -> None:
    kind, name = error["type"], path[-1] if path else ""
    if kind == "missing":
        findings.refuse(
            path, f"{name} is missing.", fix=f"write {name}: {_example(path)}", code=Code.MISSING_KEY
        )
    elif kind == "extra_forbidden":
        what, fix = hint(path[:-1], str(name))
        findings.refuse(path, f"There is no key {name} here. {what}".rstrip(), fix=fix, code=Code.UNKNOWN_KEY)
    else:
        words = _WORDS.get(kind, _other)(
            error["input"], {"msg": error["msg"], "name": name, **error.get("ctx", {})}
        )
        off = _OFF.get(path) if error["input"] in (False, "off") else None
        fix = off or words.fix or f"write it as in {_example(path)}"
        findings.refuse(path, words.what, why=words.why, fix=fix, code=words.code)


def _allow_credentials(values: Any, path: KeyPath) -> bool:
    """Tell whether credentials are to go with the origins at a path, as far as the plain values show."""
    defaults, rules = values.get("defaults"), values.get("rules")
    shared = defaults.get("allow_credentials") if isinstance(defaults, dict) else None
    near = [rules[int(path[1])]] if path[0] == "rules" else rules if isinstance(rules, list) else []
    written = [rule.get("allow_credentials", shared) for rule in near if isinstance(rule, dict)]
    return any(str(value).lower() in {"true", "yes", "on"} for value in written)


def _tell_of_any(path: KeyPath, findings: Findings) -> None:
    """Tell at once what a list would be refused for as soon as it is one."""
    findings.refuse(
        path,
        '"*" is one value where a list is due, and it cannot stand beside allow_credentials: true.',
        why="any site could then read answers made with the visitor's cookies.",
        fix='list the origins you trust, as in [https://app.example.com]; or write ["*"] and remove allow_credentials',
        code=Code.ORIGIN_ANY,
    )


def _example(path: KeyPath) -> str:
    """Write the documented example of a key, or of an item of its list, as YAML."""
    keys = [at for at, key in enumerate(path) if isinstance(key, str)]
    section = section_of(path[: keys[-1]]) if keys else None
    field = section.model_fields.get(str(path[keys[-1]])) if section else None
    if field is None or not field.examples:
        return "key: value"
    example = field.examples[0]
    is_item = isinstance(path[-1], int) and isinstance(example, list)
    return _yaml(example[0] if is_item else example)


def _yaml(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_yaml, value)) + "]"
    return _quoted(value) if isinstance(value, str) else show(value)
