"""How a worker ends: the first fault decides, and nothing that failed goes on in silence."""

from __future__ import annotations

import asyncio


class Fate:
    """Waits for the first fault of a worker's tasks.

    A task that ends by an exception takes the process with it: what was not acknowledged is
    read again after the restart, while a half-dead worker would hold its partitions for ever.
    """

    def __init__(self) -> None:
        self._reason: BaseException | None = None
        self._sealed = asyncio.Event()

    def fail(self, reason: BaseException) -> None:
        """Report a fault; later ones are consequences and are not kept."""
        if self._reason is None:
            self._reason = reason
        self._sealed.set()

    def watch(self, task: asyncio.Task[None]) -> asyncio.Task[None]:
        """Make the end of ``task`` by an exception the worker's end."""
        task.add_done_callback(self._ended)
        return task

    async def wait(self) -> BaseException:
        """The first fault, when there is one."""
        await self._sealed.wait()
        assert self._reason is not None
        return self._reason

    @property
    def reason(self) -> BaseException | None:
        """The first fault so far."""
        return self._reason

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (reason := task.exception()) is not None:
            self.fail(reason)
