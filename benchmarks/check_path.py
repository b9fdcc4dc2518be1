"""Where a check goes: `python -m benchmarks.check_path` lists the files that one POST /v1/check enters, by room.

A sidecar with its state in a file runs in this process behind its own listener, with linking on. It has answered the
same request before, so that its caches are warm. A file is entered if a function of it runs. A crossing is a call from
one file into another.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import structlog
import uvloop

from benchmarks.interpreted import PACKAGES, ROOT
from reputation.checkapi.routes import CheckRoutes
from reputation.config.file import Settings
from reputation.listeners import lean
from reputation.listeners.sockets import bind
from reputation.sidecar.build import build, empty_state, open_addresses, parts_of
from reputation.sidecar.clock import Clock
from reputation.sidecar.decision_log import DecisionLog
from reputation.sidecar.running import Serving
from reputation.stores.contract import Opening
from reputation.stores.places import open_store
from reputation.wire.ids import Ulids
from reputation.wire.messages import AccountFacts, wire_type
from tools.rooms import ORDER, module_of, room_of

WARM_UP = 5
"""Requests before the one that is followed."""
TOO_MANY = 3
"""The exit code where more files are entered than --max-files."""
ROOT_FUNCTION = "data_received"
"""The listener's function that the loop calls; what runs outside it is no part of a check."""
SECRET = b"benchmark"
DAY = 86_400.0
FACTS = {"plan": "paid", "keys": ["sk-live-42"], "verified": ["email"], "payment": {"settled_usd": 40.0}}
BODY = {
    "account": {"key": "sk-live-42"},
    "client": {"ip": "203.0.113.7", "ja4": "t13d1516h2_8daaf6152771_02713d6af862", "user_agent": "python-requests/2"},
}


class Steps:
    """The files of the program that are entered from one function of it, and how often one calls another."""

    def __init__(self, within: str) -> None:
        self.files: dict[str, None] = {}
        self.crossings = 0
        self.calls = 0
        self._within = within

    def __call__(self, frame: FrameType, event: str, _: Any) -> None:
        """A profile function: record a call."""
        if event != "call" or not _is_ours(frame):
            return
        above = [one.f_code for one in _callers(frame) if _is_ours(one)]
        if self._within not in [code.co_name for code in (frame.f_code, *above)]:
            return
        file = frame.f_code.co_filename
        self.calls += 1
        self.files[file] = None
        self.crossings += bool(above) and above[0].co_filename != file


def _is_ours(frame: FrameType) -> bool:
    return frame.f_code.co_filename.startswith(PACKAGES)


def _callers(frame: FrameType) -> Iterator[FrameType]:
    above = frame.f_back
    while above is not None:
        yield above
        above = above.f_back


def sidecar(directory: Path) -> Serving:
    """Make a sidecar that knows one paying account, and notes what it sees for the linker."""
    settings, log = Settings(), structlog.get_logger()
    store = open_store(str(directory / "state"), Opening(partial(empty_state, settings), log, time.time))
    addresses = open_addresses(settings, time.time())
    limiter = build(settings, addresses, SECRET, store.tenant)
    parts = parts_of(limiter, store, settings, Clock(), log)
    serving = Serving(settings, parts, addresses, DecisionLog(settings.log, SECRET, sys.stderr), log)
    tenant, now = limiter.tenant("default"), serving.clock()
    tenant.outbox.listening = True
    tenant.push(
        "acct_42", msgspec.convert(FACTS | {"created_at": now - 40 * DAY}, AccountFacts, dec_hook=wire_type), now
    )
    return serving


async def follow(directory: Path) -> Steps:
    """Ask over one connection until caches are warm, then follow one request more."""
    serving, sock, steps = sidecar(directory), bind("127.0.0.1:0"), Steps(ROOT_FUNCTION)
    await serving.tuning.start()
    routes = CheckRoutes(serving.checks, serving.clock, Ulids(), serving.ready, serving.decisions.note)
    server = await lean.start(routes, sock)
    reader, writer = await asyncio.open_connection(*sock.getsockname())
    for _ in range(WARM_UP):
        await _ask(reader, writer)
    sys.setprofile(steps)
    try:
        await _ask(reader, writer)
    finally:
        sys.setprofile(None)
    writer.close()
    await server.drain(1.0)
    await serving.tuning.close()
    await serving.store.close()
    return steps


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send one check and read its answer. Raises RuntimeError for an answer without a verdict."""
    body = json.dumps(BODY).encode()
    writer.write(b"POST /v1/check HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    answer = json.loads(await reader.readexactly(int(length.partition(b":")[2])))
    if answer.get("decision") != "allow":
        raise RuntimeError(f"the check was answered with {answer}")


def by_room(files: list[str]) -> dict[str, list[str]]:
    """Sort files into the rooms of docs/architecture.md."""
    rooms: dict[str, list[str]] = {room: [] for room in ORDER}
    for file in sorted(files):
        rooms[room_of(module_of(Path(file))) or ORDER[0]].append(file)
    return {room: entered for room, entered in rooms.items() if entered}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--max-files", type=int, help=f"exit with {TOO_MANY} if more files are entered")
    most = parser.parse_args().max_files
    with tempfile.TemporaryDirectory() as directory:
        steps = uvloop.run(follow(Path(directory)))
    rooms = by_room(list(steps.files))
    for room, files in rooms.items():
        names = ", ".join(str(Path(file).relative_to(ROOT / room.replace(".", "/"))) for file in files)
        print(f"{room:24}{len(files):3}  {names}")
    print(f"{len(steps.files)} files in {len(rooms)} rooms, {steps.crossings} crossings, {steps.calls} calls")
    if most is not None and len(steps.files) > most:
        sys.exit(TOO_MANY)


if __name__ == "__main__":
    main()
