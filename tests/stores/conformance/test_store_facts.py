"""Facts: every fact comes back, transactions follow from each other, and a process that starts later finds them."""

import asyncio

import msgspec
import pytest
from facts_samples import profile
from msgspec import structs
from store_place import TENANT, document, known_of, owner_of

from reputation.state.facts import PROFILE, Facts, from_push
from reputation.state.history import MOST_OF_A_KIND, noted
from reputation.state.records import ABSENT
from reputation.state.transactions import AccountData, Document, Stale, Transaction
from reputation.wire.errors import Conflict
from reputation.wire.messages import AccountFacts, IpAddress, Organisation, Payment, Seconds, Signup, wire_type

K1, K2 = bytes(range(16)), bytes(range(16, 32))
EVERYTHING = Facts(
    created_at=1.5e9, plan="paid", verified=("email",), organisation=Organisation("corp", verified=True),
    payment=Payment("ok", "fp", "credit", "411111", "US", 120.5, 1, 0, 20.5), email_domain="example.org",
    signup=Signup(1.4e9, "203.0.113.7", "t13d", "agent", "business", "mobile", "https://example.org/", 41.0),
    keys=(K1, K2), external=(("stripe", "cus_9"),), payment_at=1.6e9, billing=b"\x90",
)  # fmt: skip

ABUSE = noted(b"", "abuse", 1.6e9)


def is_(facts, *outcomes):
    """These facts, whatever they were, in addition to earlier outcomes."""

    def change(before):
        kept = before.outcomes
        for outcome in outcomes:
            kept = noted(kept, outcome, 1.6e9)
        return AccountData(facts, kept)

    return change


def earns(usd, *outcomes):
    """One more payment, whatever was settled before."""

    def change(before):
        facts = before.facts or Facts()
        payment = facts.payment or Payment()
        money = structs.replace(payment, settled_usd=(payment.settled_usd or 0.0) + usd)
        return is_(structs.replace(facts, payment=money), *outcomes)(before)

    return change


async def test_every_member_of_facts_comes_back_as_it_was_also_to_whoever_starts_later(place):
    one = place.open()
    data = AccountData(EVERYTHING, noted(noted(b"", "good", 1.6e9), "abuse", 1.6e9))
    done = await one.commit(TENANT, Transaction("a", is_(EVERYTHING, "good", "abuse"), (Document("seen", "1", b"x"),)))
    assert (done.before, done.after, done.versions) == (AccountData(), data, (1,))
    assert await known_of(one, "a") == data
    for again in place.later():
        assert await known_of(again, "a") == data
        assert (await owner_of(again, K1), await owner_of(again, K2)) == ("a", "a")
        assert (await document(again, "1")).body == b"x"
        free = structs.replace(EVERYTHING, plan="free")
        await again.commit(
            TENANT, Transaction("a", lambda before: before._replace(facts=structs.replace(before.facts, plan="free")))
        )
        assert await known_of(again, "a") == data._replace(facts=free)


async def test_times_of_nought_are_times(place):
    """As the wire has them; what is kept of them can be written again."""
    one = place.open()
    body = AccountFacts(created_at=Seconds(0.0), signup=Signup(at=Seconds(0.0), ip=IpAddress("::")))
    await one.commit(TENANT, Transaction("a", is_(from_push(body, ()))))
    for again in place.later():
        kept = Facts(created_at=0.0, signup=Signup(at=0.0, ip="::"))
        assert await known_of(again, "a") == AccountData(kept)
        await again.commit(TENANT, Transaction("a", lambda before: is_(before.facts, "good")(before)))
        assert await known_of(again, "a") == AccountData(kept, noted(b"", "good", 1.6e9))


async def test_a_hundred_at_once_follow_from_each_other(place):
    """Money is the sum, and each document was put once."""
    one = place.open()
    added = [
        one.commit(TENANT, Transaction("a", earns(10.0, "abuse"), (Document("seen", str(i), b"", ABSENT),)))
        for i in range(100)
    ]
    await asyncio.gather(*added)
    data = await known_of(one, "a")
    assert (data.facts.payment.settled_usd, data.outcomes) == (1000.0, MOST_OF_A_KIND * ABUSE)
    for again in place.later():
        assert await known_of(again, "a") == data


async def test_a_document_of_another_version_keeps_everything_as_it_was(place):
    one = place.open()
    once = Transaction("a", earns(10.0, "abuse"), (Document("other", "1", b"y"), Document("seen", "1", b"x", ABSENT)))
    outcomes = await asyncio.gather(
        one.commit(TENANT, once), one.commit(TENANT, once), one.commit(TENANT, once), return_exceptions=True
    )
    stale = [outcome for outcome in outcomes if isinstance(outcome, Stale)]
    assert [outcome.place for outcome in stale] == [1, 1]
    assert await known_of(one, "a") == AccountData(Facts(payment=Payment(settled_usd=10.0)), ABUSE)
    for again in place.later():
        assert (await known_of(again, "a")).facts.payment.settled_usd == 10.0
        assert (await document(again, "1")).version == 1


async def test_a_key_of_another_account_is_refused_and_nothing_is_kept(place):
    one = place.open()
    await one.commit(TENANT, Transaction("a", is_(Facts(keys=(K1,)))))
    with pytest.raises(Conflict) as refused:
        await one.commit(TENANT, Transaction("b", is_(Facts(keys=(K2, K1)), "abuse"), (Document("seen", "1", b"x"),)))
    assert refused.value.pointer == "/keys/1"
    assert await known_of(one, "b") == AccountData()
    assert (await owner_of(one, K2), await document(one, "1")) == (None, None)


async def test_keys_move_between_accounts_and_belong_to_one_at_a_time(place):
    one = place.open()
    await one.commit(TENANT, Transaction("a", is_(Facts(keys=(K1, K2)))))
    for owner, other in (("b", "a"), ("a", "b"), ("b", "a")):
        await one.commit(TENANT, Transaction(other, is_(Facts())))
        await one.commit(TENANT, Transaction(owner, is_(Facts(keys=(K1, K2)))))
        assert (await owner_of(one, K1), await owner_of(one, K2)) == (owner, owner)
    for again in place.later():
        assert (await owner_of(again, K1), (await known_of(again, "a")).facts) == ("b", Facts())


async def test_a_deletion_forgets_facts_and_keys_and_keeps_outcomes(place):
    """A chargeback is not undone by deleting the account and pushing it again."""
    one = place.open()
    await one.commit(TENANT, Transaction("a", is_(EVERYTHING, "abuse")))
    await one.commit(TENANT, Transaction("a", is_(None)))
    assert (await known_of(one, "a"), await owner_of(one, K1)) == (AccountData(None, ABUSE), None)
    for again in place.later():
        assert await known_of(again, "a") == AccountData(None, ABUSE)
        await again.commit(TENANT, Transaction("a", is_(Facts(plan="paid"))))
        assert await known_of(again, "a") == AccountData(Facts(plan="paid"), ABUSE)


async def test_what_a_change_refuses_is_refused_and_nothing_is_kept(place):
    class RefusedError(Exception):
        pass

    def refuse(_):
        raise RefusedError

    one = place.open()
    with pytest.raises(RefusedError):
        await one.commit(TENANT, Transaction("a", refuse, (Document("seen", "1", b"x"),)))
    assert (await known_of(one, "a"), await document(one, "1")) == (AccountData(), None)


async def test_a_document_can_tell_of_the_facts_before_and_after(place):
    """Such as a line of the audit log; of changes at the same time each tells of its own."""
    one = place.open()
    await one.commit(TENANT, Transaction("a", earns(1.0)))

    def usd(before, after):
        return f"{before.payment.settled_usd:g} {after.payment.settled_usd:g}".encode()

    lines = [Document("seen", str(i), usd, ABSENT) for i in range(9)]
    await asyncio.gather(*[one.commit(TENANT, Transaction("a", earns(1.0), documents=(line,))) for line in lines])
    data = [(await document(one, str(i))).body for i in range(9)]
    assert sorted(data) == [f"{n} {n + 1}".encode() for n in range(1, 10)]


async def test_changes_on_three_replicas_at_once_follow_from_each_other(place):
    several = place.replicas(3)
    changes = [several[i % 3].commit(TENANT, Transaction("a", earns(10.0, "abuse"))) for i in range(60)]
    await asyncio.gather(*changes)
    for one in several:
        known = await known_of(one, "a")
        assert (known.facts.payment.settled_usd, known.outcomes) == (600.0, MOST_OF_A_KIND * ABUSE)


@pytest.mark.parametrize("fact", sorted(PROFILE))
async def test_each_fact_that_is_defined_comes_back_alone(place, fact):
    """A fact that is added to `Profile` is tried here without a line of its own."""
    one = place.open()
    body = msgspec.convert({fact: profile()[fact]}, AccountFacts, dec_hook=wire_type)
    facts = from_push(body, ())
    await one.commit(TENANT, Transaction("a", is_(facts)))
    for store in (one, *place.later()):
        assert await known_of(store, "a") == AccountData(facts)


async def test_an_account_is_forgotten_whole(place):
    one = place.open()
    await one.commit(TENANT, Transaction("a", is_(EVERYTHING, "abuse")))
    await one.commit(TENANT, Transaction("a", lambda _: AccountData()))
    for store in (one, *place.later()):
        assert (await known_of(store, "a"), await owner_of(store, K1)) == (AccountData(), None)


async def test_tenants_have_accounts_and_keys_of_their_own(place):
    one = place.open()
    await one.commit("other", Transaction("a", is_(EVERYTHING)))
    assert (await known_of(one, "a"), await owner_of(one, K1)) == (AccountData(), None)
    await one.commit(TENANT, Transaction("b", is_(Facts(keys=(K1,)))))
    assert await owner_of(one, K1) == "b"


async def test_names_of_any_text_are_kept_apart(place):
    one = place.open()
    names = ["a", "A", " a", "\u00e4", "a\0b", "x" * 1000, "x" * 1001, "{a}"]
    for number, name in enumerate(names):
        await one.commit(TENANT, Transaction(name, is_(Facts(created_at=float(number)))))
    for store in (one, *place.later()):
        assert [(await known_of(store, name)).facts.created_at for name in names] == [*range(len(names))]
