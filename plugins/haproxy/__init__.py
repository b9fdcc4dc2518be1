from plugins.gateway import Gateway, Listener, Listening, Served

from .adapter import answer, read

__all__ = ["GATEWAY", "answer", "read"]

HELP = "Listener for HAProxy's SPOE: HOST:PORT or unix:PATH; off by default."


async def _listen(asked: Listening) -> Served:
    from .listener import listen  # noqa: PLC0415 - its imports take time, and most programs serve no SPOE

    return await listen(asked)


GATEWAY = Gateway(read, answer, listener=Listener("spoe", HELP, _listen, alone=True))
