"""SIGTERM under load: every connection has an answer, and none is reset."""

import http.client
import json
import os
import signal
import socket
import threading
from collections import Counter

import pytest
from sidecar_process import running_sidecar, wait_for

pytestmark = pytest.mark.slow

BODY = json.dumps({"account": {"id": "a", "created_at": 1.5e9}})
CHECK = f"POST /v1/check HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n{BODY}".encode()
QUICK = {"http": {"drain": 10}}
REFUSED = "refused"


def fresh(address):
    """One request on a connection of its own; how that ended."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as connection:
        connection.settimeout(15)
        try:
            connection.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return REFUSED
        try:
            connection.sendall(CHECK)
            return answer_of(connection)
        except OSError as error:
            return type(error).__name__


def answer_of(connection):
    data = b""
    while b"\r\n\r\n" not in data:
        more = connection.recv(65536)
        if not more:
            return "closed without an answer"
        data += more
    return data.split(b" ", 2)[1].decode()


class Load:
    """So many threads that ask without a pause, each on new connections, until the listener is gone."""

    def __init__(self, address, threads=24):
        self.ends = Counter()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, args=(address,)) for _ in range(threads)]
        for thread in self._threads:
            thread.start()

    def _ask(self, address):
        end = None
        while end != REFUSED:
            end = fresh(address)
            with self._lock:
                self.ends[end] += 1

    def finish(self):
        for thread in self._threads:
            thread.join(30)
        return self.ends


@pytest.mark.parametrize("kind", ["lean", "aiohttp"])
@pytest.mark.parametrize("where", ["tcp", "unix"])
def test_connections_made_under_load_are_answered_or_refused_and_none_is_reset(tmp_path, kind, where):
    extra = {"HEADCOUNT_LISTENER": kind}
    path = str(tmp_path / "check.sock")
    with running_sidecar(tmp_path, QUICK, listen=f"unix:{path}" if where == "unix" else None, extra=extra) as found:
        load = Load(path if where == "unix" else ("127.0.0.1", found.check))
        wait_for(lambda: load.ends["200"] > 300, "no load", found.process, found.log)
        found.process.send_signal(signal.SIGTERM)
        ends = load.finish()
        assert found.process.wait(15) == 0
    assert set(ends) == {"200", REFUSED}, ends


def test_connections_in_the_accept_queue_are_answered(tmp_path):
    """The process is held while 500 connections are made and ask, so that none is accepted when it is told to end."""
    with running_sidecar(tmp_path, QUICK) as found:
        os.kill(found.process.pid, signal.SIGSTOP)
        waiting = []
        try:
            for _ in range(500):
                connection = socket.create_connection(("127.0.0.1", found.check), timeout=15)
                waiting.append(connection)
                connection.sendall(CHECK)
            found.process.send_signal(signal.SIGTERM)
        finally:
            os.kill(found.process.pid, signal.SIGCONT)
        assert Counter(answer_of(connection) for connection in waiting) == {"200": 500}
        for connection in waiting:
            connection.close()
        assert found.process.wait(15) == 0


def test_who_connected_and_asks_a_little_later_is_answered(tmp_path):
    """Between a handshake and its first request there is a round trip, and the sidecar may be told to end meanwhile."""
    with running_sidecar(tmp_path, QUICK) as found:
        waiting = [socket.create_connection(("127.0.0.1", found.check), timeout=15) for _ in range(50)]
        found.process.send_signal(signal.SIGTERM)
        wait_for(lambda: "draining" in found.log.read_text(), "not told", found.process, found.log)
        for connection in waiting:
            connection.sendall(CHECK)
        assert Counter(answer_of(connection) for connection in waiting) == {"200": 50}


def test_connections_that_are_used_again_and_again_see_an_answer_or_an_end(tmp_path):
    """The last answer says that the connection ends; a client that asks at that very moment is not reset."""
    with running_sidecar(tmp_path, QUICK) as found:
        ends, lock = Counter(), threading.Lock()

        def ask():
            connection = http.client.HTTPConnection("127.0.0.1", found.check, timeout=15)
            while True:
                try:
                    connection.request("POST", "/v1/check", BODY)
                    answer = connection.getresponse()
                    answer.read()
                    end = "last" if answer.headers.get("Connection") == "close" else "200"
                except OSError as error:
                    end = type(error).__name__
                with lock:
                    ends[end] += 1
                if end != "200":
                    return

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        wait_for(lambda: ends["200"] > 300, "no load", found.process, found.log)
        found.process.send_signal(signal.SIGTERM)
        for thread in threads:
            thread.join(20)
        assert found.process.wait(15) == 0
    assert ends["last"] == 16, ends
