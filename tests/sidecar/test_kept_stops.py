"""Stops on their way into the store: a look-up keeps the waiting stops of the asked tenant, and no other's."""

import pytest
from small_engine import NOW, check, limiter

from reputation.config.file import ExplainSettings
from reputation.sidecar.kept_stops import KeptStops
from reputation.state.stops import MemoryStops
from reputation.wire.errors import NotFound


async def test_a_look_up_keeps_what_waits_of_its_own_tenant_alone(addresses):
    """Else one explained verdict would cost a write for every tenant."""
    both, stops = limiter(addresses, one={}, two={}), MemoryStops()
    kept = KeptStops(both, stops, ExplainSettings, lambda: NOW, pytest.fail)
    verdicts = {name: check(both, tenant=name, account={"id": "a"}, request={"cost": 1e9}) for name in ("one", "two")}
    assert {verdict.decision for verdict in verdicts.values()} == {"throttle"}
    with pytest.raises(NotFound):
        await kept.find(both.tenant("one"), "unknown")
    assert await stops.get("one", verdicts["one"].id, 0.0) is not None
    assert await stops.get("two", verdicts["two"].id, 0.0) is None
    await kept.keep_all()
    assert await stops.get("two", verdicts["two"].id, 0.0) is not None
