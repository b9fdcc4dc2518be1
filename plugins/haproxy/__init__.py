from plugins.gateway import Gateway, Listener

from .adapter import answer, read
from .listener import listen

__all__ = ["GATEWAY", "answer", "read"]

HELP = "Listener for HAProxy's SPOE: HOST:PORT or unix:PATH; off by default."
GATEWAY = Gateway(read, answer, listener=Listener("spoe", HELP, listen, alone=True))
