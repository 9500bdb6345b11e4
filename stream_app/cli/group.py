"""How a command ends, and what is said when it ends badly.

Exit codes: 0 fine; 1 a fault (restart me); 2 wrong usage; 78 wrong configuration (do not restart
me); 130 interrupted. What went wrong is one sentence on standard error; a traceback appears only
for what nobody foresaw.
"""

from __future__ import annotations

import difflib
import logging
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from stream_app.errors import LtvError

INTERRUPTED = 130


class Commands(click.Group):
    """A group that names the nearest command when it does not know one."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = difflib.get_close_matches(args[0], self.list_commands(ctx), n=1)
            if near:
                error.message = f"{error.message.rstrip('.')}. Did you mean {near[0]!r}?"
            raise


def run(command: click.Command, arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and end the process with the exit code it has earned."""
    sys.exit(outcome(command, arguments))


def outcome(command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code after saying on standard error what went wrong."""
    # What libraries log is for a worker's log (`log.configure`); a command has its sentence.
    logging.getLogger().addHandler(logging.NullHandler())
    try:
        answer: Any = command.main(args=arguments, prog_name="ltv", standalone_mode=False)
        return answer if isinstance(answer, int) else 0
    except LtvError as error:
        error = _foreseen(error) or error
        _say(str(error))
        return error.exit_code
    except click.Abort as abort:  # what click makes of Ctrl-C; a command may have said more
        _say(str(abort.__cause__ or "") or "Interrupted.")
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        _leave_stdout_alone()
        return 1
    except Exception as error:
        known = _foreseen(error)
        if known is None:
            raise
        _say(str(known))
        return known.exit_code


def _foreseen(error: Exception) -> LtvError | None:
    """What an error means where Kafka, Redis or its client is behind it; None: none of them is."""
    # Importing a client costs what a command without one has not.
    if "aiokafka" in sys.modules:
        from stream_app.stores.kafka_trouble import foreseen

        if known := foreseen(error):
            return known
    if "redis" in sys.modules:
        from redis.exceptions import RedisError

        from stream_app.stores.trouble import failure

        if isinstance(error, RedisError):
            return failure(error, "LTV_REDIS_URL")
    return None


def _say(sentence: str) -> None:
    click.echo(f"ltv: {sentence}", err=True)


def _leave_stdout_alone() -> None:
    """Keep the interpreter from flushing into a pipe that nobody reads any more."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
