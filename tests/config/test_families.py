"""Families of evidence: what a module may say of itself, and clear errors where it says it wrongly."""

import importlib
from itertools import count

import pytest
from small_engine import NOW, check, points, tenant

from reputation.config.families import load_signal
from reputation.signals.signal import BUILT_IN
from reputation.wire.errors import SettingError

_numbers = count()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write a module out of the tree; returns its dotted name."""
    monkeypatch.syspath_prepend(tmp_path)

    def write(text):
        name = f"outside{next(_numbers)}"
        (tmp_path / name).mkdir()
        (tmp_path / name / "signal.py").write_text(text)
        importlib.invalidate_caches()
        return f"{name}.signal"

    return write


EVIDENCE = "def evidence(seen, now):\n    return []\n"


def test_a_module_that_says_nothing_is_neither_own_nor_hard_evidence(module):
    said = load_signal("t", module(EVIDENCE)).declared
    assert (said.cap, said.own, said.hard) == (1.0, False, frozenset())


def test_a_module_says_its_cap_and_what_its_evidence_is(addresses, module):
    name = module("CAP = 2\nOWN_EVIDENCE = True\nHARD_EVIDENCE = {'theft'}\n" + EVIDENCE)
    family = tenant(addresses, weights={name: 0.5}).tenant.families[name]
    assert (family.weight, family.cap, family.own, family.hard) == (0.5, 2.0, True, {"theft"})
    assert tenant(addresses, weights={name: 0.5}, caps={name: 3}).tenant.families[name].cap == 3.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"CAP = 11\n{EVIDENCE}", "<= 10.* at `\\$.CAP`"),
        (f"CAP = 'much'\n{EVIDENCE}", "at `\\$.CAP`"),
        (f"OWN_EVIDENCE = 'yes'\n{EVIDENCE}", "Expected `bool`.*OWN_EVIDENCE"),
        (f"OWN_EVIDENCE = True\nHARD_EVIDENCE = 'theft'\n{EVIDENCE}", "Expected `array`.*HARD_EVIDENCE"),
        (f"HARD_EVIDENCE = {{'theft'}}\n{EVIDENCE}", "add OWN_EVIDENCE = True"),
        ("CAP = 1\n", "a function `evidence`"),
        ("this is no Python\n", "a function `evidence`"),
        ("import no_such_thing\n" + EVIDENCE, "must be importable.*no_such_thing"),
        ("def evidence(seen):\n    return []\n", "must take two arguments, seen and now"),
        ("def evidence(seen, now):\n    pass\n", r"outside\d+\.signal' returned NoneType; return a list of Reason"),
        ("def evidence(seen, now):\n    return ()\n", r"outside\d+\.signal' returned tuple; return a list of Reason"),
        ("def evidence(seen, now):\n    return seen.address.asn\n", "fails for a check without facts: AttributeError"),
    ],
)
def test_a_module_that_cannot_work_is_an_error_at_its_weight(module, text, said):
    name = module(text)
    with pytest.raises(SettingError, match=said) as caught:
        load_signal("t", name)
    assert caught.value.path == ("tenants", "t", "weights", name)


def test_a_name_without_a_dot_is_a_built_in_family():
    for word in ("seen", "believed", "velocty"):
        with pytest.raises(SettingError, match="no such family of evidence"):
            load_signal("t", word)


@pytest.mark.parametrize("family", BUILT_IN)
def test_hard_evidence_of_a_built_in_family_is_the_account_s_own(family):
    said = load_signal("t", family).declared
    assert said.cap > 0
    assert said.own or not said.hard


READS = """
from reputation.wire.messages import Reason


def evidence(seen, now):
    parts = (seen.client.ja4, seen.client.user_agent, seen.request.route, seen.request.model, seen.facts.email_domain)
    return [Reason("all_of_it", 0.1, " ".join(map(str, parts)))]
"""


def test_a_module_sees_the_request_and_the_facts(addresses, module):
    engine = tenant(addresses, weights={module(READS): 1})
    account = {"id": "a", "key": "sk-secret", "email_domain": "mail.example"}
    client = {"ja4": "t13d1516h2_8daaf6152771_d8a2da3f94cd", "user_agent": "curl/8"}
    verdict = check(engine, account=account, client=client, request={"route": "/v1/messages", "model": "m"})
    assert points(verdict)["all_of_it"] == 0.1
    assert verdict.reasons[-1].detail == "t13d1516h2_8daaf6152771_d8a2da3f94cd curl/8 /v1/messages m mail.example"
    _, explained = engine.verdicts.get(verdict.id, NOW)
    assert explained.reasons == verdict.reasons


@pytest.mark.parametrize(("found", "word"), [("None", "NoneType"), ("('scripted', 0.5)", "tuple")])
def test_a_module_that_returns_no_list_for_some_checks_is_named_at_the_first_of_them(addresses, module, found, word):
    name = module(f"def evidence(seen, now):\n    return [] if seen.client.user_agent is None else {found}\n")
    engine = tenant(addresses, weights={name: 1})
    check(engine, account={"id": "a"})
    with pytest.raises(TypeError, match=f"{name}' returned {word}; return a list of Reason, empty without evidence"):
        check(engine, account={"id": "a"}, client={"user_agent": "curl/8"})


def test_a_family_of_the_package_that_returns_no_list_is_an_error_too(monkeypatch):
    monkeypatch.setattr("reputation.signals.velocity.evidence", lambda _seen, _now: None)
    with pytest.raises(SettingError, match="'velocity' returned NoneType; return a list of Reason"):
        load_signal("t", "velocity")
