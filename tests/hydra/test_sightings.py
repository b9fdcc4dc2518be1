"""What the linker is told crosses a pipe, small and unchanged."""

import msgspec
import pytest

from reputation.hydra.sightings import Known, OperatorRuling, Origin, OutcomeNote, Sighting

NOW = 1_790_000_000.0
NOTES = (
    Sighting(NOW, "a", "192.0.2.1", asn=7, content=("00ff00ff00ff00ff",)),
    Known("a", NOW, "free", ("email",), payment_status="ok", settled_usd=3.0),
    Known("b", signup=Origin("192.0.2.0/24", 7, "US", "residential", "t13d", "Chrome", "free")),
    OperatorRuling("split", "h-1", until=NOW, reason="two shops"),
    OutcomeNote("a", "chargeback", NOW),
)


@pytest.mark.parametrize("note", NOTES, ids=lambda note: type(note).__name__)
def test_a_note_crosses_a_pipe_as_it_is_and_in_few_bytes(note):
    data = msgspec.msgpack.encode([note])
    assert msgspec.msgpack.decode(data, type=list[type(note)]) == [note]
    assert len(data) < 90
