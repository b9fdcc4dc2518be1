"""Times on the wire: whatever a number is, it is a time or an error, never a failure of ours."""

import msgspec
import pytest

from reputation.errors import Problem
from reputation.events import Request, wire_type
from reputation.wire import read

DECODER = msgspec.json.Decoder(Request, dec_hook=wire_type)


@pytest.mark.parametrize("at", ["1" + "0" * 400, "-1", "1e400", "253402300800", "true", '"yesterday"', "null1"])
def test_what_is_no_time_is_refused(at: str) -> None:
    with pytest.raises(Problem):
        read(DECODER, f'{{"account": {{"id": "a"}}, "at": {at}}}'.encode())


@pytest.mark.parametrize("at", ["0", "1790812800.153", '"2026-09-30T20:00:00Z"', "253402300799"])
def test_what_is_a_time_is_taken(at: str) -> None:
    assert read(DECODER, f'{{"account": {{"id": "a"}}, "at": {at}}}'.encode()).at is not None
