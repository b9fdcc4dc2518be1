"""What is written by hand is what protobuf would write: the same messages, and not a byte more."""

import math
from typing import Any

import pytest
from gateway_verdicts import BURST, verdict
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from plugins.envoy import grpc_authz, protobuf, rls
from plugins.envoy.messages_pb2 import CheckResponse, HeaderValue, RateLimitRequest, RateLimitResponse
from reputation.wire.messages import ClusterRef, Request, Settled, Verdict

VERDICTS = [
    verdict(),
    verdict("throttle"),
    verdict("deny"),
    verdict(mode="shadow"),
    verdict(cluster=None, actions=()),
    verdict(limits=()),
    verdict(limits=(BURST.__class__("burst", rate=0.0, burst=1, remaining=0),)),
    verdict(limits=(BURST.__class__("é" * 100, rate=1e9, burst=1e9, remaining=1e9),), tier="é", risk=0.0),
    verdict(cluster=ClusterRef("c" * 200, 2, 0.5), actions=("a" * 300,)),
    verdict(limits=(BURST.__class__("daily", rate=math.nextafter(0, 1), burst=1, remaining=-3.0),)),
]


def read(kind: type[Message], body: bytes) -> Any:
    """The message, if the bytes are as protobuf writes them: without unknown fields, and as short."""
    message = kind.FromString(body)
    message.DiscardUnknownFields()
    assert len(message.SerializeToString()) == len(body)
    return message


@given(st.integers(0, 2**64 - 1), st.integers(1, 15))
def test_numbers(value: int, number: int) -> None:
    """By the one field of a request that has 32 bits, and by the rule for the rest."""
    if value < 2**32:
        assert RateLimitRequest(hits_addend=value).SerializeToString() == protobuf.number(0x18, value)
    written = protobuf.varint(value)
    assert sum((byte & 0x7F) << 7 * place for place, byte in enumerate(written)) == value
    assert [byte >= 0x80 for byte in written] == [True] * (len(written) - 1) + [False]
    assert number


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=30).filter(bytes.isascii))
def test_headers(value: bytes, name: bytes) -> None:
    """Bytes of a header are Latin-1; the name is in lower case."""
    body = protobuf.header(0x0A, name, value)
    expected = HeaderValue(key=name.lower().decode(), value=value.decode("latin-1")).SerializeToString()
    assert body == protobuf.field(0x0A, expected)


@pytest.mark.parametrize("found", VERDICTS)
def test_answers_are_messages_of_envoy(found: Verdict) -> None:
    answer = read(CheckResponse, grpc_authz.answer(found))
    assert answer.WhichOneof("http_response") in ("ok_response", "denied_response")
    for places in ([0], [0, 2]):
        answer = read(RateLimitResponse, rls.answer(3, [rls.Asked(Request(), places)], [found]))
        over = answer.overall_code == RateLimitResponse.OVER_LIMIT
        assert [status.code == RateLimitResponse.OVER_LIMIT for status in answer.statuses] == [
            over and place in places for place in range(3)
        ]


def test_a_descriptor_of_several_accounts_is_over_the_limit_if_one_is() -> None:
    """Its limit is that of the last account that has one of its own."""
    asked = [rls.Asked(Request(), [0, 1]), rls.Asked(Request(), [0, 2])]
    body = rls.answer(3, asked, [verdict("throttle"), verdict(limits=())])
    answer = read(RateLimitResponse, body)
    assert [status.code for status in answer.statuses] == [2, 2, 1]
    assert [status.current_limit.requests_per_unit > 0 for status in answer.statuses] == [True, True, False]


def test_refusals_and_settlements() -> None:
    assert [one.code for one in read(RateLimitResponse, rls.refuse(2, b"{}")).statuses] == [2, 2]
    assert read(CheckResponse, grpc_authz.refuse(404, b"{}")).status.code == 5
    settled = rls.answer(1, [rls.Asked(Request(), [0])], [Settled()])
    assert read(RateLimitResponse, settled).overall_code == RateLimitResponse.OK
