"""The README's tables, made from what the program itself goes by."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pkgutil import walk_packages

import click

import stream_app
from stream_app import errors
from stream_app.cli import ltv
from stream_app.cli.group import INTERRUPTED
from stream_app.metrics import TABLE
from stream_app.settings import Settings, declarations, load
from stream_app.stores.topic_plan import plans
from stream_app.wire.refusal import Reason
from stream_app.wire.score_fields import FIELDS
from tests.docs import faults, figures, models
from tests.docs.page import ROOT

SCHEMAS = ROOT / "schemas"
EVENTS = ("purchase", "refund", "cancellation", "signup", "activity")


def all_tables() -> dict[str, str]:
    """Every table by the name that its mark in the page has."""
    return {
        "commands": commands(),
        "settings": settings(),
        "fields": fields(),
        "metrics": metrics(),
        "exit codes": exit_codes(),
        "refusals": refusals(),
        "event fields": event_fields(),
        "topics": topics(),
        "schemas": schemas(),
        "figures": figures.table(),
        "faults": faults.table(),
        "fits": models.fits(),
        "hold out": models.hold_out(),
        "means": models.means(),
    }


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; a bar within a cell is escaped."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip()


def leaves(command: click.Command, name: str = "ltv") -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with all its words."""
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield name, command
    if not isinstance(command, click.Group):
        return
    for word, member in command.commands.items():
        yield from leaves(member, f"{name} {word}")


def commands() -> str:
    """Commands, what they do, and the options that are no settings."""
    variables = {one.variable for one in declarations(Settings)}
    rows = []
    for name, command in leaves(ltv):
        arguments = [
            parameter.make_metavar(click.Context(command))
            for parameter in command.params
            if isinstance(parameter, click.Argument)
        ]
        options = [
            f"`{parameter.opts[-1]}`"
            for parameter in command.params
            if isinstance(parameter, click.Option) and parameter.name not in variables
        ]
        does = " ".join((command.help or "").split("\n\n")[0].split())
        rows.append((f"`{' '.join([name, *arguments])}`", does, " ".join(options)))
    return markdown(("command", "does", "its own options"), rows)


def settings() -> str:
    """Settings by group."""
    parts: list[str] = []
    group = ""
    rows: list[tuple[str, str, str]] = []
    for one in declarations(Settings):
        if one.group != group and rows:
            parts.append(_settings_of(group, rows))
            rows = []
        group = one.group
        default = "/".join(map(str, one.default)) if isinstance(one.default, tuple) else one.default
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        unit = f" {one.unit}" if one.unit else ""
        file = f", or from the file `{one.file_variable}` names" if one.file_variable else ""
        words = f"{one.meaning}{file} ({one.kind.takes})"
        rows.append((f"`{one.variable}`", f"`{shown}`{unit}" if shown else "", words))
    return "\n\n".join([*parts, _settings_of(group, rows)])


def _settings_of(group: str, rows: Sequence[Sequence[str]]) -> str:
    return f"**{group}**\n\n" + markdown(("variable", "default", "meaning (what it takes)"), rows)


def fields() -> str:
    """Fields of a customer's hash."""
    rows = []
    for one in FIELDS:
        meaning = one.meaning + (f": {', '.join(one.choices)}" if one.choices else "")
        rows.append((f"`{one.name}`", one.kind, meaning, one.absent or "never"))
    return markdown(("field", "kind", "meaning", "absent"), rows)


def metrics() -> str:
    """Metrics."""
    rows = [(f"`{one.name}`", one.kind, ", ".join(one.labels), one.unit, one.help) for one in TABLE]
    return markdown(("metric", "type", "labels", "unit", "meaning"), rows)


def error_types() -> list[type[errors.LtvError]]:
    """Every type of error, parents first; those of other modules exist once these are imported."""
    for module in walk_packages(stream_app.__path__, "stream_app."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    found: list[type[errors.LtvError]] = []
    waiting = [errors.LtvError]
    while waiting:
        one = waiting.pop(0)
        found.append(one)
        waiting += one.__subclasses__()
    return [one for one in found if one is not errors.LtvError]


def exit_codes() -> str:
    """Exit codes, and the errors behind them with what their docstrings say."""
    meaning = {
        0: "fine",
        1: "a fault, or a difference found: restart a worker",
        2: "wrong usage: the command line makes no sense",
        78: "wrong configuration, or a source that is not the one the state came from:"
        " do not restart, somebody has to change something first",
        INTERRUPTED: "interrupted (Ctrl-C) before a command was done",
    }
    rows = []
    for code, words in meaning.items():
        causes = [f"`{one.__name__}`: {_said(one)}" for one in error_types()
                  if one.exit_code == code]  # fmt: skip
        rows.append((f"`{code}`", words, "<br>".join(causes)))
    return markdown(("exit code", "means", "raised as"), rows)


def _said(one: type) -> str:
    return " ".join((one.__doc__ or "").split())


def refusals() -> str:
    """Reasons in their order, with when and how many examples."""
    when = dict(_two_columns((SCHEMAS / "README.md").read_text(encoding="utf-8")))
    rows = []
    for reason in Reason:
        folder = SCHEMAS / "examples" / "refused" / reason
        count = len(list(folder.glob("*.json")))
        link = f"[{count} examples](schemas/examples/refused/{reason}/)"
        rows.append((f"`{reason}`", when[reason], link))
    return markdown(("reason", "when", "examples"), rows)


def _two_columns(page: str) -> list[tuple[str, str]]:
    return re.findall(r"^\| `([a-z_]+)` \| ([^|]+?) \|$", page, re.MULTILINE)


def event_fields() -> str:
    """Fields of the input records: in which events, required or not, and the rule."""
    common = json.loads((SCHEMAS / "common.schema.json").read_text())["$defs"]
    where: dict[str, list[str]] = {}
    words: dict[str, str] = {}
    for event in EVENTS:
        schema = json.loads((SCHEMAS / f"{event}.schema.json").read_text())
        for name, rule in schema["properties"].items():
            needed = name in schema["required"]
            where.setdefault(name, []).append(event if needed else f"({event})")
            shared = common.get(rule.get("$ref", "").rpartition("/")[2], {})
            told = " ".join(filter(None, (rule.get("description"), shared.get("description"))))
            words[name] = max(words.get(name, ""), told, key=len)
    rows = [(f"`{name}`", _everywhere(where[name]), words[name]) for name in where]
    return markdown(("field", "in (optional in)", "rule"), rows)


def _everywhere(events: Sequence[str]) -> str:
    if len(events) == len(EVENTS):
        return "(all)" if events[0].startswith("(") else "all"
    return ", ".join(events)


def topics() -> str:
    """Topics with the settings that `ltv topics` makes them with."""
    variables = {one.default: one.variable for one in declarations(Settings)}
    rows = []
    for plan in plans(load({})).values():
        variable = variables.get(plan.name, "LTV_APP_ID")
        configs = ", ".join(f"{name}={value}" for name, value in plan.configs.items())
        rows.append((f"`{plan.name}`", f"`{variable}`", str(plan.partitions), configs))
    return markdown(("topic", "named by", "partitions", "made with"), rows)


def schemas() -> str:
    """Files of schemas/, with what each says it is."""
    rows = []
    for path in sorted(SCHEMAS.glob("*.*")):
        if path.suffix == ".json":
            title = json.loads(path.read_text())
            words = title.get("title") or title.get("info", {}).get("title", "")
        else:
            words = path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")
        rows.append((f"[{path.name}](schemas/{path.name})", words))
    return markdown(("file", "describes"), rows)
