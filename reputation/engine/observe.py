"""What a check sees: it notes the sighting in the windows, and gathers the counts for the signals."""

from geoip.facts import network_of
from reputation.engine.identity import Who
from reputation.hydra.links import Cluster
from reputation.signals.seen import Seen
from reputation.state.history import name_of, visit
from reputation.state.outcomes import Marks
from reputation.state.tenant import TenantState
from reputation.wire.messages import Request


def observe(
    state: TenantState, who: Who, request: Request, linked: tuple[Cluster | None, float], marks: Marks,
    marked: bool, now: float,  # noqa: FBT001 - a field of what is returned
) -> Seen:  # fmt: skip
    """Note the sighting and return the check as signals see it; linked: a cluster and the confidence of membership.

    Unconfirmed accounts feed no baseline; nor do newcomers that share a row, whose sightings are not one account's.
    """
    row, address, client = who.row, who.address, request.client
    accounts_here = accounts_on_card = accounts_on_device = addresses = asns = countries = 0
    net_odds = asn_odds = 0.0
    if who.confirmed and not row.shared:
        member = name_of(who.name)
        if address is not None and address.host is not None:
            row.recent = visit(row.recent, address.host, address.asn, address.country, now)
            addresses, asns, countries = row.recent[:3]
            accounts_here = state.accounts_on_address.see(address.host, member, now)
            net_odds = state.networks.odds(network_of(address.host), now)
            if address.asn is not None:
                asn_odds = state.asns.odds(address.asn, now)
        payment = who.facts.payment
        if payment is not None and payment.fingerprint is not None:
            accounts_on_card = state.accounts_on_card.see(hash(payment.fingerprint), member, now)
        if client.device is not None:
            accounts_on_device = state.accounts_on_device.see(hash(client.device), member, now)
    cluster = linked[0]
    return Seen(
        facts=who.facts,
        address=address,
        client=client,
        request=request.request,
        marks=marks,
        marked=marked,
        accounts_on_address=accounts_here,
        accounts_on_card=accounts_on_card,
        accounts_on_device=accounts_on_device,
        addresses=addresses,
        asns=asns,
        countries=countries,
        net_odds=net_odds,
        asn_odds=asn_odds,
        cluster_confidence=0.0 if cluster is None else linked[1],
        cluster_size=0 if cluster is None else cluster.size,
    )
