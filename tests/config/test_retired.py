"""Settings without effect are accepted and named, and everything else is not."""

import pytest

from reputation.config.file import from_text
from reputation.config.retired import ineffective, retired
from reputation.config.tenants import TenantSettings, compile_tenant
from reputation.scoring.tiers import EntrySettings, PlanSettings
from reputation.wire.errors import ConfigError

OLD = "tenants:\n  acme:\n    linking:\n      floor: 2\n      without: [neighbourhoods, cells]\n"


def test_each_setting_without_effect_is_named_with_its_tenant_and_the_fix():
    first, second = retired(from_text(OLD).tenants)
    assert first.startswith("tenants.acme.linking.floor has no effect")
    assert "linking.without: neighbourhoods has no effect" in second
    assert first.endswith("remove it")


def test_of_other_settings_nothing_is_said():
    assert list(retired(from_text("tenants:\n  acme:\n    linking:\n      without: [cells]\n").tenants)) == []


def rungs(**entry):
    return list(ineffective(compile_tenant("acme", TenantSettings(entry=EntrySettings(**entry)))))


def test_rungs_that_raise_no_allowance_are_named_with_the_fix():
    assert rungs() == rungs(email=0.5) == rungs(email=1.0, phone=1.0, prepaid=2.0) == []
    phone, prepaid = rungs(email=1.0)
    assert phone.startswith("tenants.acme.entry.phone (0.5) has no effect")
    assert prepaid.endswith("raise prepaid, or lower email")


def test_rungs_above_the_limit_of_the_tier_are_named_with_the_fix():
    (card,) = rungs(card=30.0)
    assert card.startswith("tenants.acme.entry.card gives 6000 units a day on the plan 'free'")
    assert "lower card to 25 at most, or raise plans.free.standard.daily" in card


def test_plans_without_allowances_have_no_rungs_to_warn_of():
    off = {"free": PlanSettings(entry="off"), "paid": PlanSettings(entry="off")}
    settings = TenantSettings(plans=off, entry=EntrySettings(email=1000.0))
    assert list(ineffective(compile_tenant("acme", settings))) == []


def test_an_allowance_of_each_account_above_the_limit_of_the_tier_is_an_error_that_says_what_is_possible():
    with pytest.raises(ConfigError, match=r"line 3: tenants\.acme\.entry\.email: .* lower it to 25 at most"):
        from_text("tenants:\n  acme:\n    entry: {email: 1000}\n")
