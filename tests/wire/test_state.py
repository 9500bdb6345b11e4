"""State bytes: canonical, versioned, and refused when they are none of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from stream_app.core.customer import Customer
from stream_app.core.events import Activity, Purchase, Signup
from stream_app.wire.changelog import (
    Anchor,
    ChangelogCorrupt,
    Claim,
    History,
    RowCounts,
    SourcePosition,
    Watermark,
    decode_claim,
    decode_value,
    decode_watermark,
    encode_claim,
    encode_value,
    encode_watermark,
)
from stream_app.wire.state import STATE_VERSION, StateCorrupt, decode, encode

WATERMARK = Watermark(
    sources={"purchases": SourcePosition(10, Anchor(9, 1_704_110_400_000, b"12345678"), 7, 2, 1)},
    state_version=STATE_VERSION,
    time_zone="UTC",
    currency="USD",
    partitioner="murmur2",
    tzdata="2025b",
    partitions=8,
    max_at_us=5,
    net_minor=-3,
)


def customer() -> Customer:
    one = Customer()
    one.apply(Purchase("c", "e-1", "o-1", 0, 19_723, "USD", 1_234, 1_234))
    one.apply(Purchase("c", "e-2", "o-2", 0, 19_725, "EUR", 500, None))
    one.apply(Signup("c", "s-1", 1_704_034_800_000_000, 19_722, "ads"))
    one.apply(Activity("c", "a-1", 0, 19_723, "login"))
    return one


def test_version_one_bytes_stay_readable() -> None:
    """Bytes written by the first version; they may never change."""
    written = bytes.fromhex(STATE_V1)
    assert encode(customer()) == written
    again = decode(written)
    assert (again.revenue_minor, again.orders, again.rev) == (1_234, 2, 4)
    assert again.unconverted == {"EUR": (500, 0)}
    assert again.active_months == [648]
    assert again.signup is not None
    assert again.signup.channel == "ads"


def test_cut_off_states_are_refused() -> None:
    written = encode(customer())
    for end in range(len(written)):
        with pytest.raises(StateCorrupt, match="state"):
            decode(written[:end])
    with pytest.raises(StateCorrupt, match="identities"):
        decode(written + b"\0")


def test_a_newer_version_is_refused_by_its_number() -> None:
    with pytest.raises(StateCorrupt, match="version 2"):
        decode(b"\2" + encode(customer())[1:])


@given(st.binary(max_size=64))
def test_any_bytes_are_a_state_or_refused(written: bytes) -> None:
    try:
        found = decode(written)
    except StateCorrupt:
        return
    assert encode(found) == written


@given(st.integers(0, 2**64 - 1), st.binary(max_size=40))
def test_a_changelog_value_gives_back_its_epoch_and_body(epoch: int, body: bytes) -> None:
    assert decode_value(encode_value(epoch, body)) == (epoch, body)


def test_control_records_read_back() -> None:
    assert decode_watermark(encode_watermark(WATERMARK)) == WATERMARK
    claim = Claim("host-1", "n", 5)
    assert decode_claim(encode_claim(claim)) == claim


def test_a_watermark_without_a_history_has_the_bytes_it_always_had() -> None:
    """Written by the version before histories; they stay readable and stay the same."""
    assert decode_watermark(bytes.fromhex(WATERMARK_V1)) == WATERMARK
    assert encode_watermark(WATERMARK).hex() == WATERMARK_V1
    assert not WATERMARK.unfinished


@pytest.mark.parametrize("net_minor", [-3, 10**30])
def test_a_watermark_says_what_history_its_state_began_with(net_minor: int) -> None:
    history = History(
        until_us=7, starts={"purchases": 4}, rows={"purchases": RowCounts(5, 1)}, refused=2
    )
    began = structs.replace(WATERMARK, history=history, net_minor=net_minor)
    assert decode_watermark(encode_watermark(began)) == began
    half = structs.replace(began, history=History(until_us=7, finished=False))
    assert decode_watermark(encode_watermark(half)).unfinished
    assert not began.unfinished
    beyond = structs.replace(WATERMARK, net_minor=10**30)
    assert decode_watermark(encode_watermark(beyond)) == beyond


def test_foreign_changelog_records_are_refused() -> None:
    with pytest.raises(ChangelogCorrupt, match="too short"):
        decode_value(b"\1")
    with pytest.raises(ChangelogCorrupt, match="version 9"):
        decode_value(b"\x09" + bytes(8))
    with pytest.raises(ChangelogCorrupt, match="no watermark"):
        decode_watermark(b"\x80")
    with pytest.raises(ChangelogCorrupt, match="no claim"):
        decode_claim(b"")


STATE_V1 = (
    "010007020003000000000000000c4d01d20400000e4d0100000000110000060dcf84f05c004d0b732d31006164"
    "730300890201070045555202f401004d0b9050f7d7e74fe1804d0c8f0637caaa5d64e14d0e0a198b9fc12ca73d"
)
WATERMARK_V1 = (
    "8aa7736f757263657381a970757263686173657385ab6e6578745f6f66667365740aa6616e63686f7283a66f6666"
    "73657409ac74696d657374616d705f6d73cf0000018cc4e52200a6646967657374c4083132333435363738a76170"
    "706c69656407a96475706c696361746502a77265667573656401ad73746174655f76657273696f6e01a974696d65"
    "5f7a6f6e65a3555443a863757272656e6379a3555344ab706172746974696f6e6572a76d75726d757232a6747a64"
    "617461a53230323562aa706172746974696f6e7308a96d61785f76616c7565ce000f0000a96d61785f61745f7573"
    "05a96e65745f6d696e6f72fd"
)
