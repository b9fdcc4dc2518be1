"""Connections to one listener of a sidecar."""

import json
import ssl
from types import TracebackType
from typing import NamedTuple, Self

import aiohttp

UNIX = "unix:"
MOST_CONNECTIONS = 256
"""Connections to a listener at most; a check takes well under a millisecond."""


class Answer(NamedTuple):
    """What a listener answered."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...]

    @property
    def detail(self) -> str:
        """The detail of a problem document, else the beginning of the body."""
        try:
            found = json.loads(self.body)["detail"]
        except (ValueError, KeyError, TypeError):
            found = self.body.decode("utf-8", "replace")
        return f"{self.status}: {str(found)[:500]}"


class NoAnswerError(Exception):
    """The sidecar did not answer: `cause` is `timeout` or `unreachable`."""

    def __init__(self, cause: str, detail: str) -> None:
        super().__init__(f"{cause}: {detail}")
        self.cause = cause


class Connection:
    """Keeps connections to `http://HOST:PORT`, `https://HOST:PORT` or `unix:PATH` open. One for each event loop.

    tls: of an https URL, for its certificate authority and a certificate of the caller's own.
    """

    def __init__(
        self,
        url: str,
        timeout: float,
        headers: dict[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._base = "http://sidecar" if url.startswith(UNIX) else url.rstrip("/")
        self._path = url.removeprefix(UNIX) if url.startswith(UNIX) else None
        self._timeout = aiohttp.ClientTimeout(total=timeout)
        self._headers = headers or {}
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def call(
        self, method: str, path: str, body: bytes | None = None, headers: list[tuple[str, str]] | None = None
    ) -> Answer:
        """Send one request. Raises NoAnswerError."""
        try:
            async with self._open().request(
                method, self._base + path, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return Answer(answer.status, await answer.read(), answer.raw_headers)
        except TimeoutError as error:
            raise NoAnswerError("timeout", "no answer within the time-out") from error
        except (aiohttp.ClientError, OSError) as error:
            raise NoAnswerError("unreachable", str(error)) from error

    async def close(self) -> None:
        """Close the connections. A later call opens new ones."""
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
            connector: aiohttp.BaseConnector = (
                aiohttp.TCPConnector(limit=MOST_CONNECTIONS, ssl=self._tls or True)
                if self._path is None
                else aiohttp.UnixConnector(self._path, limit=MOST_CONNECTIONS)
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=self._timeout,
                headers=self._headers,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
            )
        return self._session
