"""Options that are settings: each shows its variable, and all are read by one loader."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from stream_app.settings import Settings, declarations, load

F = TypeVar("F", bound=Callable[..., Any])

CONNECTION = ("brokers", "redis_url")


def setting_options(*attributes: str) -> Callable[[F], F]:
    """Add an option for each of these settings; `settings_from` reads what was given."""
    chosen = {one.attribute: one for one in declarations(Settings)}

    def add(function: F) -> F:
        for attribute in reversed(attributes):
            one = chosen[attribute]
            flag = "--" + attribute.replace("_", "-")
            unit = f" ({one.unit})" if one.unit else ""
            function = click.option(
                flag,
                one.variable,
                metavar="TEXT",
                expose_value=False,
                callback=_remember,
                help=f"{_sentence(one.meaning)}{unit}.  [env: {one.variable}]",
            )(function)
        return function

    return add


class Text(click.ParamType):
    """A text that a shell gave as UTF-8: an id that is none would be nobody's."""

    name = "text"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """The text; fails where it holds bytes that are no UTF-8."""
        text = str(value)
        if not text.isascii() and any("\ud800" <= one <= "\udfff" for one in text):
            self.fail(f"{text!a} is no UTF-8 text.", param, ctx)
        return text


def settings_from(context: click.Context, defaults: Mapping[str, str] | None = None) -> Settings:
    """The settings of this run: options over environment over the command's own defaults."""
    options = context.meta.get(__name__, {})
    return load(os.environ, options=options, defaults=defaults)


def _remember(context: click.Context, parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        context.meta.setdefault(__name__, {})[parameter.name] = value


def _sentence(meaning: str) -> str:
    return meaning[0].upper() + meaning[1:]
