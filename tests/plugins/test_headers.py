import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from plugins.headers import NO_ADDRESS, address, check, client_address
from reputation.wire.gateway import GatewaySettings, HttpMessage
from reputation.wire.messages import Credential, Request, wire_type

ONE_HOP = GatewaySettings()


def message(*headers: tuple[bytes, bytes], peer: str = "10.0.0.9") -> HttpMessage:
    return HttpMessage(b"GET", b"/gateway/caddy/default", list(headers), b"", peer)


def test_both_headers_may_hold_keys_and_the_sidecar_chooses() -> None:
    """Which of two accounts it is depends on which of them is known, so both keys are handed on."""
    both = check(message((b"x-api-key", b"k1"), (b"authorization", b"Bearer k1")), "t", ONE_HOP, "/").account
    assert (both.key, both.credentials) == ("k1", None)
    two = check(message((b"x-api-key", b"k2"), (b"authorization", b"Bearer k1")), "t", ONE_HOP, "/").account
    assert (two.key, two.credentials) == (None, (Credential("k1"), Credential("k2")))
    assert check(message((b"x-api-key", b"k2")), "t", ONE_HOP, "/").account.key == "k2"


@pytest.mark.parametrize(
    "lines",
    [
        [(b"authorization", b"Bearer 1"), (b"authorization", b"Bearer 2")],
        [(b"authorization", b"Bearer 1,Bearer 2")],
        [(b"authorization", b"Basic MTo=, Basic Mjo=")],
        [(b"x-api-key", b"1"), (b"x-api-key", b"2")],
        [(b"x-api-key", b"1,2")],
        [(b"authorization", b"Bearer 1"), (b"x-api-key", b"1,2")],
    ],
)
def test_two_keys_in_one_header_are_refused_since_the_upstream_may_read_the_other(
    lines: list[tuple[bytes, bytes]],
) -> None:
    """Proxies send the lines on as they are, or joined with a comma."""
    with pytest.raises(ValueError, match=r"more than one (authorization|x-api-key) header"):
        check(message(*lines), "t", ONE_HOP, "/")


def test_a_configured_account_header_names_the_account_and_keys_no_longer_count() -> None:
    settings = GatewaySettings(account_header="X-Account")
    lines = [(b"authorization", b"Bearer k"), (b"x-forwarded-for", b"192.0.2.1")]
    named = check(message(*lines, (b"x-account", b"acct_1")), "t", settings, "/").account
    assert (named.id, named.key) == ("acct_1", None)
    absent = check(message(*lines), "t", settings, "/").account
    assert (absent.id, absent.key) == (None, None)


@pytest.mark.parametrize(
    ("hops", "lines", "client"),
    [
        (1, ["192.0.2.1"], "192.0.2.1"),
        (1, ["6.6.6.6, 192.0.2.1"], "192.0.2.1"),
        (1, ["6.6.6.6", "192.0.2.1"], "192.0.2.1"),
        (2, ["6.6.6.6, 192.0.2.1, 10.1.1.1"], "192.0.2.1"),
        (2, ["6.6.6.6, 192.0.2.1", "10.1.1.1"], "192.0.2.1"),
        (3, ["192.0.2.1, 10.1.1.1"], "192.0.2.1"),
        (1, [], None),
        (1, [""], None),
        (1, ["6.6.6.6, unknown"], None),
        (1, ["6.6.6.6,"], None),
        (0, ["6.6.6.6"], "10.0.0.9"),
        (1, ["2001:db8::1"], "2001:db8::1"),
    ],
)
def test_the_client_is_counted_from_the_right_and_what_stands_left_of_it_is_ignored(
    hops: int, lines: list[str], client: str | None
) -> None:
    sent = message(*[(b"x-forwarded-for", line.encode()) for line in lines])
    assert client_address(sent, hops) == client


@pytest.mark.parametrize(
    ("written", "bare"),
    [
        ("192.0.2.1:8080", "192.0.2.1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("192.0.2", None),
        ("192.0.2.1.example", None),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]:443", "fe80::1"),
        ('"192.0.2.1"', "192.0.2.1"),
        ('"[2001:db8::1]:443"', "2001:db8::1"),
        ('"192.0.2.1', None),
        ("192.0.2.1%eth0", None),
        ("_hidden", None),
        ("", None),
        ("192.0.2.1\x00", None),
        ("\uff1192.0.2.1", None),
    ],
)
def test_forms_of_addresses_that_proxies_write(written: str, bare: str | None) -> None:
    assert address(written) == bare


def test_ja4_counts_only_in_the_header_that_configuration_names() -> None:
    lines = [(b"x-ja4", b"t13d1516h2_8daaf6152771_b186095e22b6"), (b"x-api-key", b"k")]
    assert check(message(*lines), "t", ONE_HOP, "/").client.ja4 is None
    named = GatewaySettings(ja4_header="X-JA4")
    assert check(message(*lines), "t", named, "/").client.ja4 == "t13d1516h2_8daaf6152771_b186095e22b6"
    plain = message((b"x-ja4", b"-"), (b"x-api-key", b"k"))
    assert check(plain, "t", named, "/").client.ja4 is None


def test_the_route_is_the_path_as_written_without_its_query() -> None:
    asked = check(message((b"x-api-key", b"k")), "t", ONE_HOP, "/a//b/../%2e%2E/c?token=secret")
    assert asked.request.route == "/a//b/../%2e%2E/c"
    assert asked.request.id is None


def test_a_message_with_neither_key_nor_address_is_no_check() -> None:
    with pytest.raises(ValueError, match="neither a key nor a client address"):
        check(message((b"user-agent", b"curl/8")), "t", ONE_HOP, "/")


def test_hops_without_an_address_in_the_client_s_place_are_not_hops_that_nobody_sent() -> None:
    """The sidecar counts what it cannot place, so that junk in the header gives nobody an allowance of their own."""
    key = (b"x-api-key", b"k")
    assert check(message(key, (b"x-forwarded-for", b"6.6.6.6, junk")), "t", ONE_HOP, "/").client.ip == NO_ADDRESS
    assert check(message(key), "t", ONE_HOP, "/").client.ip is None
    with pytest.raises(ValueError, match="neither a key nor a client address"):
        check(message((b"x-forwarded-for", b"junk")), "t", ONE_HOP, "/")


@pytest.mark.parametrize("id_", ["ip:192.0.2.1", "key:hk1_" + "a" * 26])
def test_an_account_header_may_not_name_what_headcount_names_itself(id_: str) -> None:
    settings = GatewaySettings(account_header="X-Account")
    with pytest.raises(ValueError, match=r"X-Account header: .* may not begin with ip: or key:"):
        check(message((b"x-account", id_.encode()), (b"x-forwarded-for", b"192.0.2.1")), "t", settings, "/")


VALUES = st.one_of(st.binary(max_size=400), st.binary(min_size=1020, max_size=1100))


@hypothesis.given(VALUES, VALUES, VALUES, st.text(max_size=1200))
def test_whatever_a_client_writes_the_check_is_valid_on_the_wire(
    key: bytes, agent: bytes, ja4: bytes, path: str
) -> None:
    """Or it is a ValueError: any other error would pass gateways that fail open."""
    sent = message((b"authorization", key), (b"user-agent", agent), (b"x-ja4", ja4), (b"x-forwarded-for", b"192.0.2.1"))
    try:
        made = check(sent, "t", GatewaySettings(ja4_header="x-ja4"), path)
    except ValueError:
        return  # a 400, which every configuration stops on
    again = msgspec.json.decode(msgspec.json.encode(made), type=Request, dec_hook=wire_type)
    assert again == made
