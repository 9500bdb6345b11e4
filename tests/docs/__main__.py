"""`make docs`: write the README's tables as the code has them; with `--check` only look.

python -m tests.docs [--check]
"""

from __future__ import annotations

import sys

from tests.docs.page import README, rewritten
from tests.docs.tables import all_tables


def main(*, check: bool) -> int:
    """1 where the page is stale and only looked at."""
    before = README.read_text(encoding="utf-8")
    after = rewritten(before, all_tables())
    if check:
        print("README.md is " + ("stale: run 'make docs'" if before != after else "up to date"))
        return int(before != after)
    README.write_text(after, encoding="utf-8")
    print("README.md: " + ("written anew" if before != after else "nothing to change"))
    return 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
