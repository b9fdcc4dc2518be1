"""Bundles of STIX 2.1: the reference library reads what is written, and what it writes is read."""

import json
from datetime import UTC, datetime

import pytest
import stix2
from hypothesis import given
from hypothesis import strategies as st
from stix2patterns.validator import validate

from reputation.engine.indicators import indicator_of
from reputation.hydra.links import Cluster, LinkEvidence
from reputation.tuning.stix import MOST_INDICATORS, bundle_of, indicators_in
from reputation.wire.errors import BadRequest, Invalid

NOW = 1_790_812_800.0
EVIDENCE = (
    LinkEvidence("net", "203.0.113.0/24", "network", 12, 0.0, 40.0),
    LinkEvidence("signup_net", "2001:db8::/48", "origin", 12, 0.01, 40.0),
    LinkEvidence("asn", "64500", "network", 12, 0.1, 10.0),
    LinkEvidence("ja4", "t13d1516h2_8daaf6152771_d8a2da3f94cd", "software", 12, 0.5, 10.0),
    LinkEvidence("iin", "411111", "payment", 6, 0.0, 10.0),
    LinkEvidence("mail", "o'brien.example", "origin", 6, 0.0, 10.0),
    LinkEvidence("card", "fp_secret", "payment", 6, 0.0, 10.0),
    LinkEvidence("device", "dev_secret", "device", 6, 0.0, 10.0),
    LinkEvidence("host", "203.0.113.77", "network", 6, 0.0, 10.0),
)
CLUSTER = Cluster("h-1", NOW - 3600, 12, 0.99, ("network",), "restricted", EVIDENCE, 100.0, 1.0, ("head-1",))

TOO_MANY = json.dumps({
    "type": "bundle",
    "objects": [
        {"type": "indicator", "pattern": f"[autonomous-system:number = {n + 1}]"} for n in range(MOST_INDICATORS + 1)
    ],
}).encode()  # fmt: skip


def written(**more):
    return json.dumps(bundle_of(CLUSTER, 112, b"secret", NOW) | more).encode()


def bundled(*indicators):
    return stix2.Bundle(*indicators).serialize().encode()


def indicator(pattern, **more):
    return stix2.Indicator(pattern=pattern, pattern_type="stix", valid_from=datetime.fromtimestamp(NOW, UTC), **more)


def test_the_reference_library_reads_what_is_written():
    bundle = stix2.parse(written(), version="2.1")
    kinds = [one["type"] for one in bundle.objects]
    assert kinds == ["identity", *["indicator"] * 6, "grouping"]
    for one in bundle.objects[1:-1]:
        assert validate(one.pattern, stix_version="2.1"), one.pattern


def test_nothing_in_it_names_a_person():
    text = written().decode()
    assert not [secret for secret in ("fp_secret", "dev_secret", "203.0.113.77", "head-1", "h-1") if secret in text]


def test_a_cluster_that_is_written_is_read_with_the_share_of_its_members_as_confidence():
    found = indicators_in(written(), NOW)
    assert (found.ended, found.unread) == (0, 0)
    assert {(one.kind, one.value): one.confidence for one in found.indicators} == {
        ("network", "203.0.113.0/24"): 100,
        ("network", "2001:db8::/48"): 92,
        ("asn", "64500"): 54,
        ("ja4", "t13d1516h2_8daaf6152771_d8a2da3f94cd"): 19,
        ("issuer", "411111"): 100,
        ("mail", "o'brien.example"): 100,
    }


def test_its_ids_are_the_same_each_time_and_others_elsewhere():
    ids = [[one["id"] for one in bundle_of(CLUSTER, 112, secret, NOW)["objects"]] for secret in (b"a", b"a", b"b")]
    assert ids[0] == ids[1]
    assert not set(ids[0]) & set(ids[2])


@given(st.text(min_size=1, max_size=40).filter(str.isprintable))
def test_any_value_comes_back(value):
    cluster = Cluster("h", NOW, 3, 1.0, (), "shared", (LinkEvidence("ja4", value, "software", 3, 0.0, 9.0),), 1.0, 1.0)
    bundle = bundle_of(cluster, 10, b"s", NOW)
    assert validate(bundle["objects"][1]["pattern"], stix_version="2.1")
    (found,) = indicators_in(json.dumps(bundle).encode(), NOW).indicators
    assert found == indicator_of("ja4", value, 100, until=found.until)


def test_several_values_in_one_pattern_and_patterns_that_are_not_read():
    found = indicators_in(
        bundled(
            indicator("[ipv4-addr:value = '203.0.113.7' OR domain-name:value = 'mail.example']", confidence=70),
            indicator("[file:name = 'a']"),
            indicator("[ipv4-addr:value = '203.0.113.9' AND domain-name:value = 'a.example']"),
            indicator("[ipv4-addr:value = '203.0.113.9'] FOLLOWEDBY [ipv4-addr:value = '203.0.113.8']"),
        ),
        NOW,
    )
    assert [(one.kind, one.value, one.confidence) for one in found.indicators] == [
        ("network", "203.0.113.7/32", 70), ("mail", "mail.example", 70)
    ]  # fmt: skip
    assert found.unread == 3


def test_what_has_ended_or_was_revoked_is_left_out_and_counted():
    over = datetime.fromtimestamp(NOW + 1, UTC)
    bundle = bundled(
        indicator("[domain-name:value = 'a.example']", valid_until=over),
        indicator("[domain-name:value = 'b.example']", revoked=True),
    )
    assert [
        (len(found.indicators), found.ended) for found in (indicators_in(bundle, NOW), indicators_in(bundle, NOW + 2))
    ] == [(1, 1), (0, 2)]


@pytest.mark.parametrize(
    ("data", "error", "pointer"),
    [
        (b"{", BadRequest, ""),
        (b'{"type": "grouping"}', Invalid, "/type"),
        (b"[]", Invalid, ""),
        (bundled(indicator("[ipv4-addr:value ISSUBSET '0.0.0.0/0']")), Invalid, "/objects/0/pattern"),
        (bundled(indicator("[autonomous-system:number = 4294967296]")), Invalid, "/objects/0/pattern"),
        (TOO_MANY, Invalid, "/objects"),
    ],
    ids=["no JSON", "no bundle", "a list", "everybody", "no ASN", "too many"],
)  # fmt: skip
def test_a_wrong_bundle_is_refused_with_the_place(data, error, pointer):
    with pytest.raises(error) as raised:
        indicators_in(data, NOW)
    assert raised.value.pointer == pointer
