"""Types for the known facts of an account, and for the rules of payers and proven accounts."""

from typing import Annotated

from msgspec import Meta, Struct

from reputation.wire.messages import Profile


class Facts(Profile, frozen=True, gc=False):
    """A stored profile, with plain floats as times, and the sidecar's own additions.

    keys: keyed hashes of API keys; external: ids at other systems, by system. payment_at: when `payment` was pushed.
    billing: what billing's events said, as `reputation.state.billing` packs it; `payment` is what both come to.
    """

    keys: tuple[bytes, ...] = ()
    external: tuple[tuple[str, str], ...] = ()
    payment_at: float | None = None
    billing: bytes = b""


NOTHING = Facts()


class Standards(Struct, frozen=True, forbid_unknown_fields=True):
    """Conditions for a payer and for a proven account. Ages are in days, money is in US dollars."""

    payer_usd: Annotated[float, Meta(ge=0, description="Minimum settled money of a payer, in US dollars.")] = 20.0
    payer_days: Annotated[float, Meta(ge=0, description="Minimum age of a payer, in days.")] = 14.0
    proven_usd: Annotated[float, Meta(ge=0, description="Minimum settled money of a proven payer, in US dollars.")] = (
        100.0
    )
    proven_days: Annotated[float, Meta(ge=0, description="Minimum age of a proven payer, in days.")] = 30.0
    veteran_days: Annotated[
        float,
        Meta(ge=0, description="Age in days at which an account in steady use is proven, even if it does not pay."),
    ] = 400.0
    veteran_active_days: Annotated[
        int, Meta(ge=0, le=255, description="Minimum number of different days of use that counts as steady use.")
    ] = 10
