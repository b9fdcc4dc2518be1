"""Every form that an address comes in, and what it is counted by."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geoip.facts import (
    LONGEST,
    CarrierError,
    counted_network,
    host_text,
    host_text_of,
    network_text,
    parse,
    plain_facts,
)

V4 = st.ip_addresses(v=4)
V6 = st.ip_addresses(v=6)


@pytest.mark.parametrize(
    ("text", "scope", "host", "network"),
    [
        ("8.8.8.8", "public", "8.8.8.8", "8.8.8.0/24"),
        ("10.1.2.3", "private", "10.1.2.3", "10.1.2.0/24"),
        ("172.31.255.255", "private", "172.31.255.255", "172.31.255.0/24"),
        ("172.32.0.0", "public", "172.32.0.0", "172.32.0.0/24"),
        ("192.168.0.1", "private", "192.168.0.1", "192.168.0.0/24"),
        ("100.64.0.1", "shared", "100.64.0.1", "100.64.0.0/24"),
        ("127.0.0.1", "loopback", "127.0.0.1", "127.0.0.0/24"),
        ("169.254.1.1", "link_local", "169.254.1.1", "169.254.1.0/24"),
        ("203.0.113.7", "documentation", "203.0.113.7", "203.0.113.0/24"),
        ("224.0.0.1", "multicast", "224.0.0.1", "224.0.0.0/24"),
        ("0.0.0.0", "reserved", "0.0.0.0", "0.0.0.0/24"),
        ("198.19.0.1", "reserved", "198.19.0.1", "198.19.0.0/24"),
        ("192.0.0.9", "public", "192.0.0.9", "192.0.0.0/24"),
        ("255.255.255.255", "reserved", "255.255.255.255", "255.255.255.0/24"),
        ("2606:4700:1:2:3::1", "public", "2606:4700:1:2::/64", "2606:4700:1::/48"),
        ("2001:4:112::1", "public", "2001:4:112::/64", "2001:4:112::/48"),
        ("2001:2::1", "reserved", "2001:2::/64", "2001:2::/48"),
        ("2001:db8::1", "documentation", "2001:db8::/64", "2001:db8::/48"),
        ("3fff:1::1", "documentation", "3fff:1::/64", "3fff:1::/48"),
        ("fd00::1", "private", "fd00::/64", "fd00::/48"),
        ("fe80::1", "link_local", "fe80::/64", "fe80::/48"),
        ("ff02::1", "multicast", "ff02::/64", "ff02::/48"),
        ("5f00::1", "reserved", "5f00::/64", "5f00::/48"),
        ("::1", "loopback", "0:1::/64", "0:1::/48"),
        ("::", "reserved", "0:1::/64", "0:1::/48"),
    ],
)
def test_each_scope_is_told_and_has_keys(text, scope, host, network):
    """Addresses of every scope that is well formed can be counted; test traffic lives in documentation
    ranges."""
    facts = plain_facts(text)
    assert (facts.scope, facts.ip) == (scope, text)
    assert (host_text(facts.host), network_text(facts.network)) == (host, network)


@pytest.mark.parametrize(
    "text",
    [
        "203.0.113.7:8080",
        " 203.0.113.7\t",
        '"203.0.113.7:1"',
        "::ffff:203.0.113.7",
        "::FFFF:cb00:7107",
        "[::ffff:203.0.113.7]:443",
        "64:ff9b::203.0.113.7",
        "2002:cb00:7107:1::1",
        "2001:0:4136:e378:8000:63bf:34ff:8ef8",
        "2001:0000:4136:e378:8000:63bf:34ff:8ef8%eth0",
    ],
)
def test_all_forms_of_one_ipv4_client_are_counted_together(text):
    """Mapped, NAT64, 6to4, Teredo and decorated forms are the IPv4 address they carry."""
    assert plain_facts(text) == plain_facts("203.0.113.7")


@pytest.mark.parametrize(
    "text",
    ["2001:DB8:0:0::1", "[2001:db8::1]", "[2001:db8::1]:65535", '"[2001:db8::1]:4711"', "2001:db8::1%25"],
)
def test_all_forms_of_one_ipv6_client_are_counted_together(text):
    """Case, long zeros, brackets, ports, quotes and zones change nothing."""
    assert plain_facts(text) == plain_facts("2001:db8::1")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "unknown",
        "localhost",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "010.1.1.1",
        "0x7f.1",
        "1.2.3.4/24",
        "1.2.3.4:",
        "1.2.3.4:x",
        "1.2.3.4:65536",
        "1.2.3.4:-1",
        "1.2.3.4, 5.6.7.8",
        "\N{ARABIC-INDIC DIGIT ONE}.2.3.4",
        "1.2.3.4:\N{ARABIC-INDIC DIGIT ONE}",
        "1.2.3.4\0",
        "1.2.3.4\n",
        "[1.2.3.4]",
        "[::1",
        "::1]",
        "[::1]x",
        "[::1]:",
        "[::1]:99999",
        "[]",
        ":::",
        "1::2::3",
        "fe80::1%",
        "12345::",
        "2001:db8::/32",
        '"',
        '""',
        "unix:/run/x.sock",
        "1" * 1000,
        "\ud800",
    ],
)
def test_malformed_text_is_a_value_of_its_own(text):
    """What is no address has no keys, its text is kept short, and nothing is raised."""
    facts = plain_facts(text)
    assert facts.scope == "malformed"
    assert facts.ip == text[:LONGEST]
    assert facts.host is None
    assert facts.network is None


@given(st.text(max_size=80))
def test_no_text_raises(text):
    """Whatever a header holds, the answer is a value."""
    assert plain_facts(text).scope


@given(V4 | V6)
def test_text_is_canonical(address: IPv4Address | IPv6Address):
    """The text that comes back means the same address, and comes back unchanged the second time."""
    parsed = parse(str(address))
    again = parse(parsed.text)
    assert again == parsed
    if parsed.version == address.version:
        assert ip_address(parsed.text) == address


@given(V4 | V6, V4 | V6)
def test_two_addresses_share_a_host_key_only_if_they_are_one_host(first, second):
    """No IPv4 key equals an IPv6 key, and keys are the /32 and the /64."""
    a, b = plain_facts(str(first)), plain_facts(str(second))
    same = host_text(a.host) == host_text(b.host)
    assert (a.host == b.host) is same


@given(V6)
def test_a_neighbour_in_the_same_64_is_the_same_host(address):
    """A client that hops about in its /64 stays one host, one in the same /48 one network."""
    value = int(address)
    facts = plain_facts(str(address))
    if parse(str(address)).version == 6:
        assert plain_facts(str(IPv6Address(value ^ 1))).host == facts.host
        assert plain_facts(str(IPv6Address(value ^ (1 << 64)))).network == facts.network


@given(V4 | V6)
def test_the_texts_of_a_known_address_are_those_of_its_keys(address):
    facts = plain_facts(str(address))
    assert host_text_of(facts) == host_text(facts.host)
    assert facts.network_name == network_text(facts.network)


def test_what_is_no_address_has_no_texts():
    facts = plain_facts("nonsense")
    assert host_text_of(facts) is None
    assert facts.network_name is None


@pytest.mark.parametrize(
    ("network", "counted"),
    [
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("2001:db8::/48", "2001:db8::/48"),
        ("::ffff:203.0.113.0/120", "203.0.113.0/24"),
        ("::ffff:203.0.113.7/128", "203.0.113.7/32"),
        ("64:ff9b::203.0.113.0/120", "203.0.113.0/24"),
        ("64:ff9b:1::/48", "64:ff9b:1::/48"),
        ("2002:cb00:7100::/40", "203.0.113.0/24"),
        ("2002:cb00:7107:1::/64", "203.0.113.7/32"),
        ("2001:0:1:2:3:4:34ff:8ef8/128", "203.0.113.7/32"),
        ("2001:0:1:2:3:4:34ff:8e00/120", "203.0.113.0/24"),
        ("2003::/19", "2003::/19"),
    ],
)
def test_a_network_is_the_one_that_its_addresses_are_counted_in(network, counted):
    """What people write about networks means the same addresses as checks do."""
    given, expected = ip_network(network), ip_network(counted)
    assert counted_network(given) == expected
    for address in (given.network_address, given.broadcast_address):
        found = parse(str(address))
        assert ip_address(found.text) in expected


@pytest.mark.parametrize(
    "network", ["::/0", "::/64", "2001::/23", "2002::/15", "64:ff9b::/95", "2001::/32", "2001:0::/48"]
)
def test_a_network_that_no_address_is_counted_in_is_refused_with_the_reason(network):
    with pytest.raises(CarrierError, match=r"counted as .* name the IPv4 networks"):
        counted_network(ip_network(network))
