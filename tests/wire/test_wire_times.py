"""Times on the wire: whatever a number is, it is a time or an error, never a failure of ours."""

import msgspec
import pytest

from reputation.wire.codec import read
from reputation.wire.errors import Problem
from reputation.wire.messages import Request, wire_type

DECODER = msgspec.json.Decoder(Request, dec_hook=wire_type)


@pytest.mark.parametrize(
    "at",
    [
        "1" + "0" * 400,
        "-1",
        "1e400",
        "253402300800",
        "true",
        '"yesterday"',
        "null1",
        '"2026-W40-3T20:00:00Z"',
        '"2026-09-30"',
        '"2026-09-30T20:00:00"',
        '"2026-02-30T20:00:00Z"',
        '"2026-09-30T20:00:61Z"',
        '"20260930T200000Z"',
    ],
)
def test_what_is_no_time_is_refused(at: str) -> None:
    with pytest.raises(Problem):
        read(DECODER, f'{{"account": {{"id": "a"}}, "at": {at}}}'.encode())


@pytest.mark.parametrize("at", ["0", "1790812800.153", '"2026-09-30T20:00:00Z"', "253402300799"])
def test_what_is_a_time_is_taken(at: str) -> None:
    assert read(DECODER, f'{{"account": {{"id": "a"}}, "at": {at}}}'.encode()).at is not None


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-09-30T20:00:00.25Z", 1790798400.25),
        ("2026-09-30t22:00:00+02:00", 1790798400.0),
        ("2016-12-31T23:59:60Z", 1483228800.0),
    ],
)
def test_rfc_3339_is_seconds_since_1970(text: str, at: float) -> None:
    """Fractions, offsets, small letters, and the leap second of 2016."""
    assert read(DECODER, f'{{"account": {{"id": "a"}}, "at": "{text}"}}'.encode()).at == at
