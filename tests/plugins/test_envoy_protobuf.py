"""What is written by hand is what protobuf would write: the same messages, and not a byte more."""

import math
from typing import Any

import pytest
from gateway_verdicts import BURST, verdict
from google.protobuf.message import DecodeError, Message
from hypothesis import given
from hypothesis import strategies as st

from plugins.envoy import grpc_authz, limit_request, protobuf, rls
from plugins.envoy.limit_request import NO_HITS
from plugins.envoy.messages_pb2 import (
    CheckResponse,
    HeaderValue,
    RateLimitDescriptor,
    RateLimitRequest,
    RateLimitResponse,
)
from reputation.wire.errors import BadRequest
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


def by_protobuf(body: bytes) -> object:
    """What protobuf reads of a request; None for malformed bytes."""
    try:
        message = RateLimitRequest.FromString(body)
    except DecodeError:
        return None
    return (
        message.domain,
        message.hits_addend,
        [
            (
                [(entry.key, entry.value) for entry in one.entries],
                one.hits_addend.value if one.HasField("hits_addend") else NO_HITS,
                one.is_negative_hits,
            )
            for one in message.descriptors
        ],
    )


def by_hand(body: bytes) -> object:
    try:
        message = limit_request.read(body)
    except BadRequest:
        return None
    descriptors = [(one.entries, one.hits, one.negative) for one in message.descriptors]
    return message.domain, message.hits_addend, descriptors


TEXTS = st.text(max_size=40)
DESCRIPTORS = st.builds(
    lambda entries, hits, negative: RateLimitDescriptor(
        entries=[{"key": key, "value": value} for key, value in entries],
        hits_addend=None if hits is None else {"value": hits},
        is_negative_hits=negative,
    ),
    st.lists(st.tuples(TEXTS, TEXTS), max_size=4),
    st.none() | st.integers(0, 2**64 - 1),
    st.booleans(),
)
REQUESTS = st.builds(
    lambda domain, hits, descriptors: RateLimitRequest(domain=domain, hits_addend=hits, descriptors=descriptors),
    TEXTS,
    st.integers(0, 2**32 - 1),
    st.lists(DESCRIPTORS, max_size=4),
)


@given(REQUESTS)
def test_a_request_is_read_as_protobuf_reads_it(message: RateLimitRequest) -> None:
    body = message.SerializeToString()
    assert by_hand(body) == by_protobuf(body) is not None


@given(REQUESTS, st.data())
def test_a_damaged_request_is_read_as_protobuf_reads_it_or_refused(
    message: RateLimitRequest, data: st.DataObject
) -> None:
    """Groups are refused here alone; the inside of a field that is not used is checked by protobuf alone."""
    body = bytearray(message.SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        if body:
            body[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    found, expected = by_hand(bytes(body)), by_protobuf(bytes(body))
    assert found == expected or found is None or expected is None


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """And what both read is the same."""
    found, expected = by_hand(body), by_protobuf(body)
    assert found == expected or found is None or expected is None


@pytest.mark.parametrize(
    "body",
    [
        b"\x0a\x05abc",
        b"\x12\x03\x0a\x05a",
        b"\x18",
        b"\x18" + b"\xff" * 11,
        b"\x0a\x02\xff\xfe",
        b"\x00",
        b"\x09abc",
        b"\x02\x00",
    ],
)
def test_malformed_requests_are_refused_like_protobuf_does(body: bytes) -> None:
    assert by_hand(body) is by_protobuf(body) is None
