"""Small parts of a tenant's settings."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from reputation.hydra.sightings import Bound, Part


class OutcomeSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Decay of outcomes. Payment declines always count for 30 days."""

    half_life: Annotated[
        float, Meta(ge=1, le=3650, description="Days after which the weight of an outcome has halved.")
    ] = 90.0


Dollars = Annotated[float, Meta(ge=0, le=1e6)]


class CredentialPrices(Struct, frozen=True, forbid_unknown_fields=True):
    """Assumed prices of what an account is made of, in US dollars for one; the defaults are those of docs/worlds.md."""

    mailbox: Annotated[Dollars, Meta(description="A mailbox, with which an account is signed up.")] = 0.02
    phone: Annotated[Dollars, Meta(description="A verification by phone.")] = 0.26
    prepaid_card: Annotated[Dollars, Meta(description="A prepaid card.")] = 5.0
    virtual_card: Annotated[Dollars, Meta(description="A virtual card that does not say that it is prepaid.")] = 3.0
    ordinary_card: Annotated[Dollars, Meta(description="An ordinary card.")] = 15.0
    aged_account: Annotated[Dollars, Meta(description="A proven account, bought from its owner.")] = 8.0


class PriceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Prices in US dollars: of one unit, for the report of a replay, and of what an attacker buys."""

    cost_usd: Annotated[float, Meta(ge=0, description="Your cost of serving one unit.")] = 0.0
    price_usd: Annotated[float, Meta(ge=0, description="Price of one unit for a paying account.")] = 0.0
    credentials: Annotated[
        CredentialPrices, Meta(description="What an attacker pays; `headcount prices` computes with it.")
    ] = CredentialPrices()


class PurseSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Purse of linked accounts that openly share one credit card or one organisation."""

    seats: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000_000,
            description="Maximum number of active seats of one credit card or organisation for which its purse grows "
            "by a typical daily use each, if its use has the shape of people; 0: none.",
        ),
    ] = 500


class LinkingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of linked accounts. One unit is a typical honest account's daily use, learnt from proven accounts."""

    enabled: Annotated[bool, Meta(description="Link the accounts of one actor, and give them one shared purse.")] = True
    purse_units: Annotated[
        float,
        Meta(
            gt=0,
            le=1e6,
            description="Purse of a cluster that is linked by covert evidence, "
            "in units of a typical honest account's daily use.",
        ),
    ] = 1.0
    payer_floor_units: Annotated[
        float,
        Meta(
            ge=0, le=1e6, description="Daily floor of each payer in a cluster, used before the purse; in the same unit."
        ),
    ] = 0.25
    floor: Annotated[float, Meta(ge=0, description="No effect: crowded neighbourhoods have no budgets.")] | None = None
    without: Annotated[
        tuple[Part | Literal["neighbourhoods"], ...],
        Meta(
            description="Detectors and families of evidence that linking does not use. `neighbourhoods` has no effect."
        ),
    ] = ()
    bound: Annotated[
        tuple[Bound, ...],
        Meta(
            description="What you bind to one account, as by a signed cookie. A client can copy what is not bound, "
            "so it links unproven accounts only."
        ),
    ] = ("device", "session")
    trials: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Share of three-hour blocks in which, for one hour, no cluster is restrained; "
            "the other hours show which accounts react.",
        ),
    ] = 0.0
