"""`ltv models`: what the models topic has, and which of them workers use.

The last record that can be used is in use, so a model is promoted by appending it once more, and
rolled back by promoting the one before it.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import click
import orjson

from stream_app.errors import NotFound, UsageError
from stream_app.jobs import model_grades
from stream_app.jobs.model_grades import Graded
from stream_app.jobs.models_topic import StoredModel, append_model, read_models
from stream_app.settings import Settings


def run_list(settings: Settings, *, as_json: bool) -> int:
    """Print every model, the one in use last, and how the live ones have done."""
    models = asyncio.run(read_models(settings))
    grades = model_grades.read_grades(settings)
    if as_json:
        _print_json(settings, models, grades)
        return 0
    in_use = _in_use(models)
    for model in models:
        click.echo(_line(model, in_use=model is in_use))
        for line in model_grades.lines(grades, model.parameters):
            click.echo(line)
    if in_use is None:
        click.echo(
            "No model that can be used: scores are by formula. `ltv fit` makes one.", err=True
        )
    if settings.model_file:
        click.echo("LTV_MODEL_FILE is set: a worker so set does not look here.", err=True)
    return 0


def run_promote(settings: Settings, model_id: str, *, as_json: bool) -> int:
    """Make a model the last one."""
    models = asyncio.run(read_models(settings))
    return _promote(settings, models, chosen(models, model_id), as_json=as_json)


def run_roll_back(settings: Settings, *, as_json: bool) -> int:
    """Make the model that was in use before this one the last one."""
    models = asyncio.run(read_models(settings))
    return _promote(settings, models, before(models), as_json=as_json)


def chosen(models: list[StoredModel], model_id: str) -> StoredModel:
    """The model of an id; NotFound where there is none, UsageError where it can't be used."""
    found = next((model for model in models if model.id == model_id), None)
    if found is None:
        known = ", ".join(model.id for model in models) or "none"
        raise NotFound(f"There is no model {model_id!r}; there are: {known}.")
    if found.problem is not None:
        raise UsageError(f"Model {model_id!r} can't be used: {found.problem}.")
    return found


def before(models: list[StoredModel]) -> StoredModel:
    """The usable model before the one in use; NotFound where there is none."""
    usable = [model for model in models if model.problem is None]
    if len(usable) < 2:
        raise NotFound("There is no model before the one in use to go back to.")
    return usable[-2]


def _promote(
    settings: Settings, models: list[StoredModel], model: StoredModel, *, as_json: bool
) -> int:
    if model is not _in_use(models):
        asyncio.run(append_model(settings, model.id, model.value))
    if as_json:
        _print_json(settings, asyncio.run(read_models(settings)))
    else:
        click.echo(f"{model.id} is in use; workers take it up within seconds.")
    return 0


def _in_use(models: list[StoredModel]) -> StoredModel | None:
    return next((model for model in reversed(models) if model.problem is None), None)


def _print_json(
    settings: Settings, models: list[StoredModel], grades: dict[str, Graded] | None = None
) -> None:
    """`grades` None: they were not looked for."""
    in_use = _in_use(models)
    answer: dict[str, Any] = {
        "topic": settings.topic_models,
        "in_use": in_use.id if in_use is not None else None,
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
        "offset": model.offset,
        "appended_ms": model.appended_ms,
        "problem": model.problem,
        "parameters": parameters,
    }


def _line(model: StoredModel, *, in_use: bool) -> str:
    mark = "*" if in_use else " "
    if model.parameters is None:
        return f"{mark} {model.id!a}: {model.problem}"
    fitted_at, lineage = model.parameters.fitted_at, model.parameters.lineage
    words = [f"{mark} {model.id:32}", f"{model.parameters.kind:6}"]
    if fitted_at is None:
        words.append("given, not fitted")
    else:
        words.append(f"fitted {_when(fitted_at)}")
    if "as_of" in lineage:
        words.append(f"as of {_when(lineage['as_of'])}")
    if "customers" in lineage:
        words.append(f"on {lineage['customers']:,} customers")
    return "  ".join(words)


def _when(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%MZ")
