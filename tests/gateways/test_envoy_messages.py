"""Our description of Envoy's messages beside the one inside the real Envoy: names, numbers and kinds of all fields."""

import mmap
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.message import DecodeError

from plugins.envoy import messages_pb2

pytestmark = pytest.mark.gateway

ENVOY = Path(sys.prefix) / "lib" / f"python3.{sys.version_info.minor}" / "site-packages" / "envoy" / "_bin" / "envoy"
FILES = (
    "envoy/config/core/v3/address.proto",
    "envoy/config/core/v3/base.proto",
    "envoy/extensions/common/ratelimit/v3/ratelimit.proto",
    "envoy/service/auth/v3/attribute_context.proto",
    "envoy/service/auth/v3/external_auth.proto",
    "envoy/service/rate_limit_quota/v3/rlqs.proto",
    "envoy/service/ratelimit/v3/rls.proto",
    "envoy/type/v3/http_status.proto",
    "envoy/type/v3/ratelimit_strategy.proto",
    "envoy/type/v3/token_bucket.proto",
    "google/rpc/status.proto",
)
ENUM_OR_NUMBER = {FieldDescriptorProto.TYPE_ENUM, FieldDescriptorProto.TYPE_INT32}  # the same on the wire
LENGTH = 2  # the wire type of everything in a file's description but numbers


def varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            return value, at


def whole(data: bytes) -> bytes:
    """The description that the data begins with: its fields up to what cannot be one."""
    at = 0
    while at < len(data):
        tag, body = varint(data, at)
        if tag & 7 != LENGTH or (tag >> 3 == 1 and at) or not 1 <= tag >> 3 <= 12:
            break
        length, body = varint(data, body)
        at = body + length
    return data[:at]


def described(name: str) -> FileDescriptorProto:
    """The file's description as it was compiled into Envoy."""
    start = b"\x0a" + bytes([len(name)]) + name.encode()
    with ENVOY.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as image:
        at = image.find(start)
        while at >= 0:
            try:
                found = FileDescriptorProto.FromString(whole(image[at : at + 65_536]))
            except DecodeError:
                found = FileDescriptorProto()
            if found.message_type:
                return found
            at = image.find(start, at + 1)
    raise AssertionError(f"{name} is not in {ENVOY}")


def messages(kind: DescriptorProto, inside: str = "") -> Iterator[tuple[str, DescriptorProto]]:
    name = f"{inside}{kind.name}"
    yield name, kind
    for nested in kind.nested_type:
        yield from messages(nested, f"{name}.")


@pytest.fixture(scope="module")
def theirs() -> dict[str, DescriptorProto]:
    return {name: kind for file in FILES for top in described(file).message_type for name, kind in messages(top)}


def ours() -> Iterator[tuple[str, DescriptorProto]]:
    file = FileDescriptorProto()
    messages_pb2.DESCRIPTOR.CopyToProto(file)
    for top in file.message_type:
        yield from messages(top)


@pytest.mark.parametrize(("name", "kind"), list(ours()), ids=lambda value: value if isinstance(value, str) else "")
def test_every_field_of_ours_is_envoy_s(name: str, kind: DescriptorProto, theirs: dict[str, DescriptorProto]) -> None:
    known = {field.name: field for field in theirs[name].field}
    for field in kind.field:
        other = known[field.name]
        assert (field.number, field.label) == (other.number, other.label), field.name
        assert field.type == other.type or {field.type, other.type} <= ENUM_OR_NUMBER, field.name
        assert field.type_name.rpartition(".")[2] in (other.type_name.rpartition(".")[2], ""), field.name
