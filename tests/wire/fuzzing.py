"""Inputs that nobody would send, and what must hold of the decoder and the state for each.

Made from the examples in `schemas/` and from odd pieces of every field, damaged byte by byte and
stretched up to the largest value that is read. A seed gives the same inputs again.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from stream_app.core import facts
from stream_app.core.calendar import Calendar
from stream_app.core.customer import Customer
from stream_app.core.days import LAYOUTS
from stream_app.core.events import Event
from stream_app.wire import state
from stream_app.wire.events import Decoder
from stream_app.wire.record import Record
from stream_app.wire.refusal import MAX_DETAIL, Reason, Refusal
from tests import examples
from tests.core.naive_decoder import MAX_VALUE, TYPES, RawRecord
from tests.wire.test_decoder_equality import ANY, FIRST, HEADERS, PIECES, STAMP_MS

ZONES = {"purchases": "America/New_York", "signups": "UTC", "activity": "Asia/Kolkata"}
KINDS = [(role, kind) for role, kinds in TYPES.items() for kind in kinds]
NAMES = sorted(PIECES)
DAMAGE = (
    b"", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"0", b"9", b"e", b"-", b".", b" ",
    b"\xff", b"\xc3", b"\x00", b"null", b"\\u", b"\\ud800", b"1e999", b"\xf0\x9f\x98\x80",
)  # fmt: skip
SMALL_BYTES = 2_000
"""Of the examples that are taken; larger inputs are made by stretching."""

SLOW_SECONDS = 0.010
"""CPU time that no input may take."""
NOTABLE_SECONDS = 0.001
LARGE_BYTES, LARGE_SLOW_SECONDS = 256 << 10, 0.050
"""The known limit: an input longer than this may take so much (a megabyte of the shortest order
lines, or of brackets, takes 15-20 ms, and a busy machine doubles that)."""
LOOKS = 5
"""An input that seems slow is measured so often again: the fastest counts."""
DAYS_KEPT = 30_000
"""Events of one customer, on as many random days since 1970; then another one begins."""
STATE_BYTES, WIDEST_STATE_BYTES = 400 << 10, 800_000
"""Of a customer with an order on every day since 1970; the same where a day's sum needs more than 7
bytes, which is 36 orders of the largest amount."""
USUAL_ROW_BYTES = 18


class Inputs:
    """Endless records, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._number = 0
        everything = examples.accepted() + examples.refused()
        self._examples = [
            one.raw for one in everything if one.raw.value and len(one.raw.value) < SMALL_BYTES
        ]

    def __iter__(self) -> Iterator[RawRecord]:
        rng = self._random
        while True:
            self._number += 1
            raw = self._of_pieces() if rng.random() < 0.7 else rng.choice(self._examples)
            draw = rng.random()
            if draw < 0.3:
                raw = raw._replace(value=self._damaged(raw.value or b""))
            elif draw < 0.35:
                raw = raw._replace(value=self._stretched(raw.value or b""))
            yield raw

    def _of_pieces(self) -> RawRecord:
        """A good record of some type with a few of its pieces changed, lost, or said twice."""
        rng = self._random
        role, kind = rng.choice(KINDS)
        members = {"type": f'"{kind}"', **FIRST, "event_id": f'"f-{self._number}"'}
        members["occurred_at"] = members["ordered_at"] = self._day()
        twice = ""
        for _ in range(rng.choice((0, 0, 0, 1, 1, 2, 3))):
            name = rng.choice(NAMES)
            piece = rng.choice(PIECES[name] if rng.random() < 0.8 else ANY)
            if rng.random() < 0.2:
                members.pop(name, None)
            elif rng.random() < 0.1:
                twice += f', "{name}": {piece}'
            else:
                members[name] = piece
        texts = [f'"{name}": {piece}' for name, piece in members.items()]
        headers = (rng.choice(HEADERS),) if rng.random() < 0.1 else ()
        key = b"c-1" if rng.random() < 0.95 else rng.choice((None, b"", b"x" * 128, b"\xff"))
        stamp = STAMP_MS if rng.random() < 0.95 else rng.choice((None, 0, -1, 1 << 62))
        value = ("{" + ", ".join(texts) + twice + "}").encode("utf-8", "surrogatepass")
        return RawRecord(role, key, value, stamp, headers)

    def _day(self) -> str:
        rng = self._random
        year, month, day = rng.randrange(1970, 2024), rng.randrange(1, 13), rng.randrange(1, 29)
        return f'"{year}-{month:02d}-{day:02d}T{rng.randrange(24):02d}:00:00Z"'

    def _damaged(self, value: bytes) -> bytes:
        rng, found = self._random, bytearray(value)
        for _ in range(rng.choice((1, 1, 2, 3))):
            start = rng.randrange(len(found) + 1)
            found[start : start + rng.randrange(4)] = rng.choice(DAMAGE)
        return bytes(found)

    def _stretched(self, value: bytes) -> bytes:
        """Some of it again and again, to some thousand bytes, now and then to the limit or past."""
        rng = self._random
        start = rng.randrange(len(value) + 1)
        piece = value[start : start + rng.choice((1, 1, 2, 3, 5, 8, 40, 200))]
        longest = 2 * MAX_VALUE if rng.random() < 0.01 else 8_000
        room = max(0, rng.randrange(longest) - len(value))
        return value[:start] + piece * (room // max(1, len(piece))) + value[start:]


@dataclass
class Findings:
    """What was seen; `wrong` has every input that broke a law, in words."""

    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    slowest_seconds: float = 0.0
    slowest_bytes: int = 0
    largest_state: int = 0
    reasons: set[Reason] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)

    def __add__(self, other: Findings) -> Findings:
        slowest = max((self, other), key=lambda one: one.slowest_seconds)
        return Findings(
            self.inputs + other.inputs,
            self.accepted + other.accepted,
            self.refused + other.refused,
            slowest.slowest_seconds,
            slowest.slowest_bytes,
            max(self.largest_state, other.largest_state),
            self.reasons | other.reasons,
            self.wrong + other.wrong,
        )


class Laws:
    """No exception but a refusal of one line; no slow input; no state over its bound."""

    def __init__(self) -> None:
        self.findings = Findings()
        self._decoders = {
            role: Decoder(role, Calendar(zone), "USD", MAX_VALUE) for role, zone in ZONES.items()
        }
        self._customers: dict[str, Customer] = {}

    def check(self, raw: RawRecord) -> None:
        """One input more."""
        findings = self.findings
        findings.inputs += 1
        record = Record(raw.role, 0, 0, raw.timestamp_ms, raw.key, raw.value, raw.headers)
        decoder = self._decoders[raw.role]
        began = time.thread_time()
        try:
            found = decoder.decode(record)
        except Exception as error:  # whatever it is, it is what is looked for
            self._wrong(raw, f"raised {error!r}")
            return
        seconds = time.thread_time() - began
        if seconds > SLOW_SECONDS or seconds > max(findings.slowest_seconds, NOTABLE_SECONDS):
            self._slow(raw, record, decoder, seconds)
        if isinstance(found, Refusal):
            findings.refused += 1
            findings.reasons.add(found.reason)
            if not (0 < len(found.detail) <= MAX_DETAIL and found.detail.isprintable()):
                self._wrong(raw, f"detail {found.detail!r}")
        else:
            findings.accepted += 1
            self._fold(raw, found)
        if findings.inputs % 64 == 0 and decoder.decode_by_rules(record) != found:
            self._wrong(raw, f"{found} by the fast way alone")

    def _slow(self, raw: RawRecord, record: Record, decoder: Decoder, seconds: float) -> None:
        """Another process may have had the cache, or a collection its turn: look again."""
        for _ in range(LOOKS):
            began = time.thread_time()
            decoder.decode(record)
            seconds = min(seconds, time.thread_time() - began)
        if seconds > self.findings.slowest_seconds:
            self.findings.slowest_seconds = seconds
            self.findings.slowest_bytes = len(raw.value or b"")
        bound = SLOW_SECONDS if len(raw.value or b"") <= LARGE_BYTES else LARGE_SLOW_SECONDS
        if seconds > bound:
            self._wrong(raw, f"took {seconds * 1000:.1f} ms")

    def _fold(self, raw: RawRecord, event: Event) -> None:
        customer = self._customers.setdefault(event.customer_id, Customer())
        customer.apply(event)
        size = len(customer.facts)
        self.findings.largest_state = max(self.findings.largest_state, size)
        row = LAYOUTS[customer.facts[0]].size
        if size > (STATE_BYTES if row <= USUAL_ROW_BYTES else WIDEST_STATE_BYTES):
            self._wrong(raw, f"made a state of {size} bytes, rows of {row}")
        if customer.applied % 1_000 == 0:
            facts.check(customer.facts)
            if state.decode(state.encode(customer)) != customer:
                self._wrong(raw, "made a state that does not come back as it was")
        if customer.applied >= DAYS_KEPT or len(self._customers) > 1_000:
            self._customers.clear()

    def _wrong(self, raw: RawRecord, what: str) -> None:
        shown = repr(raw._replace(value=(raw.value or b"")[:200]))
        self.findings.wrong.append(f"{what}: {shown}, {len(raw.value or b'')} bytes")


def fuzz(seed: int, inputs: int) -> Findings:
    """Check so many inputs."""
    laws = Laws()
    for raw, _ in zip(Inputs(seed), range(inputs), strict=False):
        laws.check(raw)
    return laws.findings
