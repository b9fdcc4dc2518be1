"""What can be known of an account, and what makes it a payer or proven: types that are read and written."""

from typing import Annotated

from msgspec import Meta, Struct

from reputation.events import Profile


class Facts(Profile, frozen=True, gc=False):
    """A profile as it is kept, with plain floats as times, and what only the sidecar needs beside it.

    keys: keyed hashes of API keys; external: ids at other systems, by system. payment_at: when `payment` was pushed.
    billing: what billing's events said, as `reputation.billing` packs it; `payment` is what both come to.
    """

    keys: tuple[bytes, ...] = ()
    external: tuple[tuple[str, str], ...] = ()
    payment_at: float | None = None
    billing: bytes = b""


NOTHING = Facts()


class Standards(Struct, frozen=True, forbid_unknown_fields=True):
    """Who counts as a payer and who as proven; ages in days, money in US dollars."""

    payer_usd: Annotated[float, Meta(ge=0, description="Settled money that makes a payer, in US dollars.")] = 20.0
    payer_days: Annotated[float, Meta(ge=0, description="Age that a payer has at least, in days.")] = 14.0
    proven_usd: Annotated[float, Meta(ge=0, description="Settled money that makes a payer proven, in US dollars.")] = (
        100.0
    )
    proven_days: Annotated[float, Meta(ge=0, description="Age that a proven payer has at least, in days.")] = 30.0
    veteran_days: Annotated[
        float, Meta(ge=0, description="Age in days at which an account in steady use is proven, payer or not.")
    ] = 400.0
    veteran_active_days: Annotated[
        int, Meta(ge=0, le=255, description="Different days of use that count as steady use.")
    ] = 10
