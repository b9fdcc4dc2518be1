from collections.abc import Mapping

from plugins.gateway import Engine, Gateway, Handler, Listener, Listening, Served
from reputation.listeners.http2.methods import Methods

from .adapter import answer, read
from .settings import EnvoySettings, check_settings

__all__ = ["GATEWAY", "answer", "read"]

HELP = "gRPC listener for Envoy: HOST:PORT or unix:PATH; off by default. The check listener serves gRPC too."


def _methods(engine: Engine) -> Methods:
    from .methods import methods  # noqa: PLC0415 - protobuf takes time to load, and only the sidecar needs it

    return methods(engine)


def _routes(engine: Engine) -> Mapping[bytes, tuple[bytes, Handler]]:
    from .bridge import routes  # noqa: PLC0415 - the same

    return routes(engine)


async def _listen(asked: Listening) -> Served:
    from .listener import listen  # noqa: PLC0415 - the same

    return await listen(asked)


GATEWAY = Gateway(
    read,
    answer,
    takes_path=True,
    routes=_routes,
    methods=_methods,
    settings=EnvoySettings,
    check=check_settings,
    listener=Listener("grpc", HELP, _listen, tls=True),
)
