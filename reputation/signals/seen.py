"""What every signal is given: the facts and the counts at one instant."""

from geoip.facts import AddressFacts
from reputation.facts import Facts
from reputation.values import State


class Seen(State):
    """One check as the signals see it; counts include this check.

    accounts_on_*: different confirmed accounts within a day (cards: 30 days). net_odds, asn_odds: learnt
    log-odds of bad accounts over the population's. marks_*: what outcomes said of the account, in halves.
    cluster_confidence: 0 outside any cluster.
    """

    facts: Facts
    address: AddressFacts | None
    marks_against: int = 0
    marks_for: int = 0
    accounts_on_address: int = 0
    addresses: int = 0
    asns: int = 0
    countries: int = 0
    accounts_on_card: int = 0
    accounts_on_device: int = 0
    net_odds: float = 0.0
    asn_odds: float = 0.0
    cluster_confidence: float = 0.0
    cluster_size: int = 0
