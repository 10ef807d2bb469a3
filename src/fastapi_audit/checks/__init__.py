"""The rules: one package for each item of the checklist, one module for each rule."""

from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules

from fastapi_audit.checklist import BY_PACKAGE, ITEMS
from fastapi_audit.errors import UsageError
from fastapi_audit.installed import rule_packages
from fastapi_audit.rule import Rule

MESSAGE = 200
"""Characters of a foreign exception that are told."""

_REMEDY = "repair or uninstall the package"


def load() -> tuple[Rule, ...]:
    """Every rule, in the order of the checklist, then by name; `UsageError` where an installed one cannot be used."""
    rules = [*_rules(__name__), *(rule for package in rule_packages() for rule in _further(package))]
    seen: dict[str, Rule] = {}
    for rule in rules:
        first = seen.setdefault(rule.name, rule)
        if first is not rule:
            message = f"two rules are called `{rule.name}`: {first.module} and {rule.module}; {_REMEDY}"
            raise UsageError(message)
    return tuple(sorted(rules, key=lambda rule: (rule.item, rule.name)))


def chosen(rules: Sequence[Rule], names: Iterable[str]) -> frozenset[str]:
    """The names of the rules that these rule names, item names and item numbers stand for."""
    return frozenset(rule for name in names for rule in _meant(rules, name))


def named(rules: Sequence[Rule], name: str) -> Rule:
    """The rule of this name; `UsageError` suggests the nearest one."""
    for rule in rules:
        if rule.name == name:
            return rule
    raise UsageError(_unknown("rule", name, [rule.name for rule in rules]))


def _rules(package: str) -> Iterator[Rule]:
    for item in iter_modules(import_module(package).__path__):
        if item.name not in BY_PACKAGE:
            continue
        home = f"{package}.{item.name}"
        for module in iter_modules(import_module(home).__path__):
            rule = getattr(import_module(f"{home}.{module.name}"), "rule", None)
            if not isinstance(rule, Rule):
                message = f"{home}.{module.name}: a module of rules defines `rule`, a fastapi_audit.rule.Rule"
                raise UsageError(message)
            yield rule


def _further(package: str) -> list[Rule]:
    """The rules of an installed package; whatever it raises while it is imported is one line."""
    try:
        rules = list(_rules(package))
    except UsageError:
        raise
    # Foreign code runs here: its syntax error or wrong call must not look like a bug of ours.
    except Exception as error:
        what = " ".join(f"{type(error).__name__}: {error}".split())[:MESSAGE]
        message = f"the rules of {package} cannot be loaded: {what}; {_REMEDY}"
        raise UsageError(message) from error
    if not rules:
        message = (
            f"{package} has no rules: it needs packages named like items, such as `{package}.websockets`; {_REMEDY}"
        )
        raise UsageError(message)
    return rules


def _meant(rules: Sequence[Rule], name: str) -> list[str]:
    meant = [rule.name for rule in rules if name in (rule.name, BY_PACKAGE[rule.package].name, str(rule.item))]
    if not meant and not any(name in (item.name, str(item.number)) for item in ITEMS):
        known = [rule.name for rule in rules] + [item.name for item in ITEMS]
        raise UsageError(_unknown("rule or item", name, known))
    return meant


def _unknown(kind: str, name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name.lower().replace("_", "-"), known, 1)
    hint = f"did you mean `{near[0]}`?" if near else "`fastapi-audit rules` lists them"
    return f"no {kind} named `{name}`; {hint}"
