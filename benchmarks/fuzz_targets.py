"""What `make fuzz` tries bytes on: each parser, what it may raise, and what must hold of what it gives.

A target is called with bytes. What it raises is a finding. Each has seeds, from which a search begins.
"""

import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from benchmarks import fuzz_http2, fuzz_spop, spop_peer
from benchmarks.fuzz_envoy import SETTINGS, Subject
from benchmarks.fuzzing import Dice
from geoip.book import AddressBook
from geoip.lists import ListError, read_list
from geoip.readers import DatabaseError
from plugins.envoy.calls import AUTHZ, RLS
from plugins.haproxy import spop
from plugins.haproxy.spop import Notify
from plugins.shipped import GATEWAYS
from reputation.admin.stripe import check_signature, names_of, read_event, what_it_says
from reputation.checkapi.routes import CheckRoutes, over_http
from reputation.config.file import from_text
from reputation.engine.replay import Replay
from reputation.listeners.fast_path import PlainMessages
from reputation.listeners.grammar import BadRequestError, HttpLimits
from reputation.listeners.http2.faults import ConnectionFault
from reputation.listeners.http2.hpack import Decoder, number, string
from reputation.listeners.http2.limits import METADATA
from reputation.listeners.reader import Reader
from reputation.sidecar.build import build, open_addresses
from reputation.sidecar.embedded import EmbeddedChecks
from reputation.stores.memory import MemoryStore
from reputation.wire.errors import ConfigError, Problem
from reputation.wire.gateway import HttpMessage, Reply
from reputation.wire.ids import Ulids
from reputation.wire.reading import CheckReader

NOW = 1_790_812_800.0
REFUSALS = frozenset({400, 404, 409, 413, 422})
CHECK: dict[str, Any] = {
    "tenant": "default",
    "account": {"id": "a", "key": "sk-1", "plan": "free", "verified": ["email"], "created_at": 1_790_000_000},
    "client": {"ip": "203.0.113.7", "ja4": "t13d", "user_agent": "x", "device": "d", "session": "s"},
    "request": {"id": "r", "cost": 2, "hold": True, "route": "/v1", "model": "m", "content": ["9f3c9f3c9f3c9f3c"]},
    "leases": [{"id": "01J", "used": 7, "slices": [[1_790_812_795, 4]]}], "lease": True,
}  # fmt: skip
EVENT = {"id": "evt_1", "type": "charge.succeeded", "created": 1_790_812_000, "api_version": "2025-03-31",
         "data": {"object": {"id": "ch_1", "customer": "cus_9", "amount": 2000, "currency": "usd"}}}  # fmt: skip
OUTCOME = {"kind": "outcome", "account": "a", "outcome": "good", "at": NOW}
CONFIGURATION = b"""tenants:
  default: {preset: balanced, weights: {asn: 0.5}, plans: {free: {standard: {rate: 1, burst: 10, daily: 500}}}}
tokens: [{name: a, role: admin, sha256: "%s"}]
http: {connections: 100}
""" % (b"0" * 64)
HEAD = b"POST /v1/check HTTP/1.1\r\nHost: a\r\n"
CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nabcde\r\n0\r\nX: y\r\n\r\n"
LIMITS = HttpLimits(head=2048, request_line=512, fields=20, body=256)


class Target(NamedTuple):
    """A parser. run: raises what is a finding."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def _text(value: Any) -> bytes:
    return json.dumps(value).encode()


def _dice(data: bytes) -> Dice:
    """Random numbers that follow from the data, so that a finding is found again."""
    return Dice(data)


@cache
def _routes() -> CheckRoutes:
    settings = from_text("memory: {accounts: 1000, strangers: 100}\ntenants: {default: {}, odd: {mode: shadow}}\n")
    checks = EmbeddedChecks(build(settings, open_addresses(settings, NOW)), MemoryStore(), lambda: NOW)
    return CheckRoutes(checks, lambda: NOW, Ulids(), dict, lambda *_: None)


def _asked(path: bytes, body: bytes) -> bytes:
    """The answer of the check listener to a body. Raises AssertionError for one that is no answer of the contract."""
    reply = _routes()(HttpMessage(b"POST", path, [(b"content-type", b"application/json")], body))
    if not isinstance(reply, Reply):  # a batch that takes long is answered in turns
        reply = asyncio.run(_waited(reply))
    if not isinstance(reply, Reply) or reply.status not in {200, *REFUSALS}:
        raise AssertionError(f"answered {reply!r}")
    json.loads(reply.body)
    return reply.body


async def _waited(reply: Awaitable[Reply]) -> Reply:
    return await reply


def check(body: bytes) -> None:
    """A check is read alike each time, also by the reader that recognises its bytes."""
    reader, read = CheckReader(), []
    for _ in range(3):
        try:
            read.append(repr(reader.read(body, NOW)))
        except Problem as problem:
            read.append(f"{problem.status} {problem.pointer}")
    if len(set(read)) != 1:
        raise AssertionError(f"read as {read}")
    _asked(b"/v1/check", body)


def batch(body: bytes) -> None:
    """A batch has an answer for each item."""
    found = json.loads(_asked(b"/v1/check/batch", body))
    if isinstance(found, list) and len(found) != len(msgspec.json.decode(body, type=list[msgspec.Raw])):
        raise AssertionError("not an answer for each item")


def settle(body: bytes) -> None:
    """A settlement is taken or refused."""
    _asked(b"/v1/settle", body)


def adapters(data: bytes) -> None:
    """Header lines, a target and a peer, separated by line feeds, go to each adapter; only ValueError is a refusal."""
    target, peer, *lines = [*data.split(b"\n"), b"", b""]
    fields = [(name.lower(), value) for name, _, value in (line.partition(b":") for line in lines)]
    message = HttpMessage(b"GET", target, fields, b"", peer.decode("latin-1"))
    for gateway in over_http(GATEWAYS).values():
        for settings in SETTINGS:
            try:
                gateway.read(message, "default", settings)
            except (ValueError, msgspec.ValidationError):
                continue


def _messages(data: bytes, cut: int) -> list[HttpMessage | str]:
    reader, found = Reader(LIMITS, lambda _: LIMITS.body), list[HttpMessage | str]()
    try:
        for piece in (data[:cut], data[cut:]) if cut else (data,):
            reader.feed(piece)
            while (message := reader.take()) is not None:
                found.append(message)
            if reader.held > LIMITS.head + LIMITS.body + len(data):
                raise AssertionError("more is held than came")
    except BadRequestError as error:
        found.append(error.refusal.reason)
    return found


def http1(data: bytes) -> None:
    """Requests are read alike whole and in two pieces, and the fast path agrees about one that came whole."""
    whole = _messages(data, 0)
    for cut in {len(data) // 2, len(data) // 3, max(len(data) - 1, 0)}:
        if _messages(data, cut) != whole:
            raise AssertionError(f"cut at {cut}: {_messages(data, cut)!r}, whole {whole!r}")
    plain = PlainMessages(LIMITS, lambda _: LIMITS.body)
    for _ in range(3):
        quick = plain.read(data, "")
        if quick is not None and [quick] != whole:
            raise AssertionError(f"the fast path reads {quick!r}, the reader {whole!r}")


def http2(data: bytes) -> None:
    """A client's bytes come to the same calls whole, byte by byte and in pieces."""
    fuzz_http2.one(_dice(data), data, Counter())


def hpack(data: bytes) -> None:
    """Blocks, each after its length in a byte, are decoded or end the connection; the table keeps its bound."""
    decoder, at = Decoder(METADATA), 0
    try:
        while at < len(data):
            decoder.decode(data[at + 1 : at + 1 + data[at]])
            at += 1 + data[at]
            if decoder.size > 4096:
                raise AssertionError(f"a table of {decoder.size} bytes")
    except ConnectionFault:
        return


def spoe(data: bytes) -> None:
    """HAProxy's frames come to the same events whole and in pieces, and the adapter bears their messages."""
    fuzz_spop.one(_dice(data), data, Counter())
    for event in fuzz_spop.heard(iter([data]), spop.MOST_FRAME):
        if isinstance(event, Notify):
            fuzz_spop.asked(event, Counter())


@cache
def _envoy() -> Subject:
    return Subject()


def envoy(data: bytes) -> None:
    """Envoy's messages over HTTP routes: the first byte says which; the answer is one of Envoy's messages."""
    _envoy().call(_dice(data), AUTHZ if data[:1] < b"\x80" else RLS, data[1:])


def configuration(data: bytes) -> None:
    """A file is read, or refused with its line."""
    try:
        from_text(data.decode("utf-8", "replace"))
    except ConfigError as error:
        if "configuration" not in str(error):
            raise AssertionError(f"no place is named: {error}") from None


@cache
def _addresses() -> AddressBook:
    return AddressBook.open((), NOW)


def replay(data: bytes) -> None:
    """Each line of a recording has a verdict, an error in its place, or nothing."""
    settings = from_text("memory: {accounts: 1000, strangers: 100}\n")
    lines = data.splitlines(keepends=True)[:20]
    played = Replay(build(settings, _addresses()), lambda _: None, reasons=True, skip_bad=True)
    for line in played.run(lines):
        json.loads(line)


def lists(data: bytes) -> None:
    """A list of networks is read, or refused with its line."""
    with tempfile.NamedTemporaryFile(suffix=".txt") as file:
        Path(file.name).write_bytes(data)
        try:
            read_list(Path(file.name))
        except ListError as error:
            if error.line < 1:
                raise AssertionError("a line that is not there") from None


def databases(data: bytes) -> None:
    """An address database is opened and asked, or refused."""
    with tempfile.NamedTemporaryFile(suffix=".mmdb") as file:
        Path(file.name).write_bytes(data)
        try:
            book = AddressBook.open((file.name,), NOW, embedded=None)
        except DatabaseError:
            return
        for address in ("203.0.113.7", "2001:db8::1", "::", "255.255.255.255", "nonsense"):
            book.lookup(address)


def webhooks(data: bytes) -> None:
    """A first line is a signature, the rest an event: each is refused or read."""
    signature, _, body = data.partition(b"\n")
    with suppress(Problem):
        check_signature(signature.decode("latin-1"), body, "secret", NOW)
    try:
        event = read_event(body)
    except Problem:
        return
    if event is not None:
        names_of(event)
        what_it_says(event, NOW)


@cache
def _database() -> bytes:
    from geoip.lists import compile_lists  # noqa: PLC0415 - for this one seed

    with tempfile.TemporaryDirectory() as directory:
        (text := Path(directory) / "vpn.txt").write_text("203.0.113.0/24\n2001:db8::/32\n")
        compile_lists([("vpn", text)], Path(directory) / "x.mmdb", NOW)
        return (Path(directory) / "x.mmdb").read_bytes()


def _block(*fields: tuple[bytes, bytes]) -> bytes:
    block = b"\x83\x86" + b"".join(b"\x40" + string(name) + string(value) for name, value in fields)
    return bytes((len(block),)) + block + b"\x01" + number(62, 7, 0x80)


TARGETS: dict[str, Target] = {
    "check": Target(check, (_text(CHECK), _text({"account": {"id": "a"}}), _text({"client": {"ip": "::1"}}))),
    "batch": Target(batch, (_text([CHECK, {}, {"account": {"id": 5}}]), b"[]", b"[1]")),
    "settle": Target(settle, (_text({"verdict": "01J", "actual": 3}), _text({"leases": CHECK["leases"]}))),
    "adapters": Target(
        adapters,
        (
            b"/gateway/nginx/default?x\n192.0.2.1\nauthorization:Bearer k\nx-api-key:k\nx-forwarded-for:1.2.3.4, ::1",
            b"/gateway/envoy/default/a\n\nauthorization:Basic Og==\nuser-agent:x\nx-account:a\nx-org:o\nx-ja4:t",
        ),
    ),
    "http1": Target(http1, (HEAD + b"Content-Length: 2\r\n\r\n{}", CHUNKS, b"GET /healthz?x HTTP/1.0\r\n\r\n")),
    "http2": Target(http2, tuple(fuzz_http2.stream_of(Dice(seed)) for seed in range(8))),
    "hpack": Target(hpack, (_block((b"a", b"b")), _block((b"x", b"y" * 40), (b"te", b"trailers")))),
    "spoe": Target(spoe, (spop_peer.HELLO_26 + spop_peer.NOTIFY_26, spop_peer.CHECK_26)),
    "envoy": Target(envoy, (b"\x00" + Dice(1).randbytes(4), b"\x90\n\x07default")),
    "configuration": Target(configuration, (CONFIGURATION, b"{}", b"a: &x [1]\nb: *x\n")),
    "replay": Target(
        replay,
        (
            _text({**CHECK, "at": NOW}) + b"\n" + _text(OUTCOME),
            _text({"kind": "account", "at": NOW, "id": "a", "plan": "paid", "payment": {"settled_usd": 40.0}}),
        ),
    ),
    "lists": Target(lists, (b"203.0.113.0/24 # x\nAS64500\n2001:db8::/32;\n::ffff:1.2.3.4\n", b"\xef\xbb\xbf10.0.0.1")),
    "databases": Target(databases, (_database(),)),
    "webhooks": Target(webhooks, (b"t=1790812800,v1=00\n" + _text(EVENT), b"\n" + _text({**EVENT, "type": "x"}))),
}
