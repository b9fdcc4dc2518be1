"""What the linker remembers: within bounds, for as long as it says, the same however it arrived."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reputation.hydra import ledger as ledger_module
from reputation.hydra.forgetting import IDLE, UNCONFIRMED_IDLE, forget
from reputation.hydra.ledger import CONFIRMED, OUTCOME_STANDS, Ledger
from reputation.hydra.sightings import Known, Sighting

NOW, DAY, HOUR = 1_790_000_000.0, 86_400.0, 3600.0
SIGHTINGS = st.lists(
    st.builds(
        Sighting, st.floats(NOW - DAY, NOW), st.sampled_from("abc"), st.sampled_from(["h1", "h2", None]),
        session=st.sampled_from(["s1", None]), stopped=st.booleans(), cost=st.floats(0, 100),
    ),
    max_size=30,
)  # fmt: skip


def ledger(sightings=(), **bounds):
    made = Ledger(**bounds)
    for sighting in sightings:
        made.see(sighting)
    made.absorb()
    made.turn(NOW)
    return made


def remembered(made):
    """Everything by name, whatever numbers were handed out."""
    hosts = made.pairs["host"]
    pairs = {
        (made.accounts.names[a], made.name_of("host", v)): (float(count), first, last)
        for a, v, count, first, last in zip(
            hosts.accounts, hosts.values, hosts.count, hosts.first, hosts.last, strict=True
        )
    }
    columns = zip(made.accounts.names, made.demand().round(2), made.use().round(2), made.column("last"), strict=True)
    return pairs, {name: values for name, *values in columns}


@settings(deadline=None)
@given(SIGHTINGS, st.randoms())
def test_the_order_of_sightings_does_not_matter(sightings, dice):
    shuffled = dice.sample(sightings, len(sightings))
    assert remembered(ledger(sightings)) == remembered(ledger(shuffled))


def test_a_stopped_request_is_demand_and_not_use():
    made = ledger([Sighting(NOW, "a", cost=3.0), Sighting(NOW, "a", cost=4.0, stopped=True)])
    assert made.demand().tolist() == [7.0]
    assert made.use().tolist() == [3.0]


def test_demand_is_that_of_the_last_day():
    made = ledger([Sighting(NOW - 25 * HOUR, "a", cost=3.0), Sighting(NOW, "a")])
    assert made.demand().tolist() == [1.0]
    made.turn(NOW + 25 * HOUR)
    assert made.demand().tolist() == [0.0]


def test_an_outcome_counts_for_ninety_days_and_the_newest_wins():
    made = ledger()
    made.mark("a", "accused", NOW)
    assert made.accused(NOW + OUTCOME_STANDS).tolist() == [True]
    assert made.accused(NOW + OUTCOME_STANDS + 1).tolist() == [False]
    made.mark("a", "cleared", NOW + DAY)
    assert (made.accused(NOW + DAY)[0], made.cleared(NOW + DAY)[0]) == (False, True)
    made.mark("a", "accused", NOW + 2 * DAY)
    assert (made.accused(NOW + 2 * DAY)[0], made.cleared(NOW + 2 * DAY)[0]) == (True, False)


def test_facts_told_again_leave_an_outcome_as_it_was():
    made = ledger()
    made.mark("a", "accused", NOW)
    made.know(Known("a", NOW))
    assert made.accused(NOW).tolist() == [True]


def test_made_up_accounts_push_out_only_each_other():
    made = Ledger(most_accounts=2, most_unconfirmed=2)
    for name in ("x", "y", "z"):
        made.see(Sighting(NOW, name))
    made.absorb()
    assert made.dropped == 1
    made.know(Known("a"))
    made.know(Known("b"))
    made.know(Known("c"))
    assert made.dropped == 2
    assert {name for name in made.accounts.names if name} == {"x", "y", "a", "b"}


def test_who_is_idle_is_forgotten_the_unconfirmed_sooner():
    made = ledger([Sighting(NOW, "made-up"), Sighting(NOW, "known")])
    made.know(Known("known"))
    forget(made, NOW + UNCONFIRMED_IDLE + 1)
    assert made.accounts.ids.keys() == {None, "known"}
    assert made.unconfirmed == 0
    assert made.flagged(CONFIRMED).sum() == 1
    forget(made, NOW + IDLE + 1)
    assert made.accounts.ids.keys() == {None}


def test_a_number_that_is_used_again_remembers_nothing_of_the_account_before():
    made = ledger([Sighting(NOW, "old", host="h", stopped=True)])
    made.mark("old", "accused", NOW)
    forget(made, NOW + IDLE + 1)
    made.see(Sighting(NOW + IDLE + 2, "new"))
    made.absorb()
    assert made.accounts.ids["new"] == 0
    assert not made.accused(NOW).any()
    assert np.isnan(made.column("created")[0])
    assert len(made.pairs["host"]) == 0


def test_one_odd_sighting_does_not_make_a_school_a_network_for_hire():
    ledger = Ledger()
    for n in range(20):
        ledger.see(Sighting(NOW, f"p{n}", host="192.0.2.9", net="192.0.2.0/24", asn=7, network="education"))
    ledger.see(Sighting(NOW, "stranger", host="192.0.2.77", net="192.0.2.0/24", asn=7, network="tor"))
    ledger.absorb()
    schools = ledger.names["net"].numbers(["192.0.2.0/24"])
    exits = ledger.names["host"].numbers(["192.0.2.77"])
    assert ledger.inhabited("net", schools).all()
    assert not ledger.inhabited("host", exits).any()


@settings(deadline=None)
@given(SIGHTINGS, st.integers(0, 30))
def test_sightings_that_come_together_are_taken_in_as_one_by_one(seen, cut):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger_module, "BATCH", 7)
        one_by_one, together = Ledger(), Ledger()
        for sighting in seen:
            one_by_one.see(sighting)
        for part in (seen[:cut], seen[cut:]):
            together.see_many(part)
        assert together.waiting == one_by_one.waiting
        assert together.accounts.names == one_by_one.accounts.names
        assert together.pairs["host"].keys.tolist() == one_by_one.pairs["host"].keys.tolist()


def test_cards_and_mail_domains_of_forgotten_accounts_make_room_for_new_ones():
    made = ledger(most_accounts=4000)
    for month in range(3):
        for i in range(3000):
            made.know(Known(f"a{month}-{i}", card=f"card-{month}-{i}", email_domain=f"{month}-{i}.example"))
        last = int(made.ints["card"][made.accounts.ids[f"a{month}-2999"]])
        assert made.name_of("card", last) == f"card-{month}-2999"
        forget(made, NOW + month * 3 * IDLE)
        forget(made, NOW + month * 3 * IDLE + IDLE + 1)
        assert len([name for name in made.names["mail"].names if name is not None]) <= 1024
