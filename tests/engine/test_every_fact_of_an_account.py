"""Every fact of the definition, through merging, pushes, checks and replay lines."""

import ast
import json
import re
from pathlib import Path

import msgspec
import pytest
from facts_samples import payment_members, profile
from small_engine import NOW, check, push, tenant

from reputation.engine.limiter import Limiter
from reputation.engine.replay import Replay
from reputation.state.billing import News, after_news, after_push
from reputation.state.facts import NOTHING, PROFILE, carried, from_push, merged
from reputation.wire.messages import NESTED, Account, AccountFacts, wire_type

FACTS = sorted(PROFILE)


def pushed(variant=0, **more):
    return msgspec.convert({**profile(variant), **more}, AccountFacts, dec_hook=wire_type)


def nested(fact):
    return isinstance(profile()[fact], dict) and fact != "organisation"


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_alone_is_kept_and_shown(fact):
    facts = from_push(msgspec.convert({fact: profile()[fact]}, AccountFacts, dec_hook=wire_type), ())
    assert json.loads(msgspec.json.encode(getattr(facts, fact))) == profile()[fact]
    assert [name for name in PROFILE if getattr(facts, name) is not None] == [fact]


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_of_a_check_serves_where_nothing_was_pushed_and_loses_where_something_was(fact):
    brought = carried(msgspec.convert({"id": "a", fact: profile(1)[fact]}, Account, dec_hook=wire_type))
    whole = from_push(pushed(), ())
    assert getattr(merged(NOTHING, brought), fact) == getattr(brought, fact)
    assert merged(whole, brought) == whole


@pytest.mark.parametrize("fact", [fact for fact in FACTS if nested(fact)])
def test_a_member_of_a_fact_is_filled_by_a_check_and_the_others_stay(fact):
    for member in profile()[fact]:
        rest = {name: value for name, value in profile()[fact].items() if name != member}
        before = from_push(msgspec.convert({fact: rest}, AccountFacts, dec_hook=wire_type), ())
        brought = carried(msgspec.convert({"id": "a", fact: profile(1)[fact]}, Account, dec_hook=wire_type))
        found = msgspec.to_builtins(getattr(merged(before, brought), fact))
        assert found == {**rest, member: profile(1)[fact][member]}


@pytest.mark.parametrize("fact", FACTS)
def test_a_push_replaces_a_fact_and_one_without_it_takes_it_away(fact):
    before, after = from_push(pushed(), ()), from_push(pushed(1), ())
    assert getattr(after_push(before, after, 1.0), fact) == getattr(after, fact) != getattr(before, fact)
    assert getattr(after_push(before, from_push(AccountFacts(), ()), 1.0), fact) is None


def test_what_events_said_of_payment_stays_until_a_push_names_it():
    before = after_news(from_push(pushed(), ()), News(NOW, "failed", names=("ch_1",), paid=850), NOW).facts
    after = after_push(before, from_push(AccountFacts(plan="free"), ()), NOW + 1)
    assert (after.plan, after.payment.settled_usd, after.payment.status) == ("free", 8.5, "failed")
    assert [name for name in payment_members() if getattr(after.payment, name) is not None] == ["status", "settled_usd"]
    body = msgspec.convert({"payment": {"settled_usd": 7.0}}, AccountFacts)
    named = after_push(after, from_push(body, ()), NOW + 2)
    assert (named.payment.settled_usd, named.payment.status) == (7.0, "failed")


def test_a_replay_line_is_a_push(addresses):
    engine = tenant(addresses)

    line = {"kind": "account", "at": NOW, "id": "a", **profile()}
    list(
        Replay(Limiter({"default": engine}), lambda _: None, reasons=True, skip_bad=False).run(
            [json.dumps(line).encode()]
        )
    )
    assert engine.state.row("a").facts == msgspec.structs.replace(from_push(pushed(), ()), payment_at=NOW)


def test_a_check_with_every_fact_is_judged(addresses):
    engine = tenant(addresses)
    push(engine, "a", **{name: value for name, value in profile().items() if name != "signup"})
    assert check(engine, account={"id": "a", **profile()}).decision == "allow"
    assert check(engine, account={"id": "b", **profile()}).decision == "allow"


def test_litellm_passes_every_fact_on():
    """Its plug-in is a file that LiteLLM loads by its name, so it has a list of its own."""
    source = (Path(__file__).parents[2] / "plugins" / "litellm" / "headcount_litellm.py").read_text(encoding="utf-8")
    named = next(line for line in source.splitlines() if line.startswith("FACTS = "))
    assert set(ast.literal_eval(named.removeprefix("FACTS = "))) == set(PROFILE)


def test_the_page_of_the_api_shows_every_fact():
    page = (Path(__file__).parents[2] / "docs" / "api.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^## POST /v1/check\n.*?^```json\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    names = [*PROFILE, *(field for kind in NESTED.values() for field in kind.__struct_fields__)]
    assert [name for name in names if f'"{name}":' not in shown] == []


@pytest.mark.parametrize("empty", [{}, {"verified": True}, {"id": "", "verified": True}])
def test_an_organisation_without_an_id_counts_as_missing(empty):
    assert from_push(msgspec.convert({"organisation": empty}, AccountFacts, dec_hook=wire_type), ()) == NOTHING
    assert carried(msgspec.convert({"id": "a", "organisation": empty}, Account, dec_hook=wire_type)) is None
