"""`headcount serve --spoe`: off by default, where it listens, what it counts, how it ends."""

import signal
import socket

import pytest
from ports import free_ports
from sidecar_process import headcount, running_sidecar

from benchmarks import spop_peer as peer
from plugins.haproxy.spop import ACK, AGENT_DISCONNECT, AGENT_HELLO

pytestmark = pytest.mark.slow

ASK = peer.put_notify(3, 1, [("tenant", "default"), ("x-api-key", "k"), ("x-forwarded-for", "203.0.113.9")])


def frames(connection, count):
    """So many frames of the agent's."""
    data = b""
    for _ in range(count):
        size = connection.recv(4, socket.MSG_WAITALL)
        data += size + connection.recv(int.from_bytes(size), socket.MSG_WAITALL)
    return peer.answers(data)


def test_a_verdict_comes_over_spoe_and_is_counted_with_all_others(tmp_path):
    (port,) = free_ports(1)
    with running_sidecar(tmp_path, extra={"HEADCOUNT_SPOE": f"127.0.0.1:{port}"}) as sidecar:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(peer.HELLO_26 + ASK + peer.put_notify(4, 1, [("tenant", "nobody"), ("x-api-key", "k")]))
            hello, ack, refused = frames(connection, 3)
            assert (hello.kind, ack.kind, ack.stream) == (AGENT_HELLO, ACK, 3)
            assert ack.variables[b"decision"] == b"allow"
            assert refused.variables == {b"status": 400}
            metrics = sidecar.tell("GET", "/metrics").body.decode()
            assert "headcount_spoe_messages_total 2.0" in metrics
            assert "headcount_spoe_connections 1.0" in metrics
            verdict = ack.variables[b"verdict"].decode()
            assert sidecar.tell("GET", f"/v1/decisions/{verdict}?tenant=default").status == 200
            sidecar.process.send_signal(signal.SIGTERM)
            (goodbye,) = frames(connection, 1)
            assert goodbye.kind == AGENT_DISCONNECT
            assert connection.recv(1) == b""
        assert sidecar.process.wait(15) == 0


def test_a_unix_socket(tmp_path):
    path = tmp_path / "spoe.sock"
    with running_sidecar(tmp_path, extra={"HEADCOUNT_SPOE": f"unix:{path}"}) as sidecar:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(path))
            connection.sendall(peer.CHECK_26)
            (hello,) = frames(connection, 1)
            assert hello.kind == AGENT_HELLO
        sidecar.process.send_signal(signal.SIGTERM)
        assert sidecar.process.wait(15) == 0
    assert not path.exists()


def test_it_is_off_unless_it_is_asked_for(sidecar):
    assert "headcount_spoe" not in sidecar.tell("GET", "/metrics").body.decode()


@pytest.mark.parametrize("place", ["nowhere", "127.0.0.1:99999"])
def test_a_place_that_cannot_be_is_said_in_one_line(place):
    check, admin = free_ports(2)
    run = headcount("serve", f"--listen=127.0.0.1:{check}", f"--admin=127.0.0.1:{admin}", "--spoe", place)
    assert (run.returncode, place in run.stderr.decode(), b"Traceback" in run.stderr) == (1, True, False)
