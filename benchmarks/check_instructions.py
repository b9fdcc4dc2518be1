"""The instructions of a check, by scenario: a busy machine does not change them.

    python -m benchmarks.check_instructions [--accounts 2000] [--checks 5000] [--before CHECKOUT] [--keep DIRECTORY]

Needs valgrind. `engine` is the check of `benchmarks.engine` with linking on. `same` and `changing` are the checks of
`benchmarks.messages` from bytes to bytes, with facts that repeat or change; `batch` has 100 of them in each message.
`rls` is a call of Envoy's rate limit service as in `benchmarks.grpc_calls`, from the bytes of its message to those of
the answer. Not counted are the kernel's work, HTTP/2, and time that waits for memory. `callgrind_annotate` shows the
functions of a file that --keep keeps.
"""

import argparse
import asyncio
import gc
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import engine, messages
from plugins.envoy.calls import RLS
from plugins.envoy.messages_pb2 import RateLimitRequest
from reputation.wire.gateway import HttpMessage, Reply
from reputation.wire.ids import Ulids

WARM_UP, MEASURED = 1, 2
"""Seeds of the checks before those that are counted, and of the counted ones."""
BATCH = 100


def engine_work(accounts: int, checks: int) -> Callable[[int], None]:
    """Make accounts, and return the work for a seed."""
    limiter, _ = engine.filled(accounts)
    limiter.outbox.listening = True
    ids, draw = Ulids(), random.Random(WARM_UP)
    requests = {
        seed: [engine.request(draw.randrange(accounts), draw.randrange(engine.ADDRESSES)) for _ in range(checks)]
        for seed in (WARM_UP, MEASURED)
    }

    def work(seed: int) -> None:
        for number, one in enumerate(requests[seed]):
            limiter.check(one, engine.START + 40_000 + 1000 * seed + number * 0.001, ids)

    return work


def filled(accounts: int) -> messages.Bench:
    """Return a listener that each account asked twice from each of its addresses."""
    bench = messages.Bench(accounts)
    for which in (0, 1, 2, 0, 1, 2):
        bench.spend([messages.body(number, which) for number in range(accounts)])
    return bench


def messages_work(accounts: int, checks: int, *, changing: bool) -> Callable[[int], None]:
    """Do the same for messages. What is asked is made before, because that is no part of a check."""
    bench, draw = filled(accounts), random.Random(WARM_UP)
    changed = [0.01 * number * changing for number in range(checks)]
    bodies = {
        seed: [messages.body(draw.randrange(accounts), draw.randrange(3), seed * changing + one) for one in changed]
        for seed in (WARM_UP, MEASURED)
    }

    def work(seed: int) -> None:
        bench.now += 1000.0
        bench.spend(bodies[seed])

    return work


def batch_work(accounts: int, checks: int) -> Callable[[int], None]:
    """Do the same for batches."""
    bench, draw = filled(accounts), random.Random(WARM_UP)
    batches = {seed: [batch(draw, accounts) for _ in range(0, checks, BATCH)] for seed in (WARM_UP, MEASURED)}

    async def answer(message: HttpMessage) -> None:
        reply = bench.routes(message)
        if not isinstance(reply, Reply):
            await reply

    async def work(seed: int) -> None:
        for message in batches[seed]:
            bench.now += 0.004
            await answer(message)

    return lambda seed: asyncio.run(work(seed))


def batch(draw: random.Random, accounts: int) -> HttpMessage:
    bodies = [messages.body(draw.randrange(accounts), draw.randrange(3)) for _ in range(BATCH)]
    headers = [(b"content-type", b"application/json")]
    return HttpMessage(b"POST", b"/v1/check/batch", headers, b"[%b]" % b",".join(bodies))


def rls_work(accounts: int, checks: int) -> Callable[[int], None]:
    """Do the same for calls of the rate limit service, by accounts with pushed facts."""
    bench, draw = messages.Bench(accounts), random.Random(WARM_UP)
    for number in range(accounts):
        bench.limiter.push(f"acct_{number}", engine.facts(number), engine.START)
    method: Any = bench.routes.methods()[RLS]
    drawn = {
        seed: [rls_message(draw.randrange(accounts), draw.randrange(3)) for _ in range(checks)]
        for seed in (WARM_UP, MEASURED)
    }

    def work(seed: int) -> None:
        for message in drawn[seed]:
            bench.now += messages.STEP
            method.answer(message, [])

    return work


def rls_message(number: int, which: int) -> bytes:
    """Return a message as envoy-rls.yaml makes it: a descriptor for each member of a check."""
    named = {
        "authorization": f"Bearer sk-live-{number:024x}", "user_agent": "python-requests/2.32", "path": "/v1/messages",
        "remote_address": engine.address(number, which),
    }  # fmt: skip
    descriptors = [{"entries": [{"key": name, "value": value}]} for name, value in named.items()]
    return RateLimitRequest(domain="default", descriptors=descriptors).SerializeToString()


SCENARIOS: dict[str, Callable[[int, int], Callable[[int], None]]] = {
    "engine": engine_work,
    "same": lambda accounts, checks: messages_work(accounts, checks, changing=False),
    "changing": lambda accounts, checks: messages_work(accounts, checks, changing=True),
    "batch": batch_work,
    "rls": rls_work,
}


def carry_out(scenario: str, accounts: int, checks: int) -> None:
    """Be the process that is counted: say when it is ready, work once it may, and say when it is done."""
    work = SCENARIOS[scenario](accounts, checks)
    work(WARM_UP)
    gc.collect()
    gc.disable()
    print("ready", flush=True)
    sys.stdin.readline()
    work(MEASURED)
    print("done", flush=True)
    sys.stdin.readline()


def counted(checkout: Path, counts: Path, scenario: str, asked: argparse.Namespace) -> float:
    """Instructions a check of the code in a checkout."""
    from benchmarks.nginx_instructions import control, total  # noqa: PLC0415 - needs more than what is counted

    tool = ["valgrind", "--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={counts}"]
    words = ["--work", scenario, "--accounts", str(asked.accounts), "--checks", str(asked.checks)]
    with subprocess.Popen(
        [*tool, checkout / ".venv/bin/python", __file__, *words], cwd=checkout, text=True,
        env=os.environ | {"PYTHONPATH": str(checkout), "PYTHONHASHSEED": "0"},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        for said, switch in (("ready", "--instr=on"), ("done", "-d")):
            if process.stdout.readline().strip() != said:
                raise SystemExit(f"{checkout}: the process for {scenario!r} ended before it was {said}")
            control(process.pid, switch)
            process.stdin.write("\n")
            process.stdin.flush()
    checks: int = asked.checks
    return total(Path(f"{counts}.1").read_text()) / checks


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--accounts", type=int, default=2000)
    made.add_argument("--checks", type=int, default=5000)
    made.add_argument("--before", type=Path)
    made.add_argument("--keep", type=Path)
    made.add_argument("--only", choices=SCENARIOS, action="append")
    made.add_argument("--work", choices=SCENARIOS, help=argparse.SUPPRESS)
    return made


def main() -> None:
    asked = parser().parse_args()
    if asked.work:
        carry_out(asked.work, asked.accounts, asked.checks)
        return
    checkouts = {"before": asked.before, "now": Path(__file__).parents[1]}
    with tempfile.TemporaryDirectory() as place:
        keep = asked.keep or Path(place)
        for scenario in asked.only or SCENARIOS:
            for name, checkout in checkouts.items():
                if checkout is not None:
                    found = counted(checkout.absolute(), keep / f"{scenario}-{name}", scenario, asked)
                    print(f"{scenario:10} {name:8} {found:12,.0f} instructions a check", flush=True)


if __name__ == "__main__":
    main()
