"""The origins of a rule: each entry on its own, then what they may not be together.

Laws: entries are judged once, however many rules share a list by `defaults:`; what depends on the
rest of the rule (credentials, the dangerous keys) is kept as facts and judged for each rule. Nothing
is repaired: the value to write is offered.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from corsproxy.config.findings import Findings
from corsproxy.config.lookalike import Study, is_local, of_regex, of_wildcard
from corsproxy.config.merge import MergedRule
from corsproxy.config.names import warn_repeated
from corsproxy.config.problem import Code, KeyPath
from corsproxy.config.regexes import UnsupportedSyntax
from corsproxy.config.rulekeys import RegexOrigin
from corsproxy.config.suffixes import owner, public_suffix, registry_owner
from corsproxy.cors.pattern import wildcard_faults
from corsproxy.cors.rule import Origins
from corsproxy.cors.spelling import canonical_origin, origin_faults

__all__ = ["OriginList", "judge_origins", "read_origins"]

# What Flask-CORS takes for an origin, beside origins themselves.
_EXPRESSION = re.compile(r"(?:^|[/:])\.[*+]|[\\^$()|]")


@dataclass(slots=True)
class OriginList:
    """One list as far as it could be read, and the facts that a rule is judged by."""

    any_at: KeyPath | None = None
    null_at: KeyPath | None = None
    exact: list[str] = field(default_factory=list)
    wildcards: list[str] = field(default_factory=list)
    regexes: list[str] = field(default_factory=list)
    insecure: list[tuple[KeyPath, str]] = field(default_factory=list)
    below_suffix: list[tuple[KeyPath, str, str]] = field(default_factory=list)
    local_any_port: list[tuple[KeyPath, str]] = field(default_factory=list)
    exact_at: dict[str, KeyPath] = field(default_factory=dict)

    def origins(self) -> Origins:
        """The origins as the policy takes them."""
        return Origins(
            any=self.any_at is not None,
            null=self.null_at is not None,
            exact=tuple(dict.fromkeys(self.exact)),
            wildcards=tuple(dict.fromkeys(self.wildcards)),
            regexes=tuple(dict.fromkeys(self.regexes)),
        )


def read_origins(entries: Sequence[str | RegexOrigin], path: KeyPath, findings: Findings) -> OriginList:
    """Judge every entry of one list."""
    found = OriginList()
    for at, entry in enumerate(entries):
        here = (*path, at)
        if isinstance(entry, RegexOrigin):
            _regex(entry.regex, (*here, "regex"), found, findings)
        elif entry == "*":
            found.any_at = here
        elif entry == "null":
            found.null_at = here
        elif "*" in entry:
            _wildcard(entry, here, found, findings)
        else:
            _exact(entry, here, found, findings)
    if found.any_at is not None and len(entries) > 1:
        findings.refuse(
            found.any_at,
            '"*" stands beside other origins.',
            why="it lets every origin in, so the others say nothing; one of the two is a mistake.",
            fix='keep "*" alone, or remove it',
            code=Code.ORIGIN_ANY,
        )
    warn_repeated([entry if isinstance(entry, str) else entry.regex for entry in entries], path, findings)
    return found


def _exact(text: str, path: KeyPath, found: OriginList, findings: Findings) -> None:
    faults = origin_faults(text)
    if faults:
        _misspelled(text, path, faults, canonical_origin(text), findings)
        return
    found.exact.append(text)
    found.exact_at.setdefault(text, path)
    if text.startswith("http://") and not is_local(_host(text)):
        found.insecure.append((path, text))


def _wildcard(text: str, path: KeyPath, found: OriginList, findings: Findings) -> None:
    faults = wildcard_faults(text)
    if faults:
        _misspelled(text, path, faults, canonical_origin(text, wildcards=True), findings)
        return
    found.wildcards.append(text)
    host = _host(text)
    if text.startswith("http://") and not is_local(host):
        found.insecure.append((path, text))
    if text.endswith(":*") and is_local(host):
        found.local_any_port.append((path, text))
    base = host.removeprefix("*.")
    if host != base and base == public_suffix(base):
        found.below_suffix.append((path, text, base))
    elif "*" in owner(base):
        # Only there can the pattern reach a domain of somebody else's.
        _study(text, path, of_wildcard(text), found, findings)
        suffix = public_suffix(base) or ""
        if base.partition(".")[0].endswith("*") and registry_owner(base) != owner(base):
            findings.warn(
                path,
                f"{text} lets in whoever registers a name on {suffix} that begins alike.",
                fix=f"end the label in something that is yours, as in https://app-*-team.{suffix}",
                code=Code.ORIGIN_SHARED_SUFFIX,
            )


def _regex(pattern: str, path: KeyPath, found: OriginList, findings: Findings) -> None:
    try:
        study = of_regex(pattern)
    except UnsupportedSyntax as fault:
        what = f"This has {fault}, which is not supported yet in a regular expression for origins."
        why = "what cannot be taken apart cannot be tried for look-alikes."
        fix = r"use literals, \., sets, groups, | and * + ? {n,m}"
        findings.refuse(path, what, why=why, fix=fix, code=Code.REGEX)
    except ValueError as fault:
        said = re.sub(r"b'(.*)'$", r"\1", str(fault)).replace(f"(?:{pattern})", pattern)
        findings.refuse(path, f"This is {said}.", fix="mend the expression (RE2 syntax)", code=Code.REGEX)
    else:
        if not study.matches:
            what = "This expression matches no origin that a browser sends."
            fix = r"match the whole origin, in lower case: https://pr-[0-9]+\.example\.com"
            findings.refuse(path, what, fix=fix, code=Code.REGEX)
            return
        found.regexes.append(pattern)
        if study.insecure:
            found.insecure.append((path, study.insecure))
        _study(pattern, path, study, found, findings)


def _study(text: str, path: KeyPath, study: Study, found: OriginList, findings: Findings) -> None:
    look_alike = study.look_alike
    if look_alike is None:
        return
    if look_alike.suffix:
        found.below_suffix.append((path, text, look_alike.suffix))
        return
    findings.refuse(
        path,
        f"{text} lets in {look_alike.shown} as well as {look_alike.meant}.",
        why="the two can belong to different people; whoever registers that name gets in.",
        fix=r"spell the domain out (in a regex: \. for a dot), and leave open only what is in front of it",
        code=Code.ORIGIN_LOOK_ALIKE,
    )


def _misspelled(
    text: str, path: KeyPath, faults: tuple[str, ...], meant: str | None, findings: Findings
) -> None:
    if _EXPRESSION.search(text):
        faults, meant = (
            ("is no regular expression, unless it stands under regex:",),
            _without_expression(text),
        )
    several = re.split(r"[,\s]+", text.strip(" ,"))
    if len(several) > 1:
        fix = f"write each as an entry of its own: {', '.join(several)}"
    else:
        fix = f"write {meant}" if meant and meant != text else "write it as https://app.example.com"
    findings.refuse(
        path,
        f'"{text}" can never match: an origin {"; it ".join(faults)}.',
        why="browsers send scheme://host[:port] in one exact form, and it is compared byte for byte.",
        fix=fix,
        code=Code.ORIGIN_FORM,
    )


def _without_expression(text: str) -> str:
    """Guess what an expression, as Flask-CORS takes it, comes to here."""
    meant = re.sub(
        r"\.[*+]", "*", text.removeprefix("^").removesuffix("$").replace("\\.", ".").replace("\\/", "/")
    )
    if meant == "*":
        return '"*" for every origin'
    judged = wildcard_faults(meant) if "*" in meant else origin_faults(meant)
    return meant if not judged else "{regex: '…'}, or a wildcard as in https://*.example.com"


def _host(text: str) -> str:
    authority = text.partition("://")[2]
    host, _, port = authority.rpartition(":")
    return host if host and "]" not in port else authority


# -- what a rule may not do with its list


def judge_origins(found: OriginList, rule: MergedRule, findings: Findings) -> None:
    """Judge a list in the light of the rule's credentials and dangerous keys."""
    credentials = bool(rule.value("allow_credentials"))
    if credentials and found.any_at is not None:
        path = rule.path("allow_credentials")
        is_inherited = path[0] == "defaults" and found.any_at[0] == "rules"
        findings.refuse(
            found.any_at if is_inherited else path,
            '"*" cannot stand beside allow_credentials: true of defaults.'
            if is_inherited
            else 'true cannot stand beside allow_origins: ["*"].',
            why="any site could then read answers made with the visitor's cookies.",
            fix="list the origins you trust, or remove allow_credentials",
            code=Code.ORIGIN_ANY,
        )
    for path, text in found.local_any_port if credentials else ():
        findings.warn(
            path,
            f"{text} may use credentials, whatever the port.",
            why="every program that serves pages on a visitor's machine can then read with the visitor's cookies.",
            fix="name the ports, or leave it out of what is deployed",
            code=Code.ORIGIN_LOCAL_ANY_PORT,
        )
    if found.null_at is not None:
        _judge_null(found.null_at, rule, findings, credentials=credentials)
    if credentials and not rule.value("dangerously_allow_insecure_origins"):
        for path, text in found.insecure:
            findings.refuse(
                path,
                f"{text} has no TLS, and the rule allows credentials.",
                why="whoever is on the visitor's network can act as that page and read with the visitor's cookies.",
                fix=f"write https://{text.removeprefix('http://')}, or dangerously_allow_insecure_origins: true",
                code=Code.ORIGIN_INSECURE,
            )
    if not rule.value("dangerously_allow_public_suffix"):
        for path, text, suffix in found.below_suffix:
            findings.refuse(
                path,
                f"{text} lets in every site below {suffix}, a public suffix.",
                why=f"anyone can register a name below {suffix}, and would be let in.",
                fix=f"write https://*.yours.{suffix} or the exact origins, or dangerously_allow_public_suffix: true",
                code=Code.ORIGIN_PUBLIC_SUFFIX,
            )


def _judge_null(path: KeyPath, rule: MergedRule, findings: Findings, *, credentials: bool) -> None:
    if credentials:
        findings.refuse(
            path,
            '"null" cannot stand beside allow_credentials: true.',
            why='any site can make a sandboxed frame whose origin is "null", and would read with the visitor\'s cookies.',
            fix='remove "null", or allow_credentials',
            code=Code.ORIGIN_NULL,
        )
    elif not rule.value("dangerously_allow_null_origin"):
        findings.refuse(
            path,
            '"null" lets in nearly everybody.',
            why='any site can make a sandboxed frame whose origin is "null"; it names nobody.',
            fix='remove "null", or write dangerously_allow_null_origin: true',
            code=Code.ORIGIN_NULL,
        )
