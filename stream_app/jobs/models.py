"""`ltv models`: what the models topic has, and which of them workers use.

The last champion that can be used is in use, so a model is promoted by appending it once more, as
champion, and rolled back by promoting the champion before it. Challengers are appended likewise.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any

import click
import orjson

from stream_app.core.models import assignment
from stream_app.core.models.parameters import LATEST
from stream_app.errors import NotFound, UsageError
from stream_app.jobs import model_grades
from stream_app.jobs.model_grades import Graded
from stream_app.jobs.models_topic import StoredModel, append_entries, challenge, read_models
from stream_app.settings import Settings
from stream_app.wire.models import with_role

NAMED = 10
"""Models that an error names at most."""


def run_list(settings: Settings, *, as_json: bool) -> int:
    """Print every model, the newest record last, and how the live ones have done."""
    models = asyncio.run(read_models(settings))
    grades = model_grades.read_grades(settings)
    if as_json:
        _print_json(settings, models, grades)
        return 0
    in_use, challenger = _in_use(models)
    for model in models:
        click.echo(_line(model, "*" if model is in_use else "+" if model is challenger else " "))
        for line in model_grades.lines(grades, model.parameters):
            click.echo(line)
    if in_use is None:
        click.echo(
            f"No {'model' if challenger is None else 'champion'} that can be used: scores are by"
            " formula. `ltv fit` makes one.",
            err=True,
        )
    if settings.model_file:
        click.echo("LTV_MODEL_FILE is set: a worker so set does not look here.", err=True)
    return 0


def run_promote(settings: Settings, model_id: str, *, as_json: bool) -> int:
    """Make a model the last champion."""
    models = asyncio.run(read_models(settings))
    return _promote(settings, models, chosen(models, model_id), as_json=as_json)


def run_roll_back(settings: Settings, *, as_json: bool) -> int:
    """Make the champion before the one in use the last one."""
    models = asyncio.run(read_models(settings))
    return _promote(settings, models, before(models), as_json=as_json)


def run_challenge(settings: Settings, model_id: str, *, as_json: bool) -> int:
    """Make a model the challenger."""
    models = asyncio.run(read_models(settings))
    model = chosen(models, model_id)
    champion, challenger = _in_use(models)
    if model is champion:
        raise UsageError(
            f"Model {model_id!r} is in use and can't challenge itself: promote another one first."
        )
    if model is not challenger:
        asyncio.run(append_entries(settings, challenge(model.key, model.value, models)))
    words = f"{model.id} is the challenger; workers take it up within seconds."
    return _tell(settings, words, as_json=as_json)


def run_withdraw(settings: Settings, model_id: str, *, yes: bool, as_json: bool) -> int:
    """Take a model out of the topic, after asking."""
    models = asyncio.run(read_models(settings))
    model = found(models, model_id)
    after = _after(models, model)
    if not yes:
        _ask(f"Withdraw model {model_id!r}? {after}")
    asyncio.run(append_entries(settings, [(model.key, None)]))
    return _tell(settings, f"Model {model_id!r} is withdrawn. {after}", as_json=as_json)


def found(models: list[StoredModel], model_id: str) -> StoredModel:
    """The model of an id; NotFound where there is none."""
    for model in models:
        if model.id == model_id:
            return model
    known = ", ".join(model.id for model in models[-NAMED:]) or "none"
    if len(models) > NAMED:
        known = f"{known} and {len(models) - NAMED} older ones"
    raise NotFound(f"There is no model {model_id!r}; there are: {known}.")


def chosen(models: list[StoredModel], model_id: str) -> StoredModel:
    """The model of an id; NotFound where there is none, UsageError where it can't be used."""
    model = found(models, model_id)
    if model.problem is not None:
        raise UsageError(f"Model {model_id!r} can't be used: {model.problem}.")
    return model


def before(models: list[StoredModel]) -> StoredModel:
    """The usable champion before the one in use; NotFound where there is none."""
    champions = [model for model in models if model.role == "champion"]
    if len(champions) < 2:
        raise NotFound("There is no model before the one in use to go back to.")
    return champions[-2]


def _after(models: list[StoredModel], model: StoredModel) -> str:
    """What is in use once a model is withdrawn; UsageError where that would be nothing."""
    champion, challenger = _in_use(models)
    if model not in (champion, challenger):
        return "It is not in use."
    next_champion, next_challenger = _in_use([each for each in models if each is not model])
    if model is challenger:
        return f"{next_challenger.id if next_challenger else 'Nobody'} challenges then."
    if next_champion is None:
        raise UsageError(
            f"Model {model.id!r} is in use and there is no champion before it, so that scores would"
            " be by formula: publish or promote another one first."
        )
    return f"{next_champion.id} is in use then."


def _promote(
    settings: Settings, models: list[StoredModel], model: StoredModel, *, as_json: bool
) -> int:
    if model is not _in_use(models)[0]:
        value = model.value if model.role == "champion" else with_role(model.value, "champion")
        asyncio.run(append_entries(settings, [(model.key, value)]))
    words = f"{model.id} is in use; workers take it up within seconds."
    return _tell(settings, words, as_json=as_json)


def _tell(settings: Settings, words: str, *, as_json: bool) -> int:
    """Say what was done, to scripts by what there is now."""
    if as_json:
        _print_json(settings, asyncio.run(read_models(settings)))
    else:
        click.echo(words)
    return 0


def _ask(question: str) -> None:
    if not sys.stdin.isatty():
        raise UsageError(f"{question} Say --yes to do it.")
    click.confirm(question, abort=True, err=True)


def _in_use(models: list[StoredModel]) -> tuple[StoredModel | None, StoredModel | None]:
    """Champion and challenger."""
    usable = {id(each.parameters): each for each in models if each.parameters is not None}
    champion, challenger = assignment.in_use(
        each.parameters for each in models if each.parameters is not None
    )
    return usable.get(id(champion)), usable.get(id(challenger))


def _print_json(
    settings: Settings, models: list[StoredModel], grades: dict[str, Graded] | None = None
) -> None:
    """`grades` None: they were not looked for."""
    in_use, challenger = _in_use(models)
    answer: dict[str, Any] = {
        "topic": settings.topic_models,
        "in_use": in_use.id if in_use is not None else None,
        "challenger": challenger.id if challenger is not None else None,
        "models": [_as_object(model, in_use=model is in_use) for model in models],
    }
    if grades is not None:
        for model, told in zip(models, answer["models"], strict=True):
            told["grades"] = model_grades.as_object(grades, model.parameters)
    click.echo(orjson.dumps(answer, option=orjson.OPT_INDENT_2))


def _as_object(model: StoredModel, *, in_use: bool) -> dict[str, Any]:
    parameters = model.parameters
    return {
        "id": model.id,
        "in_use": in_use,
        "role": model.role,
        "offset": model.offset,
        "appended_ms": model.appended_ms,
        "problem": model.problem,
        "parameters": parameters,
    }


def _line(model: StoredModel, mark: str) -> str:
    if model.parameters is None:
        return f"{mark} {model.id!a}: {model.problem}"
    fitted_at, lineage = model.parameters.fitted_at, model.parameters.lineage
    words = [f"{mark} {model.id:32}", f"{model.parameters.kind:6}"]
    if model.role != "champion":
        words.append(f"{model.role}")
    if fitted_at is None:
        words.append("given, not fitted")
    else:
        words.append(f"fitted {_when(fitted_at)}")
    # A lineage is for people and may say anything.
    as_of, customers = lineage.get("as_of"), lineage.get("customers")
    if type(as_of) is int and 0 <= as_of <= LATEST:
        words.append(f"as of {_when(as_of)}")
    if type(customers) is int:
        words.append(f"on {customers:,} customers")
    return "  ".join(words)


def _when(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%MZ")
