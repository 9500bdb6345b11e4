"""Read Strimzi's resources with the classes that its operators read them with.

Run by the Python of `make deploy-tools` with the JVM's library and the class path as arguments; the
text is on standard input. Prints a line for each resource: `ok`, or what the operators would not
know, or would read otherwise.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, Final

_CLASSES: Final = {
    "KafkaTopic": "io.strimzi.api.kafka.model.topic.KafkaTopic",
    "KafkaUser": "io.strimzi.api.kafka.model.user.KafkaUser",
}


def main(library: str, class_path: str) -> None:
    """Check every resource of Strimzi's."""
    import jpype
    import yaml

    jpype.startJVM(library, "--enable-native-access=ALL-UNNAMED", classpath=class_path.split(":"))
    mapper = jpype.JClass("com.fasterxml.jackson.databind.ObjectMapper")()
    for one in yaml.safe_load_all(sys.stdin):
        if one and one["apiVersion"].startswith("kafka.strimzi.io/"):
            known = jpype.JClass(_CLASSES[one["kind"]])
            print(f"{one['kind']}/{one['metadata']['name']}: {_difference(mapper, known, one)}")


def _difference(mapper: Any, known: Any, one: dict[str, Any]) -> str:
    group, version = one["apiVersion"].split("/")
    if group != known.RESOURCE_GROUP or version not in known.VERSIONS:
        return f"its operator reads {known.RESOURCE_GROUP}/{known.VERSIONS}"
    read = mapper.readValue(json.dumps(one), known.class_)
    strange = sorted(set(_unknown(read, "")))
    if strange:
        return f"unknown fields: {', '.join(strange)}"
    back = json.loads(str(mapper.writeValueAsString(read)))["spec"]
    return "ok" if _plain(back) == _plain(one["spec"]) else f"reads as {back}"


def _unknown(value: Any, path: str) -> Iterator[str]:
    """What Jackson put aside, anywhere in the tree of beans below `value`."""
    from jpype import JClass

    if isinstance(value, JClass("java.util.List")):
        for each in value:
            yield from _unknown(each, path)
    elif hasattr(value, "getClass") and str(value.getClass().getName()).startswith("io.strimzi."):
        if not hasattr(value, "getAdditionalProperties"):
            return  # an enum
        yield from (f"{path}.{name}" for name in value.getAdditionalProperties())
        for method in value.getClass().getMethods():
            name = str(method.getName())
            if name.startswith("get") and not method.getParameterCount() and name not in _NOT_BEANS:
                yield from _unknown(getattr(value, name)(), f"{path}.{name[3:].lower()}")


_NOT_BEANS: Final = frozenset({"getClass", "getAdditionalProperties"})


def _plain(value: Any) -> Any:
    """Without what is a default and so not written."""
    if isinstance(value, dict):
        return {
            key: _plain(inner)
            for key, inner in value.items()
            if (key, inner) != ("patternType", "literal")
        }
    return [_plain(inner) for inner in value] if isinstance(value, list) else value


if __name__ == "__main__":
    main(*sys.argv[1:])
