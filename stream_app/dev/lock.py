"""Write the lock file of Kafka's jars anew: ``make kafka-lock``, after a change of version here."""

from __future__ import annotations

import hashlib
import sys

import jgo

from stream_app.dev.jars import LOCK

_KAFKA = "org.apache.kafka:kafka_2.13:4.1.0"
# Kafka logs through SLF4J 1.7, and its binding is no dependency of it.  Resolved apart: resolved
# together, the parent of this one would decide the version of Kafka's own client.
_LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"


def main() -> None:
    """Resolve, fetch and hash all jars, and write the lock file."""
    artifacts = [*jgo.resolve(_KAFKA), jgo.resolve(_LOGGING)[0]]
    lines = []
    for artifact in artifacts:
        jar = artifact.resolve()
        path = artifact.component.path_prefix / artifact.filename
        lines.append(f"{hashlib.sha256(jar.read_bytes()).hexdigest()}  {path}\n")
    LOCK.write_text("".join(sorted(lines, key=lambda line: line.split()[1])))
    sys.stderr.write(f"{len(lines)} jars in {LOCK}\n")


if __name__ == "__main__":
    main()
