"""What a key is: every spelling in key_spellings.json, as the adapters and the engine read it."""

import pytest
from key_spellings import ACCOUNTS, VECTORS, lines_of

from plugins.headers import check
from reputation.engine.identity import presented
from reputation.wire.gateway import GatewaySettings, HttpMessage
from reputation.wire.ids import hashed, of_text, printed
from reputation.wire.messages import Account

SECRET = b"a hash key of the tests alone"


def stored(key):
    return printed(hashed(key, SECRET))


OWNERS = {hashed(key, SECRET): account for key, account in ACCOUNTS.items()}


def judged_as(account: Account):
    """The accounts that a check would be judged as."""
    if account.key is not None:
        digest = hashed(account.key, SECRET)
        return {OWNERS.get(digest) or "key:" + printed(digest)}
    return set(presented(account, OWNERS, SECRET))


def unknown(key):
    return "key:" + printed(of_text(key, SECRET))


def expected(vector):
    """The accounts that a vector must be judged as; None: 400."""
    if "status" in vector:
        return None
    if "account" in vector:
        return {vector["account"]}
    return {*vector.get("accounts", ()), *map(unknown, [*vector.get("keys", ()), *filter(None, [vector.get("key")])])}


def by_adapters(vector):
    lines = [(name.lower().encode(), value) for name, value in lines_of(vector, stored)]
    message = HttpMessage(b"GET", b"/", [*lines, (b"x-forwarded-for", b"192.0.2.1")])
    try:
        return check(message, "default", GatewaySettings(key_header=vector.get("key_header")), "/")
    except ValueError:
        return None


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_a_spelling_is_judged_as_the_account_that_apis_read_in_it(vector):
    made = by_adapters(vector)
    found = None if made is None else judged_as(made.account)
    if "not_account" in vector:
        assert vector["not_account"] not in found
    else:
        assert found == expected(vector)
