"""What a reader keeps between reads: the rules of scoring, and the models that hashes name.

No server is talked to here. A reader asks which keys are wanted, fetches them, and hands in what
it found; so the blocking and the asyncio reader do the same.

A model is fetched once, and again when the rules name other models, since an id may be published
anew with other numbers. The rules may change (a tier bound), so
they are fetched again after some seconds, together with a customer: that costs no round trip.
What is not there is looked for again after as many seconds, not at every read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import inf
from typing import Any, Final, NamedTuple

from stream_app.core.calendar import Calendar
from stream_app.core.models.parameters import ModelParameters
from stream_app.reader.evaluation import Fields, evaluated, problem
from stream_app.reader.score import Score
from stream_app.stores.keys import Keys
from stream_app.wire.models import parameters_from_hash
from stream_app.wire.scores import parse_fields
from stream_app.wire.scoring import MODELS, Rules, scoring_from_hash

Stored = Mapping[Any, Any]
"""What HGETALL answers: bytes, or texts from a client that decodes; empty for a missing key."""

MOST_MODELS: Final = 256
"""Kept; a shop has a handful in use, and an id is forgotten only where there are many more."""


class Knowledge:
    """The rules and models seen so far. `at` is monotonic seconds throughout."""

    def __init__(self, keys: Keys, fresh_seconds: float) -> None:
        self._keys = keys
        self._fresh_seconds = fresh_seconds
        self._rules: Rules | str = ""
        """Or why there are none."""
        self._rules_due = -inf
        self._named = b""
        """What the rules say of the models in use."""
        self._models: dict[str, ModelParameters] = {}
        self._missing: dict[str, tuple[str, float]] = {}
        """Models that can't be had: why, and when to look again."""

    def wanted_rules(self, at: float) -> list[bytes]:
        """The key of the rules if they are to be fetched now, else nothing."""
        return [self._keys.scoring] if at >= self._rules_due else []

    def learn_rules(self, stored: Iterable[Stored], at: float) -> None:
        """Take in what was fetched for `wanted_rules`."""
        for each in stored:
            raw = _raw(each)
            self._rules, self._rules_due = self._read_rules(raw), at + self._fresh_seconds
            named = raw.get(MODELS.encode(), b"")
            if named != self._named:
                self._named = named
                self._models.clear()
                self._missing.clear()

    def wanted_models(self, found: Iterable[Fields | None], at: float) -> list[str]:
        """Ids of models that these hashes need and that are to be fetched now."""
        if isinstance(self._rules, str):
            return []
        named = {each["model"] for each in found if each is not None and "model" in each}
        return sorted(name for name in named if self._look_for(name, at))

    def learn_models(self, names: Iterable[str], stored: Iterable[Stored], at: float) -> None:
        """Take in what was fetched for `wanted_models`."""
        for name, each in zip(names, stored, strict=True):
            model = self._read_model(name, _raw(each))
            if isinstance(model, str):
                self._missing[name] = model, at + self._fresh_seconds
                continue
            self._missing.pop(name, None)
            self._models[name] = model
        for kept in (self._models, self._missing):
            for name in list(kept)[:-MOST_MODELS]:
                kept.pop(name, None)

    def scores(self, found: Sequence[Fields | None], now: int) -> list[Score | None]:
        """Each hash at `now`; as it was published where it can't be evaluated."""
        rules = self._rules
        answers: list[Score | None] = [None] * len(found)
        together: dict[str | None, _Group] = {}
        for place, each in enumerate(found):
            if each is None:
                continue
            basis = self._basis(each, rules)
            if isinstance(basis, str):
                answers[place] = Score(**each, not_evaluated=basis)
            else:
                name = basis.id if basis is not None else None
                together.setdefault(name, _Group(basis, [], [])).add(place, each)
        for group in together.values():
            assert not isinstance(rules, str)
            for place, score in zip(group.places, group.scores(rules, now), strict=True):
                answers[place] = score
        return answers

    def _look_for(self, name: str, at: float) -> bool:
        return name not in self._models and at >= self._missing.get(name, ("", -inf))[1]

    def _basis(self, found: Fields, rules: Rules | str) -> ModelParameters | str | None:
        """The parameters that a hash is evaluated with, None by formula; or why it can't be."""
        if isinstance(rules, str):
            return rules
        wrong = problem(found)
        if wrong is not None:
            return wrong
        currency, time_zone = rules.settings.currency, rules.time_zone
        if found["currency"] != currency:
            return f"the hash is in {found['currency']!r}, and scores are in {currency} now"
        if found["basis"] == "formula":
            return None
        name = found.get("model", "")
        model = self._models.get(name)
        if model is None:
            return self._missing.get(name, (f"model {name!r} has not been read", 0.0))[0]
        return model.misfit(currency=currency, time_zone=time_zone) or model

    def _read_rules(self, stored: Mapping[bytes, bytes]) -> Rules | str:
        shown = self._keys.scoring.decode()
        if not stored:
            return f"Redis has no {shown}: the worker that publishes is of an older version"
        try:
            rules = scoring_from_hash(stored)
            _calendar(rules.time_zone)
        except ValueError as error:
            return f"{shown} can't be read: {error}"
        return rules

    def _read_model(self, name: str, stored: Mapping[bytes, bytes]) -> ModelParameters | str:
        if not stored:
            return f"Redis has no parameters of model {name!r}"
        try:
            return parameters_from_hash(stored)
        except ValueError as error:
            return f"the parameters of model {name!r} can't be read: {error}"


class _Group(NamedTuple):
    """Hashes that are evaluated together, with their places in the answer."""

    parameters: ModelParameters | None
    places: list[int]
    found: list[Fields]

    def add(self, place: int, fields: Fields) -> None:
        self.places.append(place)
        self.found.append(fields)

    def scores(self, rules: Rules, now: int) -> Iterator[Score]:
        timed = evaluated(
            self.found,
            parameters=self.parameters,
            settings=rules.settings,
            calendar=_calendar(rules.time_zone),
            now=now,
        )
        for fields, moved in zip(self.found, timed, strict=True):
            yield Score(**{**fields, **moved})


def fields_of(customer_id: str, stored: Stored) -> dict[str, Any] | None:
    """A customer's hash as values; None where there is none, ValueError where it can't be read."""
    try:
        return parse_fields(_raw(stored)) if stored else None
    except ValueError as error:
        raise ValueError(f"the hash of customer {customer_id!a} can't be read: {error}") from None


def _raw(stored: Stored) -> Mapping[bytes, bytes]:
    """What a client that decodes answers is encoded again."""
    if not stored or isinstance(next(iter(stored)), bytes):
        return stored
    return {name.encode(): text.encode() for name, text in stored.items()}


@lru_cache(maxsize=8)
def _calendar(time_zone: str) -> Calendar:
    """One a zone and process, since it learns the days it has been asked for."""
    return Calendar(time_zone)
