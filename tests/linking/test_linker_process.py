"""The linker in its own process: the same answers, behind the checks of the same machine."""

import os

import pytest
from crude_hydra import HOUR, START, hydra, limiter, requests

from reputation.linking.batches import batch_of
from reputation.linking.host import LinkerHost
from reputation.linking.process import LinkerProcess
from reputation.linking.tenants import linker_settings
from reputation.wire.ids import Ulids


def test_the_process_answers_as_the_host_inside_it_does() -> None:
    """The pipe adds nothing and loses nothing."""
    one = limiter()
    tenant = one.tenant("default")
    tenant.outbox.listening = True
    for n in range(50):
        tenant.push(f"head_{n}", hydra(n), START)
    for at, request in requests(2):
        tenant.check(request, at, Ulids())
    notes = tenant.outbox.collect()
    batch = batch_of("default", linker_settings(tenant), notes, START + 3 * HOUR, epoch=True)
    process = LinkerProcess()
    try:
        process.send(batch)
        assert process.receive() == LinkerHost().take(batch)
    finally:
        process.close()


@pytest.mark.parametrize("niceness", [0, 10])
def test_a_linker_gives_way_to_checks_as_far_as_it_is_told(niceness: int) -> None:
    process = LinkerProcess(niceness)
    try:
        process.send(batch_of("default", linker_settings(limiter().tenant("default")), [], START, epoch=True))
        process.receive()
        assert process.pid is not None
        mine = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) == min(mine + niceness, 19)
    finally:
        process.close()
