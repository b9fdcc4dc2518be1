"""The settings of a tenant that its linker needs. Apart from the linker: code that only feeds one needs no numpy."""

from msgspec import Struct

from reputation.hydra.sightings import Bound, Part

LIFT = 2.0
"""How much more frequent each value must be than expected: an effect, not noise; each member is also asked."""
PRIOR_USE = 10.0
"""Ordinary requests a day of a typical account, before any is known."""
NATS = 25.0
"""ln(10^6 cells looked at) + 11: below one false cell in 50,000 epochs if accounts were independent."""


class Plans(Struct, frozen=True, array_like=True):
    """A newcomer's day by plan, in units; that of accounts whose plan is not known; and units for a settled dollar.

    entry: entry allowances by plan and rung, in units a day; entry_default: those where the plan is not known.
    default_plan: the plan of accounts whose plan is not known. least, most: bounds of a learnt newcomer's day, as
    parts of the configured one; active: what 30 days of use are worth, as a part of the day.
    full: what a proven account may use in a day, by plan. unsettled: the plan whose allowances an account has that is
    known to have settled less than plan_usd, by plan.
    """

    newcomer: dict[str, float] = {}
    default: float = 0.0
    per_usd: float = 0.0
    entry: dict[str, dict[str, float]] = {}
    entry_default: dict[str, float] = {}
    default_plan: str = ""
    least: float = 1.0
    most: float = 1.0
    active: float = 0.5
    full: dict[str, float] = {}
    unsettled: dict[str, str] = {}
    plan_usd: float = 0.0


class Held(Struct, frozen=True, array_like=True):
    """What newcomers may take together: so many times their usual share, or units a day that the operator set.

    capped: they are held to it, so what they take is no example.
    """

    times: float = 3.0
    units: float | None = None
    capped: bool = False


class LinkerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """purse: typical daily uses that a covert cluster may draw; seats: most seats of one company's purse.

    bound: what an account cannot copy from another; what is not in it links unproven accounts only.
    prior_use: units a day of a typical account before any is known; without: detectors and families of evidence that
    are not used; trials: share of three-hour blocks that are trials of how accounts react (see `reaction`), drawn with
    `key`; reserves: units a day of each newcomers' reserve; plans: what accounts can have earned, and their allowances.
    organisation_days, organisation_usd: age and settled dollars from which on a verified organisation is established.
    together: what newcomers may take together. ids: where the ids of clusters begin. reserve_accounts: accounts above
    suspicion for whom a reserve is meant, 0 for any number.
    """

    purse: float = 1.0
    prior_use: float = PRIOR_USE
    lift: float = LIFT
    nats: float = NATS
    most_accounts: int = 2_000_000
    most_unconfirmed: int = 200_000
    without: tuple[Part, ...] = ()
    trials: float = 0.0
    key: bytes = b""
    reserves: dict[str, float] = {}
    plans: Plans = Plans()
    seats: int = 500
    bound: tuple[Bound, ...] = ("device", "session")
    organisation_days: float = 30.0
    organisation_usd: float = 100.0
    together: Held = Held()
    ids: int = 0
    reserve_accounts: int = 0
