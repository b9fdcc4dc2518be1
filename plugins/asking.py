"""Calls to a sidecar from a Python program: one check, one settlement, and the behaviour without a sidecar."""

import asyncio
from types import TracebackType
from typing import Self

import aiohttp
import msgspec

from reputation.wire.messages import Request, Verdict

UNIX = "unix:"
TIMEOUT = 0.2
"""Seconds for a whole check: Envoy gives ext_authz as long."""
LIMIT = 256
"""Connections to the sidecar at most; a check takes well under a millisecond."""

_verdicts = msgspec.json.Decoder(Verdict)
NOT_THERE = (aiohttp.ClientError, asyncio.TimeoutError, OSError)


class RefusedError(Exception):
    """The sidecar answered, but with no verdict: the check is wrong, or it knows no such tenant."""


class Sidecar:
    """A sidecar's check listener, at `http://HOST:PORT` or `unix:PATH`; one for each event loop."""

    def __init__(self, url: str = "http://127.0.0.1:8470", timeout: float = TIMEOUT) -> None:
        self._base = "http://sidecar" if url.startswith(UNIX) else url.rstrip("/")
        self._socket = url.removeprefix(UNIX) if url.startswith(UNIX) else None
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._session: aiohttp.ClientSession | None = None

    async def check(self, request: Request) -> Verdict | None:
        """Ask for a verdict; None if the sidecar is not there or fails. Raises RefusedError on a 4xx."""
        try:
            async with self._open().post(f"{self._base}/v1/check", data=msgspec.json.encode(request)) as answer:
                body = await answer.read()
        except NOT_THERE:
            return None
        if answer.status >= 500:
            return None
        if answer.status != 200:
            raise RefusedError(body.decode("utf-8", "replace"))
        return _verdicts.decode(body)

    async def settle(self, verdict: Verdict, actual: float) -> bool:
        """Settle a held verdict with its real cost; False after a failure."""
        body = msgspec.json.encode({"tenant": verdict.tenant, "verdict": verdict.id, "actual": actual})
        try:
            async with self._open().post(f"{self._base}/v1/settle", data=body) as answer:
                return answer.status < 300
        except NOT_THERE:
            return False

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _open(self) -> aiohttp.ClientSession:
        """Open the session inside the running loop; there is no loop yet when a middleware is made."""
        if self._session is None:
            connector = (
                aiohttp.TCPConnector(limit=LIMIT)
                if self._socket is None
                else aiohttp.UnixConnector(self._socket, limit=LIMIT)
            )
            self._session = aiohttp.ClientSession(
                connector=connector, timeout=self._timeout, headers={"Content-Type": "application/json"}
            )
        return self._session
