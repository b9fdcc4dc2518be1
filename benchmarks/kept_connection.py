"""A connection of one client that is kept: requests one after another, as small in code and time as can be."""

import socket


class KeptConnection:
    """Sends to a port of this machine; connects again if the other side closed the connection without an answer."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket = self._connected()
        self._sent = b""
        self._read = b""

    def _connected(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self._port), 60)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def send(self, message: bytes) -> None:
        """Send a request and leave its answer unread."""
        self._sent = message
        try:
            self._socket.sendall(message)
        except OSError:
            self._again()

    def answer(self) -> tuple[int, bytes]:
        """Read the answer to what was sent last: status and body. OSError: there is none."""
        try:
            self._more()
        except OSError:
            self._again()
            self._more()
        while b"\r\n\r\n" not in self._read:
            self._more()
        head, _, self._read = self._read.partition(b"\r\n\r\n")
        return int(head[9:12]), self._body(head.lower())

    def ask(self, message: bytes) -> tuple[int, bytes]:
        """Send a request and read its answer."""
        self.send(message)
        return self.answer()

    def close(self) -> None:
        self._socket.close()

    def _body(self, head: bytes) -> bytes:
        if b"transfer-encoding: chunked" in head:
            while not self._read.endswith(b"0\r\n\r\n"):
                self._more()
            body, self._read = self._read, b""
            return body
        _, there, after = head.partition(b"content-length:")
        length = int(after.partition(b"\r\n")[0]) if there else 0
        while len(self._read) < length:
            self._more()
        body, self._read = self._read[:length], self._read[length:]
        return body

    def _more(self) -> None:
        some = self._socket.recv(65_536)
        if not some:
            raise ConnectionResetError(f"port {self._port} closed the connection")
        self._read += some

    def _again(self) -> None:
        self._socket.close()
        self._socket, self._read = self._connected(), b""
        self._socket.sendall(self._sent)


def message(method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b"") -> bytes:
    """Return a request as it goes over the wire."""
    said = {"Host": "localhost", **(headers or {})}
    if body:
        said |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body
