"""RLQS: quotas by bucket, divided among Envoys, never more than the whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.envoy import rlqs
from plugins.envoy.messages_pb2 import RateLimitQuotaResponse, RateLimitQuotaUsageReports
from plugins.envoy.settings import EnvoySettings, Quota
from reputation.wire.errors import BadRequest

NOW = 1_790_812_800.0
ANY, LARGE = Quota(rate=10, burst=40), Quota(rate=1000, burst=4000)
SETTINGS = EnvoySettings(quotas={"organisation": {"*": ANY, "large": LARGE}, "plan": {"free": Quota(rate=1, burst=2)}})


def reports(*buckets, used=0):
    message = RateLimitQuotaUsageReports(domain="acme")
    for bucket in buckets:
        message.bucket_quota_usages.add(bucket_id={"bucket": bucket}, num_requests_allowed=used)
    return message


def told(body):
    """Assignments of a message as (tokens at once, tokens a fill), None for abandoned, by the bucket's values."""
    found = {}
    for action in RateLimitQuotaResponse.FromString(body).bucket_action:
        bucket = action.quota_assignment_action.rate_limit_strategy.token_bucket
        known = action.WhichOneof("bucket_action") == "quota_assignment_action"
        name = ",".join(value for _, value in sorted(action.bucket_id.bucket.items()))
        found[name] = (bucket.max_tokens, bucket.tokens_per_fill.value) if known else None
    return found


def report(quotas, stream, *buckets, now=NOW, used=0, settings=SETTINGS):
    sent = quotas.report(stream, "acme", settings, reports(*buckets, used=used), now)
    return {number: told(body) for number, body in sent.items()}


CORP, BIG = {"organisation": "corp"}, {"organisation": "large"}


def test_each_value_has_a_quota_of_its_own():
    assert report(rlqs.Quotas(), 0, CORP, BIG) == {0: {"corp": (40, 36_000), "large": (4000, 3_600_000)}}


def test_of_several_that_fit_the_tightest_holds():
    assert report(rlqs.Quotas(), 0, {"organisation": "corp", "plan": "free"})[0]["corp,free"] == (2, 3600)


def test_a_bucket_without_a_quota_is_left_to_envoy_s_configuration():
    assert report(rlqs.Quotas(), 0, {"region": "eu"}) == {}


def test_an_assignment_is_in_whole_seconds_and_lives_as_long_as_configured():
    sent = rlqs.Quotas().report(0, "acme", SETTINGS, reports(CORP), NOW)
    action = RateLimitQuotaResponse.FromString(sent[0]).bucket_action[0].quota_assignment_action
    bucket = action.rate_limit_strategy.token_bucket
    assert (action.assignment_time_to_live.seconds, action.assignment_time_to_live.nanos) == (30, 0)
    assert (bucket.fill_interval.seconds, bucket.fill_interval.nanos) == (rlqs.FILL, 0)


def test_a_second_envoy_halves_the_first_one_s_share_at_once_and_gives_it_back():
    quotas = rlqs.Quotas()
    report(quotas, 0, CORP, BIG)
    assert report(quotas, 1, CORP) == {0: {"corp": (20, 18_000)}, 1: {"corp": (20, 18_000)}}
    assert {number: told(body) for number, body in quotas.close(1).items()} == {0: {"corp": (40, 36_000)}}


def test_every_report_renews_what_it_lists():
    quotas = rlqs.Quotas()
    report(quotas, 0, CORP, BIG)
    assert set(report(quotas, 0, CORP, BIG, now=NOW + 1)[0]) == {"corp", "large"}


def test_an_envoy_that_fell_silent_keeps_no_share():
    """Its assignment has expired long before."""
    quotas = rlqs.Quotas()
    report(quotas, 0, CORP)
    report(quotas, 1, CORP)
    later = NOW + 3 * SETTINGS.quota_ttl + 1
    assert report(quotas, 1, CORP, now=later) == {1: {"corp": (40, 36_000)}}


def test_an_idle_bucket_is_abandoned_and_taken_up_again():
    quotas = rlqs.Quotas()
    report(quotas, 0, CORP)
    assert report(quotas, 0, CORP, now=NOW + rlqs.IDLE, used=1) == {0: {"corp": (40, 36_000)}}
    assert report(quotas, 0, CORP, now=NOW + 2 * rlqs.IDLE + 1) == {0: {"corp": None}}
    assert report(quotas, 0, CORP, now=NOW + 2 * rlqs.IDLE + 2, used=1) == {0: {"corp": (40, 36_000)}}


def test_a_stream_holds_so_many_buckets_and_no_more(monkeypatch):
    monkeypatch.setattr(rlqs, "MOST_BUCKETS", 2)
    quotas = rlqs.Quotas()
    sent = report(quotas, 0, *({"organisation": f"o{n}"} for n in range(4)))
    assert (set(sent[0]), quotas.refused) == ({"o0", "o1"}, 2)


@given(st.floats(1 / 3600, 1e6), st.floats(1, 1e9), st.integers(1, 1000))
def test_shares_together_are_never_more_than_the_quota(rate, burst, envoys):
    """But for the one token that Envoy needs to be told at least; and they fit Envoy's 32 bits."""
    at_once, a_fill = rlqs.share(Quota(rate=rate, burst=burst), envoys)
    assert at_once * envoys <= burst or at_once == 1
    assert a_fill * envoys <= rate * rlqs.FILL or a_fill == 1
    assert max(at_once, a_fill) < 1 << 32


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3), st.booleans()), max_size=40))
def test_whatever_envoys_come_and_go_what_they_were_told_last_is_within_the_quota(steps):
    """Each Envoy keeps the last assignment that it was sent; a model of them all, for one bucket."""
    quotas, held = rlqs.Quotas(), {}
    for step, (stream, _, leaves) in enumerate(steps):
        if leaves:
            held.pop(stream, None)
            sent = quotas.close(stream)
        else:
            sent = quotas.report(stream, "acme", SETTINGS, reports(CORP, used=1), NOW + step)
        held |= {number: told(body)["corp"] for number, body in sent.items()}
        assert sum(fill for _, fill in held.values()) <= ANY.rate * rlqs.FILL
        assert sum(at_once for at_once, _ in held.values()) <= ANY.burst
    for stream in range(5):
        quotas.close(stream)
    assert (quotas._holders, quotas._streams) == ({}, {})


def test_bytes_that_are_no_report_are_the_caller_s_fault():
    with pytest.raises(BadRequest, match="RateLimitQuotaUsageReports"):
        rlqs.decode(b"\xff")
