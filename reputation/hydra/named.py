"""Facts of an account that are names: each has a column of numbers in the ledger."""

from collections.abc import Hashable

from reputation.hydra.sightings import Known, Origin
from reputation.hydra.software import software


def named(known: Known) -> dict[str, Hashable]:
    """Return the facts that are names, by the column that keeps each."""
    signup = known.signup or Origin()
    return {
        "card": known.card,
        "iin": known.iin,
        "issuer": known.issuer_country,
        "funding": known.funding,
        "organisation": known.organisation,
        "plan": known.plan,
        "mail": known.email_domain,
        "mail_kind": signup.email_kind,
        "signup_net": signup.net,
        "signup_asn": signup.asn,
        "signup_country": signup.country,
        "signup_network": signup.network,
        "signup_ja4": signup.ja4,
        "signup_product": None if signup.user_agent is None else software(signup.user_agent),
    }


NAMED = (*named(Known("")), "joined")
"""All columns of names; `joined`: the plan of the days that `newcomers` keeps."""
