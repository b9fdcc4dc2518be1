"""A kept connection reads answers of every form, and connects again where the server closed it."""

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from benchmarks.kept_connection import KeptConnection, message

LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@contextmanager
def server(connections: Sequence[Sequence[bytes]]) -> Iterator[int]:
    """Accept so many connections, and give each so many answers before it is closed."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for answers in connections:
            with listening.accept()[0] as one:
                for answer in answers:
                    one.recv(65_536)
                    one.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    yield listening.getsockname()[1]
    thread.join()
    listening.close()


def test_answers_are_read_whole_one_after_another() -> None:
    with server([[LENGTH, EMPTY, CHUNKED, LENGTH]]) as port:
        connection = KeptConnection(port)
        answers = [connection.ask(message("GET", "/")) for _ in range(4)]
        connection.close()
    assert [status for status, _ in answers] == [200, 204, 200, 200]
    assert answers[0][1] == answers[3][1] == b"hello"
    assert b"hello" in answers[2][1]


def test_a_request_is_sent_again_where_the_server_closed_the_connection_between_two() -> None:
    with server([[LENGTH], [EMPTY]]) as port:
        connection = KeptConnection(port)
        assert connection.ask(message("GET", "/first"))[0] == 200
        assert connection.ask(message("GET", "/second"))[0] == 204
        connection.close()


def test_no_answer_at_all_is_an_error() -> None:
    with server([[], []]) as port:
        connection = KeptConnection(port)
        with pytest.raises(ConnectionResetError):
            connection.ask(message("GET", "/"))
        connection.close()


def test_a_body_is_announced_as_json_with_its_length() -> None:
    sent = message("PUT", "/a", {"X": "y"}, b"{}")
    assert sent == (
        b"PUT /a HTTP/1.1\r\nHost: localhost\r\nX: y\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
    )
