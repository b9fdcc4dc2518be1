"""Envoy's settings, `gateway.envoy` of a tenant: domains, descriptors, quotas."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, Struct

from reputation.wire.errors import SettingError
from reputation.wire.gateway import MEMBERS, GatewaySettings


class Quota(Struct, frozen=True, forbid_unknown_fields=True):
    """Limit of one bucket of RLQS, shared by all Envoys."""

    rate: Annotated[float, Meta(ge=1 / 3600, le=1e6, description="Requests a second.")]
    burst: Annotated[float, Meta(ge=1, le=1e9, description="Maximum requests at once.")]


class EnvoySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Envoy's rate limit service (RLS) and its rate limit quota service (RLQS)."""

    domains: Annotated[
        tuple[str, ...],
        Meta(description="Domains of RLS and RLQS that belong to this tenant, in addition to the tenant's name."),
    ] = ()
    descriptors: (
        Annotated[
            dict[str, str],
            Meta(
                description="Keys of RLS descriptors, and the member of a check that each key fills; "
                "none: the usual keys."
            ),
        ]
        | None
    ) = None
    quotas: Annotated[
        dict[str, dict[str, Quota]],
        Meta(description="Buckets of RLQS: a key, its values (`*`: every other value), and the quota of each."),
    ] = {}
    quota_ttl: Annotated[
        int,
        Meta(
            ge=6,
            le=86_400,
            description="Seconds that a quota stays valid in Envoy without renewal; Envoy reports every 5 seconds.",
        ),
    ] = 30


DESCRIPTORS: Mapping[str, str] = {
    "account": "account.id",
    "api_key": "account.key",
    "authorization": "account.key",
    "remote_address": "client.ip",
    "masked_remote_address": "client.ip",
    "user_agent": "client.user_agent",
    "path": "request.route",
    "headcount_hold": "request.hold",
    "headcount_verdict": "verdict",
}
"""The usual keys of Envoy's descriptors, for a tenant without its own `descriptors`."""


DESCRIBED = frozenset({*MEMBERS, "request.route", "request.hold", "verdict"})
"""Members that a descriptor's key can be mapped to. `verdict` settles that verdict's hold by the descriptor's hits."""


def check_descriptors(descriptors: Mapping[str, str]) -> None:
    """Check the mapping of descriptors in a configuration. Raises ValueError for an unknown member."""
    for key, member in descriptors.items():
        if member not in DESCRIBED:
            known = ", ".join(sorted(DESCRIBED))
            raise ValueError(f"descriptor {key}: a check has no member {member}; known: {known}")


def settings_of(gateway: GatewaySettings) -> EnvoySettings:
    """Return Envoy's part of a tenant's settings; the defaults if there is none."""
    found = getattr(gateway, "envoy", None)
    return found if isinstance(found, EnvoySettings) else EnvoySettings()


def check_settings(tenants: Mapping[str, EnvoySettings]) -> None:
    """Check the settings of all tenants. Raises SettingError for an unknown member, and for a domain of two tenants."""
    owners: dict[str, str] = {}
    for name, envoy in tenants.items():
        path = ("tenants", name, "gateway", "envoy")
        try:
            check_descriptors(envoy.descriptors or {})
        except ValueError as error:
            raise SettingError((*path, "descriptors"), str(error)) from None
        for domain in envoy.domains:
            if owners.setdefault(domain, domain if domain in tenants else name) != name:
                fault = f"{domain!r} is the domain of tenant {owners[domain]!r} already"
                raise SettingError((*path, "domains"), fault)
