"""What a million requests cost an attacker follows from the ladder, the limits and the assumed prices."""

import pytest

from reputation.config.tenant_parts import CredentialPrices, PriceSettings
from reputation.config.tenants import TenantSettings, compile_tenant
from reputation.scoring.tiers import Allowance, EarnedSettings, EntrySettings, PlanSettings
from reputation.tuning.prices import Price, prices


def priced(settings: TenantSettings, newcomers: dict[str, float] | None = None) -> dict[tuple[str, str], Price]:
    return {(price.plan, price.credential): price for price in prices(compile_tenant("t", settings), newcomers or {})}


def test_a_mailbox_buys_its_allowance_and_one_burst_on_the_first_day():
    mailbox = priced(TenantSettings())["free", "mailbox"]
    assert mailbox.first_day == 50 + min(50, compile_tenant("t", TenantSettings()).policy.limits["free"][1].burst.burst)
    assert mailbox.month == pytest.approx(mailbox.first_day + 29 * 50)
    assert mailbox.million == pytest.approx(0.02 / mailbox.month * 1e6, abs=0.01)


def test_a_smaller_allowance_makes_the_million_dearer():
    small = TenantSettings(entry=EntrySettings(email=0.05))
    assert priced(small)["free", "mailbox"].million > 4 * priced(TenantSettings())["free", "mailbox"].million


def test_a_learnt_newcomers_day_moves_the_price():
    dearer = priced(TenantSettings(), {"free": 100.0})["free", "mailbox"]
    assert dearer.million > priced(TenantSettings())["free", "mailbox"].million


def test_the_assumed_price_of_a_credential_is_a_setting():
    settings = TenantSettings(prices=PriceSettings(credentials=CredentialPrices(mailbox=2.0)))
    assert priced(settings)["free", "mailbox"].usd == 2.0
    assert priced(settings)["free", "phone"].usd == 2.26


def test_a_settled_dollar_costs_what_the_setting_says():
    settings = TenantSettings(earned=EarnedSettings(per_usd=500))
    assert priced(settings)["free", "settled_dollar"].million == 2000


def test_without_an_entry_allowance_an_account_has_the_limits_of_its_tier():
    own = Allowance(rate=1.0, burst=10, daily=10_000)
    found = priced(TenantSettings(plans={"free": PlanSettings(standard=own, entry="off")}))
    assert found["free", "mailbox"].month == pytest.approx(20_000 + 29 * 10_000)
    assert ("free", "settled_dollar") not in found


def test_tokens_are_counted_as_ordinary_requests():
    requests, tokens = (priced(TenantSettings(unit=unit))["free", "mailbox"].month for unit in ("requests", "tokens"))
    assert tokens == pytest.approx(requests, rel=0.5)


def test_the_cheapest_million_is_first():
    millions = [price.million for price in prices(compile_tenant("t", TenantSettings())) if price.million is not None]
    assert millions == sorted(millions)


def test_a_dear_plan_is_no_cheaper_than_a_cheap_one_until_money_settled():
    found = priced(TenantSettings())
    assert found["paid", "mailbox"].month < found["free", "mailbox"].month + 60
    settled = found["paid", "virtual_card_settled"]
    assert settled.usd == pytest.approx(13.02)
    assert settled.month > 29 * 1000
    assert found["paid", "mailbox_settled"].month > 29 * 1000
    assert ("free", "mailbox_settled") not in found


def test_with_plan_usd_0_a_dear_plan_has_its_own_day_from_the_beginning():
    found = priced(TenantSettings(earned=EarnedSettings(plan_usd=0.0)))
    assert found["paid", "mailbox"].month > 29 * 250
    assert ("paid", "mailbox_settled") not in found
