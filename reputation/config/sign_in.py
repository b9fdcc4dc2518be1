"""Settings of signing in to the console, and their check."""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta, Struct

from reputation.config.secrets import SecretPlace
from reputation.wire.errors import SettingError
from reputation.wire.messages import Text

Role = Annotated[
    Literal["reader", "operator", "admin"],
    Meta(description="`reader`: reads; `operator`: also changes facts, outcomes and clusters; `admin`: everything."),
]
FieldName = Annotated[str, Meta(pattern="^[A-Za-z0-9-]{1,64}$")]
"""Name of an HTTP header; one with an underscore is not taken, because proxies disagree about it."""
_LOOPBACK = re.compile(r"localhost|127\.[0-9]+\.[0-9]+\.[0-9]+|::1")


class GroupSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The role of the members of a group of your proxy or provider."""

    name: Annotated[Text, Meta(description="Name of the group, as the proxy or the provider sends it.")]
    role: Role = "reader"
    tenants: Annotated[tuple[Text, ...], Meta(description="Tenants that its members may access; empty: all.")] = ()


class ProxySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A reverse proxy that signs people in and names them in headers."""

    user: Annotated[FieldName, Meta(description="Header with the name of the person.")]
    groups: Annotated[FieldName, Meta(description="Header with the groups of the person, separated by commas.")]
    peers: Annotated[
        tuple[Text, ...],
        Meta(
            min_length=1,
            description="Addresses and networks of the proxies; from other addresses these headers are ignored.",
        ),
    ]
    sign_out: Annotated[
        Annotated[str, Meta(pattern="^(https?:/)?/[^ ]*$")] | None,
        Meta(description="Where the console's sign-out leads, for example `/oauth2/sign_out`; none: no such button."),
    ] = None


class OidcSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """An OpenID Connect provider. Its redirect URI is `url` with `/v1/session/callback`."""

    issuer: Annotated[
        str, Meta(pattern="^https?://[^ ?#]+$", description="Issuer; its discovery document says where the rest is.")
    ]
    client_id: Annotated[Text, Meta(description="Client id that the provider gave to Headcount.")]
    url: Annotated[
        str,
        Meta(
            pattern="^https?://[^ ?#]+$",
            description="URL at which browsers reach the admin listener, without /console.",
        ),
    ]
    client_secret: Annotated[
        SecretPlace | None,
        Meta(
            description="Place of the client's secret: `@` and a file, or `$` and an environment variable; none: a "
            "public client."
        ),
    ] = None
    name: Annotated[Text, Meta(description="Name of the provider, on the button of the console.")] = "OpenID Connect"
    scopes: Annotated[tuple[Text, ...], Meta(description="Scopes to ask for; `openid` is always added.")] = (
        "profile",
        "email",
        "groups",
    )
    user_claim: Annotated[
        Text, Meta(description="Claim with the name of the person; without it `email`, then `sub` is used.")
    ] = "preferred_username"
    groups_claim: Annotated[Text, Meta(description="Claim with the groups of the person, a list or one text.")] = (
        "groups"
    )


class SignInSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Signing in to the console, in addition to tokens: by a reverse proxy, or by OpenID Connect."""

    lifetime: Annotated[
        float, Meta(ge=60, le=2_592_000, description="Seconds after which a session of the console ends.")
    ] = 43_200.0
    proxy: Annotated[ProxySettings | None, Meta(description="A reverse proxy that names people in headers.")] = None
    oidc: Annotated[OidcSettings | None, Meta(description="An OpenID Connect provider.")] = None
    groups: Annotated[
        tuple[GroupSettings, ...],
        Meta(description="Roles by group; the first entry that names a group of the person counts, others do not."),
    ] = ()

    @property
    def names_people(self) -> bool:
        """Whether people can sign in without a token."""
        return self.proxy is not None or self.oidc is not None


def check_sign_in(settings: SignInSettings) -> None:
    """Raise SettingError for settings by which no one could sign in, or that would not be safe."""
    if settings.names_people and not settings.groups:
        raise SettingError(("sign_in", "groups"), "name at least one group, else no one who signs in may do anything")
    if settings.groups and not settings.names_people:
        raise SettingError(("sign_in", "groups"), "groups need sign_in.proxy or sign_in.oidc; set one, or remove them")
    if settings.proxy is not None:
        networks(settings.proxy)
    if settings.oidc is not None:
        for name in ("issuer", "url"):
            _check_encrypted(name, getattr(settings.oidc, name))


def networks(proxy: ProxySettings) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the networks of the proxies. Raises SettingError."""
    try:
        return tuple(ip_network(peer) for peer in proxy.peers)
    except ValueError as error:
        raise SettingError(("sign_in", "proxy", "peers"), f"{error}; write 192.0.2.7 or 192.0.2.0/24") from None


def is_private(url: str) -> bool:
    """Say whether a URL leads to this machine alone."""
    return _LOOPBACK.fullmatch(urlsplit(url).hostname or "") is not None


def _check_encrypted(name: str, url: str) -> None:
    if urlsplit(url).scheme == "http" and not is_private(url):
        raise SettingError(("sign_in", "oidc", name), "use https; http is accepted for this machine alone")
