"""Why a broker would not have us, in a sentence a person can act on.

aiokafka logs what each broker did and then raises only that none could be reached, so each is
asked once more, after a start has failed, and its own error is looked at. What a person has to
change first (a password, an authority, a protocol, a right) is a `ConfigurationError`; what may
pass by itself, or with a restart, is `Unreachable`.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Final

from aiokafka.conn import create_conn
from aiokafka.errors import (
    AuthenticationFailedError,
    ClusterAuthorizationFailedError,
    GroupAuthorizationFailedError,
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from stream_app.errors import ConfigurationError, Fault, LtvError, Unreachable
from stream_app.settings import Settings

ASK_SECONDS: Final = 5.0
"""How long one broker may take to say what is wrong; it took longer than that already once."""

RIGHTS: Final = "deploy/acl/kafka.csv lists what each part needs"

_EXPIRED: Final = (9, 10)
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and _CERT_HAS_EXPIRED."""
_OTHER_NAME: Final = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH and _IP_ADDRESS_MISMATCH."""
_PASSWORD: Final = (AuthenticationFailedError, SaslAuthenticationFailed)
_MECHANISM: Final = (UnsupportedSaslMechanismError, IllegalSaslStateError)
_DENIED: Final = (
    TopicAuthorizationFailedError,
    GroupAuthorizationFailedError,
    ClusterAuthorizationFailedError,
)
# ApiVersions, version 0: what any client may ask first, and a TLS listener too.
_HELLO: Final = bytes.fromhex("0000000a 0012 0000 00000001 0000")


async def why_unreachable(settings: Settings, options: dict[str, Any]) -> LtvError:
    """The error to raise after no broker could be reached with these client options."""
    reasons: list[str] = []
    for place in settings.brokers.split(","):
        host, _, port = place.rpartition(":")
        try:
            async with asyncio.timeout(ASK_SECONDS):
                error = await _asked(settings, host.strip("[]"), int(port), options)
        except TimeoutError:
            continue
        if isinstance(error, ConfigurationError):
            return error
        if error is not None:
            reasons.append(str(error))
    told = f": {' '.join(reasons)}" if reasons else "."
    return Unreachable(f"No Kafka broker answers at {settings.brokers} (LTV_BROKERS){told}")


def denied(error: BaseException | None) -> ConfigurationError | None:
    """A refusal for want of a right, wherever in the chain of causes it is; None: it is none.

    >>> str(denied(TopicAuthorizationFailedError("purchases")))
    "Kafka gives this user no right to topic 'purchases'; deploy/acl/kafka.csv lists what each ..."
    """
    while error is not None:
        if isinstance(error, _DENIED):
            return ConfigurationError(f"Kafka gives this user no right to {_what(error)}; {RIGHTS}")
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def foreseen(error: BaseException) -> LtvError | None:
    """What an error that ends us means: one of ours, or of Kafka's client; None: it is neither.

    A missing right behind it comes first, since a restart would not give it.

    >>> foreseen(TopicAuthorizationFailedError("purchases")).exit_code, foreseen(KeyError(1))
    (78, None)
    """
    if (refusal := denied(error)) is not None:
        return refusal
    if isinstance(error, LtvError):
        return error
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, KafkaError):
        cause = cause.__cause__
    if cause is None:
        return None
    return Fault(
        f"Kafka failed while we worked: {str(cause) or cause!r}; restart when the broker is well,"
        " what was acknowledged is kept"
    )


def _what(error: KafkaError) -> str:
    told = error.args[0] if error.args else ""
    names = sorted(told) if isinstance(told, (set, frozenset, list, tuple)) else [told]
    words = ", ".join(repr(str(one)) for one in names if one)
    if isinstance(error, TopicAuthorizationFailedError):
        return f"topic {words}" if words else "a topic that it needs"
    if isinstance(error, GroupAuthorizationFailedError):
        return f"group {words}" if words else "its consumer group"
    return "write to any topic (an idempotent producer needs WRITE on one)"


async def _asked(
    settings: Settings, host: str, port: int, options: dict[str, Any]
) -> LtvError | None:
    """What one broker does with us, as an error; None where nobody is there."""
    place = f"{host}:{port}"
    chosen = {name: value for name, value in options.items() if name != "bootstrap_servers"}
    try:
        connection = await create_conn(host, port, **chosen)
        try:
            await connection.send(MetadataRequest([]))  # a plain client is refused only here
        finally:
            connection.close()
    except ssl.SSLCertVerificationError as error:
        return _untrusted(place, error)
    except ssl.SSLError as error:
        alerted = "ALERT" in (error.reason or "")
        return (_our_certificate if alerted else _no_tls)(settings, place, error)
    except OSError as error:
        # A plain listener takes a TLS greeting for nonsense, and closes.
        plain = "ssl_context" in chosen and await _speaks(host, port, None)
        return _no_tls(settings, place, error) if plain else None
    except _PASSWORD:
        return ConfigurationError(
            f"Kafka at {place} refuses LTV_KAFKA_USER {settings.kafka_user!r} or its password"
            f" ({settings.kafka_sasl_mechanism})."
        )
    except _MECHANISM as error:
        return ConfigurationError(_other_mechanism(settings, place, error))
    except KafkaError:
        return await _hung_up(settings, host, port, chosen.get("ssl_context"))
    return Unreachable(f"{place} answers again.")


def _other_mechanism(settings: Settings, place: str, error: BaseException) -> str:
    if isinstance(error, IllegalSaslStateError):
        return (
            f"Kafka at {place} asks for no user or password there, but LTV_KAFKA_SECURITY is"
            f" {settings.kafka_security}; set SSL or PLAINTEXT, or use another port."
        )
    return (
        f"Kafka at {place} does not take LTV_KAFKA_SASL_MECHANISM {settings.kafka_sasl_mechanism}."
    )


def _untrusted(place: str, error: ssl.SSLCertVerificationError) -> LtvError:
    """The broker has shown a certificate that we can't accept."""
    if error.verify_code in _EXPIRED:
        # Not ours to change, and mended without us: a supervisor may go on trying.
        return Unreachable(
            f"the certificate of Kafka at {place} is not valid now ({error.verify_message}):"
            " renew it there, or set this machine's clock."
        )
    if error.verify_code in _OTHER_NAME:
        return ConfigurationError(
            f"The certificate of Kafka at {place} is for another name ({error.verify_message}):"
            " name the broker in LTV_BROKERS, and in its advertised.listeners, as it says."
        )
    return ConfigurationError(
        f"The certificate of Kafka at {place} is not signed by an authority that we trust"
        f" ({error.verify_message}): LTV_KAFKA_CA_FILE names the PEM of its authority."
    )


def _no_tls(settings: Settings, place: str, _error: OSError) -> LtvError:
    """There was no handshake."""
    return ConfigurationError(
        f"Kafka at {place} does not speak TLS there, but LTV_KAFKA_SECURITY is"
        f" {settings.kafka_security}; set PLAINTEXT or SASL_PLAINTEXT, or use another port."
    )


def _our_certificate(settings: Settings, place: str, error: ssl.SSLError) -> LtvError:
    shown = "shows none" if not settings.kafka_cert_file else "is not accepted"
    return ConfigurationError(
        f"Kafka at {place} wants a certificate of ours, and LTV_KAFKA_CERT_FILE {shown}"
        f" ({_words(error.reason or '')}): one signed by its authority, and not expired."
    )


async def _hung_up(
    settings: Settings, host: str, port: int, context: ssl.SSLContext | None
) -> LtvError:
    """The broker took the connection and closed it: find out which protocol it wanted."""
    place = f"{host}:{port}"
    if context is None:
        if await _speaks(host, port, _anybody()):
            return ConfigurationError(
                f"Kafka at {place} speaks TLS, but LTV_KAFKA_SECURITY is"
                f" {settings.kafka_security}; set SSL or SASL_SSL."
            )
    else:
        # With TLS 1.3 a server judges our certificate after the handshake has succeeded.
        try:
            await _exchange(host, port, context)
        except ssl.SSLError as error:
            return _our_certificate(settings, place, error)
        except OSError:
            pass
    if not settings.kafka_security.startswith("SASL"):
        return Unreachable(
            f"{place} hangs up; a broker that asks for a user and password does, too"
            f" (LTV_KAFKA_SECURITY is {settings.kafka_security})."
        )
    return Unreachable(f"{place} hangs up.")


def _anybody() -> ssl.SSLContext:
    """TLS with whoever it is: nothing is told to them but that we can."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def _speaks(host: str, port: int, context: ssl.SSLContext | None) -> bool:
    """Whether the other side understands TLS, or without a context a plain question."""
    try:
        answer = await _exchange(host, port, context)
    except ssl.SSLError as error:
        return "ALERT" in (error.reason or "")  # that is TLS, whatever it thinks of us
    except OSError:
        return False
    return context is not None or answer != b""


async def _exchange(host: str, port: int, context: ssl.SSLContext | None) -> bytes:
    """One question and the beginning of its answer; a TLS alert that comes instead is raised."""
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        writer.write(_HELLO)
        return await reader.read(4)
    finally:
        writer.transport.abort()


def _words(reason: str) -> str:
    """OpenSSL's name of an alert, as words.

    >>> _words("TLSV13_ALERT_CERTIFICATE_REQUIRED")
    'certificate required'
    """
    return reason.rpartition("ALERT_")[2].replace("_", " ").lower()
