"""Settings: what can be chosen from outside, read once at start from the environment."""

from stream_app.settings.declaration import Declaration, declarations
from stream_app.settings.describe import Described, describe
from stream_app.settings.load import load
from stream_app.settings.settings import Settings

__all__ = ["Declaration", "Described", "Settings", "declarations", "describe", "load"]
