"""Kafka's jars: from KAFKA_HOME, or fetched once from Maven Central and kept in the cache.

The lock file beside this one names all of them with their SHA-256, so that every machine runs the
very same bytes; `stream_app.dev.lock` writes it.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from stream_app.dev.cache import owned
from stream_app.errors import ConfigurationError, Unreachable

if TYPE_CHECKING:
    from jgo.maven import MavenContext

LOCK = Path(__file__).with_name("kafka-4.1.0.lock")
_BROKER = re.compile(r"kafka_[\d.]+-4\.")
_AT_ONCE = 4  # downloads; more gained nothing
_ATTEMPTS = 3

Progress = Callable[[str], None]


class Jar(NamedTuple):
    """One line of the lock file."""

    sha256: str
    path: Path
    """In the layout of a Maven repository: group, by directories/artifact/version/file."""


def kafka_jars(cache: Path, progress: Progress) -> list[Path]:
    """All jars that Kafka runs with, in the order of its class path.

    Raises Unreachable when a download fails, ConfigurationError when KAFKA_HOME holds no Kafka or
    the package that fetches is not installed.
    """
    home = os.environ.get("KAFKA_HOME", "")
    return _distribution(Path(home)) if home else _fetched(cache, progress)


def read_lock(lock: Path = LOCK) -> list[Jar]:
    """The jars named by the lock file, in its order."""
    lines = (line.split() for line in lock.read_text().splitlines())
    return [Jar(sha256, Path(path)) for sha256, path in lines]


def _distribution(home: Path) -> list[Path]:
    jars = sorted((home / "libs").glob("*.jar"))
    if not any(_BROKER.match(jar.name) for jar in jars):
        raise ConfigurationError(
            f"KAFKA_HOME={home} holds no Kafka 4 (no libs/kafka_2.13-4*.jar): "
            "name the directory of an unpacked Kafka 4, or unset it to have Kafka fetched."
        )
    return jars


def _fetched(cache: Path, progress: Progress) -> list[Path]:
    repository = cache / "maven"
    jars = read_lock()
    with owned(repository, wait=True):
        missing = [jar for jar in jars if not (repository / jar.path).is_file()]
        if missing:
            _fetch(missing, repository, progress)
    return [repository / jar.path for jar in jars]


def _fetch(missing: list[Jar], repository: Path, progress: Progress) -> None:
    try:
        from jgo.maven import MavenContext
    except ImportError as error:
        raise ConfigurationError(
            "Kafka is not here and nothing to fetch it with: pip install 'ltv-live[stack]', "
            "or set KAFKA_HOME to the directory of an unpacked Kafka 4."
        ) from error
    # On the repository's own file system, so that a jar arrives there by a rename, or not at all.
    with tempfile.TemporaryDirectory(dir=repository, prefix=".arriving-") as arriving:
        maven = MavenContext(repo_cache=Path(arriving), local_repos=[], timeout=30)
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            done = threads.map(lambda jar: _fetch_one(jar, maven, repository), missing)
            progress(f"Fetching Apache Kafka, {len(missing)} jars, once")
            for count, _ in enumerate(done, start=1):
                if count % 10 == 0 or count == len(missing):
                    progress(f"  {count} of {len(missing)}")


def _fetch_one(jar: Jar, maven: MavenContext, repository: Path) -> None:
    """Download, check and file one jar."""
    artifact = jar.path.parent.parent
    component = maven.project(".".join(artifact.parent.parts), artifact.name).at_version(
        jar.path.parent.name
    )
    problem = "its checksum is wrong"
    for _ in range(_ATTEMPTS):
        try:
            arrived = component.artifact().resolve()
        except Exception as error:  # the resolver promises no type; whatever it is, no jar came
            problem = type(error).__name__
            continue
        if hashlib.sha256(arrived.read_bytes()).hexdigest() == jar.sha256:
            (repository / jar.path).parent.mkdir(parents=True, exist_ok=True)
            shutil.move(arrived, repository / jar.path)
            return
        arrived.unlink()
    raise Unreachable(
        f"Could not fetch {jar.path.name} from Maven Central ({problem}): check the network and "
        "try again, or set KAFKA_HOME to the directory of an unpacked Kafka 4."
    )
