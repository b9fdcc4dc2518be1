"""The running program put together from its settings, its state and its key."""

import sys
import time
from typing import Any

from reputation.config.file import Settings
from reputation.config.retired import ineffective, retired
from reputation.sidecar.build import build, collect_seldom, open_addresses, parts_of
from reputation.sidecar.clock import Clock
from reputation.sidecar.decision_log import DecisionLog
from reputation.sidecar.running import Serving
from reputation.stores.contract import Store


def assemble(settings: Settings, store: Store, secret: bytes, log: Any) -> Serving:
    """Build the program; its log says what the configuration has that has no effect."""
    addresses = open_addresses(settings, time.time())
    for warning in addresses.warnings:
        log.warning("slow_address_reader", detail=warning)
    for warning in retired(settings.tenants):
        log.warning("retired_setting", detail=warning)
    limiter = build(settings, addresses, secret, store.tenant)
    for tenant in limiter.tenants.values():
        for warning in ineffective(tenant.tenant):
            log.warning("setting_without_effect", tenant=tenant.tenant.name, detail=warning)
    decisions = DecisionLog(settings.log, secret, sys.stderr)
    decisions.start()
    collect_seldom()
    parts = parts_of(limiter, store, settings, Clock(), log)
    return Serving(settings, parts, addresses, decisions, log)
