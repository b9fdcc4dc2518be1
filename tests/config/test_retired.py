"""Settings without effect are accepted and named, and everything else is not."""

from reputation.config.file import from_text
from reputation.config.retired import retired

OLD = "tenants:\n  acme:\n    linking:\n      floor: 2\n      without: [neighbourhoods, cells]\n"


def test_each_setting_without_effect_is_named_with_its_tenant_and_the_fix():
    first, second = retired(from_text(OLD).tenants)
    assert first.startswith("tenants.acme.linking.floor has no effect")
    assert "linking.without: neighbourhoods has no effect" in second
    assert first.endswith("remove it")


def test_of_other_settings_nothing_is_said():
    assert list(retired(from_text("tenants:\n  acme:\n    linking:\n      without: [cells]\n").tenants)) == []
