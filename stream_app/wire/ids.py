"""What an id may be."""

from __future__ import annotations

import re
from typing import Final

MAX_ID: Final = 128
"""Characters (code points)."""

_NOT_IN_AN_ID: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters (Unicode category Cc), and what a header held that is no UTF-8."""


def is_id(text: str, longest: int = MAX_ID) -> bool:
    """Whether a text has 1 to ``longest`` characters, none of them a control character.

    >>> is_id("c-1"), is_id(""), is_id("a\\tb"), is_id("é" * 128), is_id("x" * 129)
    (True, False, False, True, False)
    """
    return 0 < len(text) <= longest and _NOT_IN_AN_ID.search(text) is None
