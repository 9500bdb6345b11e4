"""`make sbom` and `make audit`: what the product is made of, and whether somebody warns of it.

python -m tests.supply sbom FILE              list what runs in production, as CycloneDX, in FILE
python -m tests.supply audit [--offline-ok]   ask PyPI about every version in constraints.txt
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.supply.pins import CONSTRAINTS, PROJECT, normal, pinned, runtime, unpinned

BIN = Path(sys.executable).parent


def main(words: list[str]) -> int:
    """Run one of the two; 0 where all is well."""
    if words[:1] == ["sbom"] and len(words) == 2:
        return sbom(Path(words[1]))
    if words[:1] == ["audit"] and words[1:] in ([], ["--offline-ok"]):
        return audit(offline_ok=len(words) > 1)
    print(__doc__)
    return 2


def sbom(file: Path) -> int:
    """Write the list; 1 where it has something that constraints.txt does not pin."""
    command = [f"{BIN}/cyclonedx-py", "environment", "--output-reproducible", sys.executable]
    made = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    needed = runtime()
    made["components"] = [one for one in made["components"] if normal(one["name"]) in needed]
    kept = {one["bom-ref"] for one in made["components"]}
    made["dependencies"] = [
        one | {"dependsOn": [ref for ref in one.get("dependsOn", []) if ref in kept]}
        for one in made["dependencies"]
        if one["ref"] in kept
    ]
    file.write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
    found = {one["name"]: one["version"] for one in made["components"]}
    wrong = unpinned({name: at for name, at in found.items() if name != PROJECT})
    print(f"{file}: {len(found)} packages" + "".join(f"\nnot pinned: {one}" for one in wrong))
    return int(bool(wrong))


def audit(*, offline_ok: bool) -> int:
    """1 where a version has a known vulnerability, or where nobody could be asked."""
    command: list[Any] = [BIN / "pip-audit", "--disable-pip", "--no-deps", "--format", "json"]
    command += ["--progress-spinner", "off", "--requirement", CONSTRAINTS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = json.loads(done.stdout)["dependencies"] if done.stdout else []
    asked = [one for one in told if "vulns" in one]
    if not asked:
        print("NOT AUDITED: no database of vulnerabilities answers here.", *skipped(told, done))
        return int(not offline_ok)
    for one in asked:
        for known in one["vulns"]:
            fixed = ", ".join(known["fix_versions"]) or "no version yet"
            print(f"{one['name']} {one['version']}: {known['id']}, fixed in {fixed}")
    print(f"{len(asked)} of {len(pinned())} versions audited")
    return int(any(one["vulns"] for one in asked) or len(asked) < len(pinned()))


def skipped(told: list[dict[str, Any]], done: subprocess.CompletedProcess[str]) -> list[str]:
    """Why, in a word of pip-audit's."""
    reasons = [one["skip_reason"] for one in told if "skip_reason" in one]
    return reasons[:1] or done.stderr.strip().splitlines()[-1:]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
