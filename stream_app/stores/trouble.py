"""What Redis's error replies mean, in a sentence a person can act on.

All of them are trouble of the world: retried, since a Redis can be given memory, rights or its
master role back while the worker runs. Nothing here ends a worker; a command that was given another
password than Redis has is told so by `failure`.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from typing import Final

from redis.exceptions import (
    AuthenticationError,
    BusyLoadingError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
)

from stream_app.errors import ConfigurationError, LtvError, Unreachable

_NO_RIGHT: Final = (
    "this Redis user may not do what is needed: give it the keys and commands of"
    " deploy/acl/redis.acl"
)
_NO_HASH: Final = "a key of ours in Redis is no hash: somebody else has written it"
_ASKED: Final = re.compile(r"Command # \d+ \((.*?)\) of pipeline caused error: ", re.DOTALL)
"""What redis-py puts before the error of a command in a pipeline: the command."""
_EXPIRED: Final = (9, 10)
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and _CERT_HAS_EXPIRED."""
_BY_TYPE: Final[tuple[tuple[type[Exception], str], ...]] = (
    (OutOfMemoryError, "Redis is out of memory (maxmemory): raise it or free some"),
    (ReadOnlyError, "Redis is a read-only replica: point LTV_REDIS_URL at the master"),
    (BusyLoadingError, "Redis is still loading its data"),
    (NoScriptError, "Redis has forgotten our scripts; they are loaded again"),
    (NoPermissionError, _NO_RIGHT),
    (AuthenticationError, "Redis refuses the user or password of LTV_REDIS_URL"),
)
_BY_PREFIX: Final = (
    ("OOM", "Redis is out of memory (maxmemory): raise it or free some"),
    ("READONLY", "Redis is a read-only replica: point LTV_REDIS_URL at the master"),
    ("LOADING", "Redis is still loading its data"),
    ("MISCONF", "Redis can't save to disk and takes no writes: see its log"),
    ("NOREPLICAS", "Redis has fewer good replicas than it is set to demand"),
    ("MASTERDOWN", "Redis is a replica that has lost its master"),
    ("NOAUTH", "Redis wants a password: put it into LTV_REDIS_URL"),
    ("BUSY", "Redis is busy with somebody's script"),
    ("WRONGTYPE", _NO_HASH),
    ("NOPERM", _NO_RIGHT),
)


def sentence(error: BaseException, shown_url: str) -> str:
    """What is wrong with Redis, and where; `shown_url` has no password in it.

    >>> from redis.exceptions import RedisError
    >>> sentence(RedisError("OOM command not allowed"), "redis://h:1/0")
    'Redis is out of memory (maxmemory): raise it or free some (redis://h:1/0)'
    >>> sentence(ConnectionRefusedError(111, "refused"), "redis://h:1/0")
    'Redis does not answer: [Errno 111] refused (redis://h:1/0)'
    """
    return f"{_meaning(error)} ({shown_url})"


def failure(error: BaseException, shown_url: str) -> LtvError:
    """The same as an error of a command: a wrong user, password, right or authority is 78."""
    certificate = _certificate(error)
    wrong = isinstance(error, (AuthenticationError, NoPermissionError)) or (
        certificate is not None and certificate.verify_code not in _EXPIRED
    )
    return (ConfigurationError if wrong else Unreachable)(sentence(error, shown_url))


def _certificate(error: BaseException | None) -> ssl.SSLCertVerificationError | None:
    """Why the server's certificate was not accepted, where that is the cause."""
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    return error


def _meaning(error: BaseException) -> str:
    certificate = _certificate(error)
    if certificate is not None:
        expired = certificate.verify_code in _EXPIRED
        do = "renew it" if expired else "LTV_REDIS_URL names its authority by ?ssl_ca_certs=FILE"
        return f"Redis's certificate is not accepted ({certificate.verify_message}): {do}"
    for kind, meaning in _BY_TYPE:
        if isinstance(error, kind):
            return meaning
    asked = _ASKED.match(str(error))
    text = str(error)[asked.end() :] if asked is not None else str(error)
    # A script's error may carry the command's own after "ERR ": look for the word, not its place.
    words: Callable[[str], bool] = text.split(maxsplit=8)[:8].__contains__
    for prefix, meaning in _BY_PREFIX:
        if words(prefix) or text.startswith(prefix):
            return _which(asked[1] if asked is not None else "") if meaning is _NO_HASH else meaning
    return f"Redis does not answer: {text or type(error).__name__}"


def _which(asked: str) -> str:
    """Which key is no hash, or, where the command that found it is not known, how to find it.

    >>> _which("HGETALL ltv:{c 1}")
    "a key of ours in Redis is no hash: somebody else has written it; it is 'ltv:{c 1}'"
    """
    if asked.startswith("HGETALL "):
        return f"{_NO_HASH}; it is {asked.removeprefix('HGETALL ')!a}"
    return (
        f"{_NO_HASH}; redis-cli --scan --pattern 'ltv:*' --type string (or list, set, zset) names"
        " it, with LTV_KEY_PREFIX in place of ltv:"
    )
