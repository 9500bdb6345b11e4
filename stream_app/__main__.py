"""`python -m stream_app` is `ltv`; this is also where the installed command begins."""

from __future__ import annotations

import signal
from typing import NoReturn


def main() -> NoReturn:
    """Run `ltv`; Ctrl-C while it is being imported ends it without a traceback."""
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeded:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from stream_app.cli import main as run

    if heeded:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
