from plugins.gateway import Gateway, Listener

from .adapter import answer, read
from .calls import listen, routes
from .settings import EnvoySettings, check_settings

__all__ = ["GATEWAY", "answer", "read"]

HELP = "gRPC listener for Envoy: HOST:PORT or unix:PATH; off by default. It needs the extra [envoy]."
GATEWAY = Gateway(
    read,
    answer,
    takes_path=True,
    routes=routes,
    settings=EnvoySettings,
    check=check_settings,
    listener=Listener("grpc", HELP, listen),
)
