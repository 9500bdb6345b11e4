"""What Redis's error replies mean, in a sentence a person can act on.

All of them are trouble of the world: retried, since a Redis can be given memory, rights or its
master role back while the worker runs. Nothing here ends a worker; a command that was given another
password than Redis has is told so by `failure`.
"""

from __future__ import annotations

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
    ("WRONGTYPE", "a key of ours in Redis is no hash: somebody else has written it"),
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
    text = str(error)
    # A script's error may carry the command's own after "ERR ": look for the word, not its place.
    words: Callable[[str], bool] = text.split(maxsplit=8)[:8].__contains__
    for prefix, meaning in _BY_PREFIX:
        if words(prefix) or text.startswith(prefix):
            return meaning
    return f"Redis does not answer: {text or type(error).__name__}"
