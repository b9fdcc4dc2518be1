"""`headcount serve`: the sidecar."""

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import click
import uvloop

from plugins.shipped import load
from reputation.admin.access import is_loopback
from reputation.admin.application import application as admin_application
from reputation.admin.webhooks import Webhooks, check_secrets
from reputation.commands.check_listener import LISTENERS, Addresses, listen_to_gateways
from reputation.commands.gateway_listeners import (
    Binding,
    gateway_addresses,
    gateway_options,
    gateway_tls,
    tls_of,
    tls_options,
    with_listeners,
)
from reputation.commands.options import config_option, ends_well
from reputation.config.file import Settings
from reputation.listeners.guarded import Guard
from reputation.listeners.sockets import AddressError, SocketAccess, bind, octal, owner
from reputation.recordings.recorder import recordings_directory
from reputation.sidecar.assembly import assemble
from reputation.sidecar.build import empty_state, read_settings
from reputation.sidecar.decision_log import event_log
from reputation.sidecar.hash_key import HASH_KEY, hash_key, settled_hash_key
from reputation.sidecar.running import Serving
from reputation.stores.contract import Opening, Store
from reputation.stores.places import open_store
from reputation.wire.errors import ConfigError, Unavailable

LONGEST_LINE = 1 << 15
"""Maximum bytes of a request's first line on the admin listener: the longest percent-encoded names and reasons fit."""
CHECK_EVERY = 0.2
"""Seconds between two attempts to read the hash key in the state, while the state is unavailable."""


def _access(mode: str, named: str | None) -> SocketAccess:
    try:
        user, group = owner(named or "")
        return SocketAccess(octal(mode), user, group)
    except ValueError as error:
        raise ConfigError(f"--socket-mode {mode}, --socket-owner {named}: {error}") from None


@click.command()
@config_option
@click.option("--listen", default="127.0.0.1:8470", show_default=True, help="Check listener: HOST:PORT or unix:PATH.")
@click.option("--admin", default="127.0.0.1:8471", show_default=True, help="Admin listener: HOST:PORT.")
@tls_options("listen")
@gateway_options
@click.option(
    "--socket-mode",
    default="666",
    show_default=True,
    help="Mode of the Unix sockets; a gateway that runs as another user needs write access.",
)
@click.option(
    "--socket-owner",
    help="Owner of the Unix sockets, USER:GROUP or :GROUP; by default the user and group of the process.",
)
@click.option("--webhooks", help="Listener for webhooks alone: HOST:PORT; off by default.")
@click.option(
    "--state",
    help="Place of the state: a file, :memory:, or redis://, rediss://, redis+sentinel:// or redis+cluster://. "
    "By default headcount/state.sqlite3 in the user's state directory.",
)
@click.option(
    "--play",
    "play",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file of recorded lines, as `headcount replay` reads them. They are played into the empty state before the "
    "sidecar serves, so that the console has a past to show.",
)
@click.option(
    "--listener",
    "kind",
    type=click.Choice(list(LISTENERS)),
    default="lean",
    show_default=True,
    help="Implementation of the check listener; aiohttp is the reference.",
)
@ends_well
def serve(
    config: Path | None,
    listen: str,
    admin: str,
    gateway_listener: tuple[str, ...],
    socket_mode: str,
    socket_owner: str | None,
    webhooks: str | None,
    state: str | None,
    play: Path | None,
    kind: str,
    **shipped: str | None,
) -> None:
    """Run the sidecar until SIGTERM; SIGHUP reloads the configuration."""
    settings = read_settings(config)
    if not settings.guarded and not is_loopback(admin.rpartition(":")[0]):
        raise ConfigError(f"--admin {admin}: without a configured token the admin listener must be on loopback")
    gateways = gateway_addresses(gateway_listener, shipped)
    check_tls = tls_of("listen", shipped["listen_tls"], shipped["listen_client_ca"])
    if check_tls is not None and kind != "lean":
        raise ConfigError(f"--listen-tls: the listener {kind} has no TLS; leave --listener out")
    binding = Binding(_access(socket_mode, socket_owner), gateway_tls(shipped), check_tls)
    addresses = Addresses(listen, admin, gateways, binding)
    work = partial(_serve, config=config, addresses=addresses, kind=kind, play=play)
    if webhooks is not None:
        check_secrets(settings)
    uvloop.run(_with_state(settings, state, partial(_with_webhooks, webhooks, work)))
    for path in addresses.sockets():
        path.unlink(missing_ok=True)


async def _with_state(settings: Settings, place: str | None, work: Callable[[Serving], Awaitable[None]]) -> None:
    """Open the state, serve, and write the remaining changes at the end."""
    log = event_log(settings.log, sys.stderr)
    store = open_store(place, Opening(partial(empty_state, settings), log, time.time))
    keeping = asyncio.create_task(store.run())
    keeping.add_done_callback(partial(_ended, log, "state_writer_failed"))
    tasks = [keeping]
    try:
        key, checking = await _hash_key(store)
        serving = assemble(settings, store, key, log)
        tasks.append(asyncio.create_task(serving.crowding.run()))
        tasks.append(asyncio.create_task(serving.memory.run()))
        tasks.append(asyncio.create_task(serving.surges.run()))
        serving.tuning.recording.directory = recordings_directory(place)
        await _unless_it_fails(checking, asyncio.ensure_future(work(serving)))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await store.close()


async def _with_webhooks(address: str | None, work: Callable[[Serving], Awaitable[None]], serving: Serving) -> None:
    """Serve webhooks in addition to the other listeners, if an address is given."""
    if address is None:
        await work(serving)
        return
    webhooks = Webhooks(serving)
    serving.metric_sources.append(webhooks.metrics)
    guard = Guard("webhooks")
    serving.metric_sources.append(guard.metrics)
    try:
        async with guard.serving(webhooks.application(), bind(address)):
            await work(serving)
    except AddressError as error:
        raise ConfigError(str(error)) from None


async def _hash_key(store: Store) -> tuple[bytes, asyncio.Task[None]]:
    """Return the hash key, and the task to compare it with the state, once the state is available."""
    try:
        return await settled_hash_key(store.records), asyncio.create_task(asyncio.sleep(0))
    except Unavailable:
        given = hash_key()
    if given is None:
        raise ConfigError(
            f"--state: the state, which contains the hash key, is unavailable; "
            f"set {HASH_KEY} in the environment to start without the state"
        )
    return given, asyncio.create_task(_check_hash_key(store))


async def _unless_it_fails(checking: asyncio.Task[None], work: asyncio.Future[None]) -> None:
    """Wait for work; if `checking` fails meanwhile, cancel the work and raise that error."""
    await asyncio.wait([checking, work], return_when=asyncio.FIRST_COMPLETED)
    if checking.done() and checking.exception() is not None:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        checking.result()
    checking.cancel()
    await work


async def _check_hash_key(store: Store) -> None:
    while True:
        try:
            await settled_hash_key(store.records)
        except Unavailable:
            await asyncio.sleep(CHECK_EVERY)
        else:
            return


async def _serve(serving: Serving, config: Path | None, addresses: Addresses, kind: str, play: Path | None) -> None:
    settings, log = serving.settings, serving.event_log
    serving.local_admin = is_loopback(addresses.admin.rpartition(":")[0])
    try:
        check_socket, admin_socket = bind(addresses.check, access=addresses.binding.access), bind(addresses.admin)
    except AddressError as error:
        raise ConfigError(str(error)) from None
    asked = with_listeners(addresses.gateways, load(settings.gateways))
    await _take_up(serving, play)
    check = await listen_to_gateways(serving, addresses, kind, check_socket, asked, partial(_failed, log))
    guard = Guard("admin")
    serving.metric_sources.append(guard.metrics)
    async with guard.serving(admin_application(serving), admin_socket, LONGEST_LINE):
        works = _started(serving)
        _announce(log, settings, addresses)
        await _until_stopped(partial(serving.reload, config))
        serving.draining = True
        log.info("draining", seconds=settings.http.drain)
        others = [one for one in serving.listeners.values() if one != check]
        tasks = [asyncio.create_task(one.drain(settings.http.drain)) for one in others]
        cut = await check.drain(settings.http.drain) + sum(await asyncio.gather(*tasks))
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        await serving.stops.keep_all()
        await serving.charts.keep()
    await serving.tuning.close()
    serving.decisions.close()
    log.info("stopped", connections_cut=cut)


async def _take_up(serving: Serving, play: Path | None) -> None:
    """Take up what an earlier process or another replica has left."""
    with suppress(Unavailable):  # shared state is away: follow_tenants takes them up later
        await serving.take_up_tenants()
    await serving.linking.take_up()
    await serving.charts.take_up()
    await serving.tuning.start()
    if play is not None:
        from reputation.commands.play import play_file  # noqa: PLC0415 - with rich, for its progress bar

        await play_file(serving, play)


def _started(serving: Serving) -> list[asyncio.Task[None]]:
    """Start the background tasks until the end; an early end of a task is logged."""
    works = {
        "linking_failed": serving.linking.run(),
        "ageing_failed": serving.watch_addresses(),
        "keeping_failed": serving.stops.run(),
        "charts_failed": serving.charts.run(),
        "notices_failed": serving.notices.run(),
        "tenants_failed": serving.follow_tenants(),
    }
    tasks = []
    for failed, work in works.items():
        tasks.append(asyncio.create_task(work))
        tasks[-1].add_done_callback(partial(_ended, serving.event_log, failed))
    return tasks


def _ended(log: Any, event: str, work: asyncio.Task[None]) -> None:
    if not work.cancelled() and (error := work.exception()) is not None:
        _failed(log, event, error)


def _failed(log: Any, event: str, error: BaseException) -> None:
    log.error(event, exc_info=error)


def _announce(log: Any, settings: Settings, addresses: Addresses) -> None:
    listen, admin = addresses.check, addresses.admin
    log.info("listening", check=listen, admin=admin, tenants=sorted(settings.tenants) or ["default"])
    if not settings.guarded:
        log.warning("admin_without_token", detail="every user of this machine can call the admin listener on loopback")
    scheme = "http" if addresses.binding.check_tls is None else "https"
    where = f"--unix-socket {listen[5:]} http://localhost" if listen.startswith("unix:") else f"{scheme}://{listen}"
    click.echo(
        f"Headcount answers checks on {listen}, admin on {admin}. Try:\n"
        f"  curl -s {where}/v1/check -d '"
        '{"account": {"id": "acct_42"}, "client": {"ip": "203.0.113.7"}}'
        "'",
        err=True,
    )


async def _until_stopped(reload: Any) -> None:
    """Wait for SIGTERM or SIGINT; reload on SIGHUP."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reloads: set[asyncio.Task[bool]] = set()
    loop.add_signal_handler(signal.SIGHUP, lambda: reloads.add(loop.create_task(reload())))
    await stop.wait()
    await asyncio.gather(*reloads)
