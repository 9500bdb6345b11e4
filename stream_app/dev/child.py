"""A server as a child process: its log, its signals, and its end when ours comes.

The child has a session of its own, so Ctrl-C in the terminal reaches only us and we end it in
order.  Should we end without a word (kill -9), a guard does it: a shell that waits on a pipe from
us, sees it close, and kills the child.  That holds wherever there is a /bin/sh; Linux's parent
death signal does not fit, it strikes when the *thread* that started the child ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from stream_app.errors import Fault

# The first line is the child's pid; the second never comes, its place is taken by the pipe's end.
_GUARD = 'read -r pid && { read -r never; kill -s KILL -- "-$pid"; }'

# The child tells the guard its pid before it becomes the server, so it is guarded from its first
# moment on; its end of the pipe closes with that.
_GUARDED = 'echo "$$" >&0; exec "$@" < /dev/null'

_POLL_SECONDS = 0.02
_TAIL_LINES = 15


class Child:
    """A running server; made running, and gone for good after `stop` or `kill`."""

    def __init__(self, name: str, command: Sequence[str | Path], log: Path) -> None:
        """Start ``command``, appending what it says to ``log``."""
        self.name = name
        self.log = log
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                ["/bin/sh", "-c", _GUARDED, name, *command],
                stdin=self._guard.stdin,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Process id; of the process group too."""
        return self._process.pid

    def alive(self) -> bool:
        """Whether the process still runs (a paused one does)."""
        if self._process.poll() is None:
            return True
        self._dismiss_guard()
        return False

    def wait_until(self, ready: Callable[[], bool], timeout_seconds: float) -> None:
        """Return once ``ready()``; Fault with the end of the log when that does not come."""
        deadline = time.monotonic() + timeout_seconds
        while not ready():
            if self._ended_within(_POLL_SECONDS):
                raise Fault(
                    f"{self.name} ended with exit code {self._process.returncode} "
                    f"while starting. {self.last_words()}"
                )
            if time.monotonic() > deadline:
                self.kill()
                raise Fault(
                    f"{self.name} was not ready after {timeout_seconds:.0f} s. {self.last_words()}"
                )

    def stop(self, timeout_seconds: float = 20.0) -> None:
        """Ask it to end (SIGTERM) and wait; kill it when it does not in time."""
        self._signal(signal.SIGTERM)
        self._signal(signal.SIGCONT)
        if not self._ended_within(timeout_seconds):
            self.kill()

    def kill(self) -> None:
        """End it at once (SIGKILL), also when paused."""
        self._signal(signal.SIGKILL)
        self._process.wait()
        self._dismiss_guard()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): it keeps its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen one go on (SIGCONT)."""
        self._signal(signal.SIGCONT)

    def last_words(self) -> str:
        """The end of the log, and where the rest is."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        lines = text.splitlines()[-_TAIL_LINES:]
        return "\n".join([f"The end of {self.log}:", *(f"  {line[:300]}" for line in lines)])

    def _signal(self, number: int) -> None:
        if self.alive():
            os.killpg(self.pid, number)

    def _ended_within(self, seconds: float) -> bool:
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        self._dismiss_guard()
        return True

    def _dismiss_guard(self) -> None:
        # Before its pipe closes: the pid it knows may belong to somebody else by then.
        self._guard.kill()
        self._guard.wait()
        if self._guard.stdin is not None:
            self._guard.stdin.close()
