"""The short form of `make fuzz`."""

from __future__ import annotations

import pytest

from stream_app.wire.events import Decoder
from stream_app.wire.refusal import Reason, Refusal
from tests.wire.fuzzing import fuzz

SEED, INPUTS = 7, 30_000


def test_no_input_raises_is_slow_or_makes_a_large_state() -> None:
    findings = fuzz(SEED, INPUTS)
    assert not findings.wrong, findings.wrong[:5]
    assert findings.inputs == findings.accepted + findings.refused == INPUTS
    # Else it fuzzes the first few lines of the decoder and nothing behind them.
    assert 0.2 < findings.accepted / INPUTS < 0.8
    # A tombstone is no input, and a partition is not the decoder's affair.
    assert findings.reasons == set(Reason) - {Reason.NULL_VALUE, Reason.WRONG_PARTITION}


@pytest.mark.parametrize("law", ["raised", "detail", "took"])
def test_a_broken_law_is_seen(monkeypatch: pytest.MonkeyPatch, law: str) -> None:
    """A decoder that breaks one has to be made: there is none."""

    def broken(self: Decoder, record: object) -> Refusal:
        if law == "raised":
            raise KeyError
        for _ in range(1_000_000 if law == "took" else 0):
            pass
        return Refusal(Reason.BAD_ID, "two\nlines" if law == "detail" else "fine")

    monkeypatch.setattr(Decoder, "decode", broken)
    findings = fuzz(SEED, 1)
    assert findings.wrong
    assert law in findings.wrong[0]
