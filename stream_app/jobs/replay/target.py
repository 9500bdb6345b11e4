"""What becomes of the states: nothing but a summary, a file, or a new build."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from stream_app.errors import UsageError
from stream_app.jobs.outputs import check_output
from stream_app.jobs.replay.order import Order
from stream_app.settings import Settings

DEFAULT_FILE: Final = "customers.parquet"


@dataclass(frozen=True)
class Target:
    """`--into`, read."""

    kind: Literal["memory", "file", "build"]
    file: Path | None = None
    build: int | None = None

    @property
    def name(self) -> str:
        """As one would say it again."""
        if self.kind == "file":
            return str(self.file)
        return "memory" if self.kind == "memory" else f"build {self.build}"


def read_target(order: Order, settings: Settings) -> Target:
    """UsageError where `--into` says nothing that exists, or must not be done."""
    into = order.into
    if into == "memory":
        return Target("memory")
    if into == "file" or into.endswith(".parquet"):
        file = Path(DEFAULT_FILE if into == "file" else into).absolute()
        if file.is_dir():
            raise UsageError(f"{file} is a directory; name a file.")
        if file.exists() and not order.overwrite:
            raise UsageError(f"{file} exists; --overwrite replaces it.")
        if not file.parent.is_dir():
            raise UsageError(f"There is no directory {file.parent} for {file.name}.")
        check_output("--into", file, replaced=True)
        return Target("file", file=file)
    if into == "shadow" or re.fullmatch("[1-9][0-9]{0,8}", into, re.ASCII):
        if order.begin is not None:
            raise UsageError(
                "A build holds all of the log: leave --from out (history that is not in the log"
                " comes by `ltv backfill`)."
            )
        return Target("build", build=settings.build + 1 if into == "shadow" else int(into))
    raise UsageError(
        f"--into {into!r} is neither memory, nor file or a name that ends in .parquet, nor shadow"
        " (the next build) or a build's number."
    )
