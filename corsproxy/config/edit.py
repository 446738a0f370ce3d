"""A rule changed in the text of its file: what to paste where, and the whole text afterwards.

Laws: only the keys that change are touched; comments, order and style stay. One comment goes with its value: that
of an import, which says where the old value was read. A list that is written in the
rule gets one more item; one that came from `defaults:` is written out in the rule. What cannot be edited
safely (anchors, aliases) is Unfit. Whether the text is still a good configuration is tried in `mend`.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

import yaml

from corsproxy.config.scalar import resolve
from corsproxy.cors.rule import Rule

__all__ = ["Edit", "Unfit", "difference", "edited"]

_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Plain in a list between brackets: https://yaml.org/spec/1.2.2/#733-plain-style
_PLAIN = re.compile(r"[A-Za-z0-9/](?:[A-Za-z0-9._/+@~$!*-]|:(?=[A-Za-z0-9/*]))*")
# As `import flask` writes it behind a value: a place in the sources, and what stood there.
_READ_FROM = re.compile(
    r"[ \t]+# (?:no preflight of this view gets through|no CORS on this view|nobody, until you fill it in"
    r"|(?:default of Flask-CORS|(?:\S.*:\d+|environment \w+|\S+) (?:for .+ at .+|CORS_\w+|@?[\w.]+[=\[(].*))"
    r"(?:, as the view has them)?)"
)
_KEYS = ("allow_origins", "allow_methods", "allow_headers", "allow_credentials")


class Unfit(Exception):  # noqa: N818 -- the text is unfit for this; nobody erred
    """The text is written in a way that no edit is tried on; the argument says which."""


@dataclass(frozen=True, slots=True)
class Edit:
    """Replace the lines `removed`, which begin at `line`, with `added`; with none removed, add before `line`."""

    line: int
    removed: tuple[str, ...]
    added: tuple[str, ...]
    text: str  # the whole file afterwards


class _Cut(NamedTuple):
    start: int
    end: int
    text: str
    is_key: bool = False


def edited(text: str, position: int, rule: Rule, keys: tuple[str, ...]) -> Edit:
    """Write `rule` into the text: its `keys` at its position, or all of it as a new last rule. Raises Unfit."""
    rules = _rules(text)
    if position >= len(rules.value):
        cuts = [_appended(text, rules, rule)]
    else:
        node = rules.value[position]
        if not isinstance(node, yaml.MappingNode) or _is_named(text, node):
            raise Unfit("the rule is written by an anchor or alias")
        cuts = [cut for key in keys for cut in _changed(text, node, key, rule)]
    after, newline = text, "\r\n" if "\r\n" in text else "\n"
    # From the last to the first, so that no place moves. Items of a list stand before a key behind it.
    numbered = sorted(enumerate(cuts), key=lambda pair: (pair[1].start, pair[1].is_key, pair[0]))
    for _, cut in reversed(numbered):
        after = after[: cut.start] + cut.text.replace("\n", newline) + after[cut.end :]
    return difference(text, after)


def _rules(text: str) -> yaml.SequenceNode:
    root = yaml.compose(text, Loader=_Loader)
    pairs = root.value if isinstance(root, yaml.MappingNode) else []
    node = next((value for key, value in pairs if key.value == "rules"), None)
    if not isinstance(node, yaml.SequenceNode) or not node.value or _is_named(text, node):
        raise Unfit("rules: is not a list that is written out")
    return node


def _is_named(text: str, node: yaml.Node) -> bool:
    """Tell whether others may share this value: it is anchored, which an aliased one is too."""
    return text.startswith("&", node.start_mark.index)


def _changed(text: str, node: yaml.MappingNode, key: str, rule: Rule) -> list[_Cut]:
    value = next((item for name, item in node.value if name.value == key), None)
    items = _items(rule, key)
    if value is None:
        return [_inserted(text, node, f"{key}: {_flow(items)}")]
    if _is_named(text, value):
        raise Unfit(f"{key} is written by an anchor or alias")
    end = _end(value)
    comment = _Cut(end, _line_end(text, end), "")
    is_read = _READ_FROM.fullmatch(text, comment.start, comment.end)
    if isinstance(value, yaml.SequenceNode) and items is not None:
        added = len(items) - len(value.value)
        if added > 0 and not (key == "allow_origins" and _had_any(value)):
            longer = _longer(text, value, _new_items(rule, key, added))
            return [longer, comment] if is_read and value.flow_style else [longer]
    changed = _Cut(value.start_mark.index, end, _flow(items))
    return [changed, comment] if is_read else [changed]


def _had_any(value: yaml.SequenceNode) -> bool:
    return any(item.value == "*" for item in value.value)


def _new_items(rule: Rule, key: str, added: int) -> list[str]:
    """Exact origins come after the written ones among their like, the rest at the end."""
    whole = list(rule.origins.exact if key == "allow_origins" else getattr(rule, key))
    return [_scalar(item) for item in whole[-added:]]


def _longer(text: str, value: yaml.SequenceNode, items: list[str]) -> _Cut:
    if not value.flow_style:
        end = _line_end(text, _end(value))
        # The dash of the first item: in a block list the node begins with it.
        indent = " " * value.start_mark.column
        return _Cut(end, end, "".join(f"\n{indent}- {item}" for item in items))
    close = value.end_mark.index - 1
    inside = text[value.start_mark.index + 1 : close].rstrip()
    at = value.start_mark.index + 1 + len(inside)
    if not value.value:
        return _Cut(value.start_mark.index, value.end_mark.index, f"[{', '.join(items)}]")
    if _last_line(inside).find("#") >= 0:
        raise Unfit("a comment ends the list")
    before = " " if inside.endswith(",") else ", "
    return _Cut(at, at, before + ", ".join(items))


def _inserted(text: str, node: yaml.MappingNode, line: str) -> _Cut:
    if node.flow_style:
        close = node.end_mark.index - 1
        inside = text[:close].rstrip()
        if _last_line(inside).find(" #") >= 0:
            raise Unfit("a comment ends the rule")
        added = f" {line}," if inside.endswith((",", "{")) else f", {line}"
        return _Cut(len(inside), len(inside), added, is_key=True)
    end = _line_end(text, _end(node))
    return _Cut(end, end, f"\n{' ' * node.value[0][0].start_mark.column}{line}", is_key=True)


def _appended(text: str, rules: yaml.SequenceNode, rule: Rule) -> _Cut:
    lines = [f"path: {_scalar(rule.paths[0])}"]
    lines += [f"host: {_scalar(rule.host)}"] if rule.host else []
    plain = Rule(name="", place="", paths=())
    lines += [
        f"{key}: {_flow(_items(rule, key))}"
        for key in _KEYS
        if key == "allow_origins" or getattr(rule, key) != getattr(plain, key)
    ]
    if rules.flow_style:
        close = rules.end_mark.index - 1
        inside = text[:close].rstrip()
        if _last_line(inside).find(" #") >= 0:
            raise Unfit("a comment ends the list of rules")
        return _Cut(
            len(inside),
            len(inside),
            f"{'' if inside.endswith(',') else ','}\n{' ' * 4}{{{', '.join(lines)}}}",
        )
    indent = " " * rules.start_mark.column
    end = _line_end(text, _end(rules))
    first, *rest = lines
    return _Cut(end, end, "".join([f"\n{indent}- {first}", *(f"\n{indent}  {line}" for line in rest)]))


def _items(rule: Rule, key: str) -> list[str] | None:
    """Write the value of a key as the items of a list; None for true."""
    if key == "allow_credentials":
        return None
    if key != "allow_origins":
        return [_scalar(item) for item in getattr(rule, key)]
    origins = rule.origins
    plain = ["*"] * origins.any + ["null"] * origins.null
    written = [_scalar(item) for item in (*plain, *origins.wildcards)]
    written += [f"{{regex: {_quoted(item)}}}" for item in origins.regexes]
    return written + [_scalar(item) for item in origins.exact]


def _flow(items: list[str] | None) -> str:
    return "true" if items is None else f"[{', '.join(items)}]"


def _scalar(text: str) -> str:
    return text if _PLAIN.fullmatch(text) and resolve(text) == text else _quoted(text)


def _quoted(text: str) -> str:
    return f"'{text.replace(chr(39), chr(39) * 2)}'"


def _end(node: yaml.Node) -> int:
    """Where a value's last character is; a block's own mark is beyond the blanks and comments behind it."""
    if isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _end(last[1] if isinstance(last, tuple) else last)
    index: int = node.end_mark.index
    return index


def _line_end(text: str, index: int) -> int:
    end = text.find("\n", index)
    end = len(text) if end < 0 else end
    return end - 1 if text[index:end].endswith("\r") else end


def _last_line(text: str) -> str:
    return text[text.rfind("\n") + 1 :]


def difference(before: str, after: str) -> Edit:
    """Give the lines between those that are the same at the beginning and those at the end."""
    old, new = before.split("\n"), after.split("\n")
    shortest = min(len(old), len(new))
    head = next((at for at in range(shortest) if old[at] != new[at]), shortest)
    rest = shortest - head
    tail = next((at for at in range(rest) if old[-1 - at] != new[-1 - at]), rest)
    return Edit(head + 1, tuple(old[head : len(old) - tail]), tuple(new[head : len(new) - tail]), after)
