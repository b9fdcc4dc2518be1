"""A tenant's settings of its gateways: those of every gateway, and under its name those of each that has its own."""

from typing import TYPE_CHECKING, Annotated

import msgspec
from msgspec import Meta, Struct

from plugins.shipped import GATEWAYS
from reputation.wire import gateway


def _own(kind: type[Struct]) -> tuple[object, Struct]:
    """Return the type and the default of a gateway's own settings; the type's docstring is its description."""
    return Annotated[kind, Meta(description=(kind.__doc__ or "").partition("\n")[0])], kind()


if TYPE_CHECKING:
    GatewaySettings = gateway.GatewaySettings
else:
    GatewaySettings = msgspec.defstruct(
        "GatewaySettings",
        [(name, *_own(found.settings)) for name, found in GATEWAYS.items() if found.settings is not None],
        bases=(gateway.GatewaySettings,),
        module=__name__,
        namespace={"__doc__": gateway.GatewaySettings.__doc__},
        frozen=True,
        forbid_unknown_fields=True,
    )
