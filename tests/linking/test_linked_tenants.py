"""What a linker found outlives it as far as the next one cannot know it yet."""

from crude_hydra import HOUR, START
from msgspec import structs

from reputation.hydra.links import NOTHING, Budget
from reputation.linking.tenants import with_inherited


def test_neighbourhoods_outlive_a_linker_until_the_next_has_seen_a_day() -> None:
    """Else a restart would lift the budgets of crowded places until their demand has been seen again."""
    crowded = {("ja4", "x"): Budget(20.0, 9, 2.0), ("ja4", "y"): Budget(20.0, 9, 2.0)}
    before = structs.replace(NOTHING, at=START, neighbourhoods=crowded)
    now = structs.replace(NOTHING, at=START + HOUR, neighbourhoods={("ja4", "x"): Budget(30.0, 9, 3.0)})
    merged = with_inherited(now, before).neighbourhoods
    assert {key: budget.daily for key, budget in merged.items()} == {("ja4", "x"): 30.0, ("ja4", "y"): 20.0}
    assert with_inherited(structs.replace(now, at=START + 24 * HOUR), before).neighbourhoods == now.neighbourhoods
