"""constraints.txt: each installed package at one version; and what of it production has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement

CONSTRAINTS = Path(__file__).parents[2] / "constraints.txt"

PROJECT = "ltv-live"
EXTRAS = frozenset({"otel"})
"""Of ours, those that production may have."""


def runtime() -> set[str]:
    """Normalised names of all that we need, directly or not, to run in production; and ours."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [(PROJECT, EXTRAS)]
    while waiting:
        name, extras = one = waiting.pop()
        if one in found:
            continue
        found.add(one)
        for text in distribution(name).requires or ():
            needed = Requirement(text)
            wanted = (
                needed.marker is None
                or needed.marker.evaluate({"extra": ""})
                or any(needed.marker.evaluate({"extra": extra}) for extra in extras)
            )
            if wanted:
                waiting.append((normal(needed.name), frozenset(needed.extras)))
    return {name for name, _ in found}


def pinned() -> dict[str, str]:
    """Version by normalised name."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines)
    return {normal(name): version for name, version in pairs}


def unpinned(found: Mapping[str, str]) -> list[str]:
    """What is installed and not pinned, or at another version."""
    pins = pinned()
    return sorted(f"{name} {at}" for name, at in found.items() if pins.get(normal(name)) != at)


def normal(name: str) -> str:
    """A package's name as PEP 503 compares it.

    >>> normal("Ruamel.yaml_CLib")
    'ruamel-yaml-clib'
    """
    return re.sub(r"[-_.]+", "-", name).lower()
