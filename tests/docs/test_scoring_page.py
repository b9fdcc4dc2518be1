"""docs/scoring.md has the numbers that the code has, each in the row of its own table."""

import re
from pathlib import Path

import pytest

from reputation.config.families import load_signal
from reputation.config.presets import PRESETS
from reputation.config.tenants import LinkingSettings, TenantSettings
from reputation.scoring.risk import TIERS
from reputation.signals import account, address, asn, hydra, payment, proxy_network, velocity
from reputation.signals.signal import BUILT_IN
from reputation.state.facts import Standards
from reputation.state.history import MARKS, Density
from reputation.state.tenant import MONTH

PAGE = (Path(__file__).parents[2] / "docs" / "scoring.md").read_text(encoding="utf-8")
# the first row of each name, since a few words name a family and a scope
LINES = [line.strip("|").split(" | ") for line in reversed(PAGE.splitlines()) if line.startswith("|")]
ROWS = {cells[0].strip("` "): cells for cells in LINES}
PLAIN = re.sub(r"\s+", " ", PAGE)


@pytest.mark.parametrize("family", BUILT_IN)
def test_a_family_has_its_cap_and_says_whether_others_can_cause_it(family):
    cells, said = ROWS[family], load_signal("t", family).declared
    assert (cells[1], cells[3].strip()) == (f"{said.cap:g}", "no" if said.own else "yes")


@pytest.mark.parametrize(("name", "preset"), PRESETS.items())
def test_a_preset_has_its_prior_and_the_beginnings_of_its_tiers(name, preset):
    assert f"{preset.prior:g} ({name})" in PLAIN
    assert [cell.strip() for cell in ROWS[name][1:]] == [f"{preset.tiers[tier].from_risk:g}" for tier in TIERS[1:]]


@pytest.mark.parametrize(("outcome", "marks"), MARKS.items())
def test_an_outcome_leaves_its_marks(outcome, marks):
    assert [int(cell) for cell in ROWS[outcome][1:]] == list(marks)


@pytest.mark.parametrize("row", velocity.COUNTS, ids=lambda row: row[0])
def test_a_count_has_its_ordinary_level_and_slope(row):
    signal, _, ordinary, slope, words = row
    cells = ROWS[signal]
    assert cells[1].startswith(words)
    assert [cells[2], cells[3].strip()] == [str(ordinary), f"{slope:g}"]


def test_points_of_an_account():
    ages = {f"{points:g} at" for _, points in account.AGE_POINTS}
    assert all(age in ROWS["account_age"][1] for age in ages)
    assert all(f"{what} {points:g}" in ROWS["verification"][1] for what, points in account.VERIFIED_POINTS.items())
    assert (
        ROWS["outcomes_against"][1] == f"{account.AGAINST_POINTS:g} for each mark, {account.MOST_MARKS} marks at most"
    )
    assert ROWS["outcomes_for"][1] == f"{account.FOR_POINTS:g} for each mark, {account.MOST_MARKS} marks at most"


def test_points_of_payment():
    words = [(what, points) for what, (points, _) in {**payment.STATUS_POINTS, **payment.FUNDING_POINTS}.items()]
    assert all(f"{what} {points:g}" in ROWS["payment"][1] or f"{what} {points:g}" in PLAIN for what, points in words)
    assert f"{payment.SETTLED_POINTS:g} · ln(1 + USD ÷ {payment.SETTLED_SCALE:g})" in ROWS["settled"][1]
    assert f"down to {payment.SETTLED_MOST:g}" in ROWS["settled"][1]
    assert ROWS["declines"][1].startswith(f"{payment.DECLINE_POINTS:g} ")
    assert ROWS["disputes"][1].startswith(f"{payment.DISPUTE_POINTS:g} ")
    assert ROWS["issuer_country"][1].startswith(f"{payment.FOREIGN_CARD_POINTS:g} ")


@pytest.mark.parametrize("kind", [kind for kind, (points, _) in proxy_network.KIND_POINTS.items() if points])
def test_a_kind_of_network_has_its_points(kind):
    assert ROWS[kind][1] == f"{proxy_network.KIND_POINTS[kind][0]:g}"


def test_points_of_networks_and_clusters():
    assert ROWS["hosting"][1] == f"{asn.HOSTING_POINTS:g}"
    assert f"Below {address.LEAST:g} it is not worth a line" in PLAIN
    assert address.LEAST == asn.LEAST
    assert f"a prior worth {Density(MONTH, 1)._strength:g} accounts" in PLAIN
    assert f"`cluster`: {hydra.MEMBER_POINTS:g} times the confidence" in PLAIN


def test_rules_and_standards_in_the_text():
    standards, linking, tenant = Standards(), LinkingSettings(), TenantSettings()
    for words in (
        f"only {tenant.hysteresis:g} log-odds below that bound",
        f"settled ≥ {standards.payer_usd:g} USD, at least {standards.payer_days:g} days old",
        f"at least {standards.proven_days:g} days and {standards.proven_usd:g} USD",
        f"accounts of {standards.veteran_days:g} days seen on {standards.veteran_active_days} different days",
        f"Covert evidence | {linking.purse_units:g} typical daily use",
        f"at most {tenant.purse.seats:g} (`purse.seats`)",
        f"its floor of {linking.payer_floor_units:g} typical daily use first",
    ):
        assert words in PLAIN


def test_the_evidence_that_a_stop_needs_is_named():
    """A new kind of hard evidence needs a word in the rule."""
    hard = {signal for family in BUILT_IN for signal in load_signal("t", family).declared.hard}
    assert hard == {"outcomes_against", "disputes", "declines"}
    assert "a decline, a dispute, a failed or disputed payment, or an outcome against the account" in PLAIN
