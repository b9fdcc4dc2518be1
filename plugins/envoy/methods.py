"""Envoy's methods of gRPC: ext_authz, RLS and RLQS."""

from plugins.gateway import Engine
from reputation.listeners.http2.methods import Methods, Streaming, Unary

from . import rlqs
from .calls import AUTHZ, MOST_BODY, RLS, EnvoyCalls
from .quota_streams import QuotaStreams

MOST_REPORT = 4 * 1024 * 1024


def methods(engine: Engine) -> Methods:
    calls = EnvoyCalls(engine)
    return {
        AUTHZ: Unary(calls.authorize, MOST_BODY),
        RLS: Unary(calls.limit, MOST_BODY),
        rlqs.METHOD: Streaming(QuotaStreams(engine.tenants, engine.clock).open, MOST_REPORT),
    }
