"""What the linker knows of a tenant's plans: newcomer's days, and what an unproven account has by its facts."""

import numpy as np
import pytest

from reputation.config.tenants import TenantSettings, compile_tenant
from reputation.hydra.ledger import Ledger
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.overt import Places
from reputation.hydra.purse import Purses
from reputation.hydra.sightings import Known
from reputation.linking.tenants import plans_of
from reputation.scoring.tiers import Allowance, PlanSettings

NOW = 1_790_812_800.0
OWN = Allowance(rate=10.0, burst=100.0, daily=30_000.0)


def plans(**given):
    return plans_of(compile_tenant("t", TenantSettings(plans=given)))


def test_a_plan_with_allowances_has_its_ladder():
    found = plans()
    assert found.entry["free"] == {"email": 50.0, "phone": 100.0, "prepaid": 100.0, "card": 200.0}
    assert (found.newcomer["free"], found.full["free"]) == (200.0, 5000.0)


@pytest.mark.parametrize("how", [PlanSettings(entry="off"), PlanSettings(entry=False)])
def test_a_plan_without_allowances_has_no_newcomers_day_but_what_its_tier_gives(how):
    assert set(plans(free=how).entry["free"].values()) == {5000.0}
    assert set(plans(free=how).entry_default.values()) == {5000.0}


def test_a_plan_whose_limits_are_its_own_has_these():
    assert set(plans(pro=PlanSettings(standard=OWN)).entry["pro"].values()) == {30_000.0}


def test_use_on_a_plan_without_allowances_is_bounded_by_the_day_of_the_plan_that_it_is_like():
    found = plans(pro=PlanSettings(like="paid", entry="off"), team=PlanSettings(like="pro"))
    assert (found.newcomer["pro"], found.newcomer["team"], found.newcomer["paid"]) == (1000.0, 1000.0, 1000.0)


def test_members_of_an_organisation_on_such_a_plan_are_never_worse_off_than_alone():
    """A newcomer on the plan may use all that its tier gives, so two of them in one organisation may use twice that."""
    settings, ledger = LinkerSettings(plans=plans(pro=PlanSettings(standard=OWN))), Ledger()
    for name in ("a", "b"):
        ledger.know(Known(name, NOW, plan="pro", organisation="corp", organisation_verified=True))
    ledger.absorb()
    members = np.array([ledger.accounts.ids[name] for name in ("a", "b")])
    purses = Purses(ledger, settings, Places(ledger), 10.0, None, NOW)
    assert purses.alone(members).tolist() == [30_000.0, 30_000.0]
