"""Partitions as producers choose them."""

from __future__ import annotations

from zlib import crc32 as zlib_crc32

import pytest
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import given
from hypothesis import strategies as st

from stream_app.wire.partitioner import PARTITIONERS, crc32, murmur2


@pytest.mark.parametrize(
    ("key", "hashed"),
    [(b"21", -973932308), (b"foobar", -790332482), (b"a-little-bit-long-string", -985981536),
     (b"abc", 479470107)],
)  # fmt: skip
def test_murmur2_gives_the_values_of_kafkas_own_test(key: bytes, hashed: int) -> None:
    """org.apache.kafka.common.utils.UtilsTest.testMurmur2."""
    assert murmur2(key, 1_000_003) == (hashed & 0x7FFFFFFF) % 1_000_003


@given(st.binary(max_size=300), st.integers(1, 1_000))
def test_murmur2_agrees_with_aiokafka(key: bytes, partitions: int) -> None:
    assert murmur2(key, partitions) == (aiokafka_murmur2(key) & 0x7FFFFFFF) % partitions


@given(st.binary(max_size=100), st.integers(1, 1_000))
def test_crc32_is_that_of_librdkafka(key: bytes, partitions: int) -> None:
    assert crc32(key, partitions) == zlib_crc32(key) % partitions


def test_trust_checks_nothing() -> None:
    assert PARTITIONERS["trust"] is None
