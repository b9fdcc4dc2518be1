"""The instructions that nginx runs for a request, with leases and without: a busy machine does not change them.

    python -m benchmarks.nginx_instructions [--keys 2] [--requests 8000] [--before ANOTHER/CHECKOUT]

Needs valgrind, nginx, libnginx-mod-http-lua and lua-cjson. The kernel's work is not counted, which is half of what a
request costs and the same for all. Under valgrind nginx is some 30 times slower, so leases are renewed more often for a
request than in `benchmarks.nginx_leases`; with two keys that is seldom enough.
"""

import argparse
import asyncio
import contextlib
import re
import subprocess
import tempfile
from pathlib import Path

from benchmarks import nginx_setups as setups
from benchmarks.machine import describe

CLIENTS = 8
TOTAL = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)
COUNTING = ["valgrind", "--tool=callgrind", "--smc-check=all-non-file"]


async def load(port: int, count: int, keys: list[setups.Key]) -> None:
    """Send so many requests of all keys in turn."""
    await asyncio.gather(*(_client(port, count // CLIENTS, keys[number % len(keys)]) for number in range(CLIENTS)))


async def _client(port: int, count: int, key: setups.Key) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    headers = f"Host: api\r\nAuthorization: Bearer {key.key}\r\nX-Forwarded-For: {key.address}"
    for _ in range(count):
        writer.write(f"GET /v1/messages HTTP/1.1\r\n{headers}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        found = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if found is None or not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(head.decode())
        await reader.readexactly(int(found[1]))
    writer.close()


def control(pid: int, what: str) -> None:
    subprocess.run(["callgrind_control", what, str(pid)], capture_output=True, check=True)


def counted(command: list[str], directory: Path, port: int, count: int, keys: list[setups.Key]) -> float:
    """Instructions a request, after as many requests that compile what is used."""
    counts = directory / f"counts-{port}"
    one = [*command[:-1], f"{command[-1]} master_process off;"]
    whole = [*COUNTING, f"--callgrind-out-file={counts}", *one]
    with setups.running(whole, setups.cores()[0], directory, port) as nginx:
        asyncio.run(load(port, count, keys))
        control(nginx.pid, "-z")
        asyncio.run(load(port, count, keys))
        control(nginx.pid, "-d")
    return total(Path(f"{counts}.1").read_text()) / count


def total(dump: str) -> int:
    """The instructions that a file of callgrind sums up to."""
    return int(TOTAL.findall(dump)[-1])


def run(directory: Path, asked: argparse.Namespace) -> dict[str, float]:
    """Count for every configuration, one after the other."""
    listen, admin = setups.free_port(), setups.free_port()
    keys = setups.keys(asked.keys, "uniform")
    texts = setups.texts() | (setups.before(asked.before) if asked.before else {})
    found = {}
    with contextlib.ExitStack() as life:
        core, other = setups.cores()
        api = life.enter_context(setups.api(directory, other))
        command = setups.sidecar(directory, listen, admin, {"roomy": setups.ROOMY})
        life.enter_context(setups.running(command, core, directory, listen))
        asyncio.run(setups.push(admin, keys, "roomy"))
        for name, text in texts.items():
            port = setups.free_port()
            nginx = setups.nginx(directory, name, setups.configured(text, listen=port, sidecar=listen, api=api))
            found[name] = counted(nginx, directory, port, asked.requests, keys)
    return found


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--keys", type=int, default=2)
    made.add_argument("--requests", type=int, default=8000)
    made.add_argument("--before", type=Path)
    return made


def main() -> None:
    print(describe())
    with tempfile.TemporaryDirectory() as place:
        found = run(Path(place), parser().parse_args())
    print("| nginx | instructions a request | more than plain |\n| --- | ---: | ---: |")
    for name, count in found.items():
        print(f"| {name} | {count:,.0f} | {count - found['plain']:,.0f} |")


if __name__ == "__main__":
    main()
