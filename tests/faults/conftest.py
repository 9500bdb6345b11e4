"""What all fault tests share."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def long() -> bool:
    """Whether this is the long form: the same script with other numbers."""
    return os.environ.get("LONG") == "1"
