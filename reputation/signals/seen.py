"""What every signal is given: the facts and the counts at one instant."""

from geoip.facts import AddressFacts
from reputation.state.facts import Facts
from reputation.state.outcomes import NONE, Marks


class Seen:
    """One check as the signals see it; counts include this check.

    accounts_on_*: different confirmed accounts within a day (cards: 30 days). net_odds, asn_odds: learnt
    log-odds of bad accounts over the population's. marks: what outcomes weigh now. marked: a person said that the
    account is abusive. cluster_confidence: 0 outside any cluster.
    """

    __slots__ = (
        "accounts_on_address", "accounts_on_card", "accounts_on_device", "address", "addresses", "asn_odds", "asns",
        "cluster_confidence", "cluster_size", "countries", "facts", "marked", "marks", "net_odds",
    )  # fmt: skip

    def __init__(
        self, facts: Facts, address: AddressFacts | None, marks: Marks = NONE, *, marked: bool = False
    ) -> None:
        self.facts = facts
        self.marked = marked
        self.address = address
        self.marks = marks
        self.accounts_on_address = 0
        self.addresses = 0
        self.asns = 0
        self.countries = 0
        self.accounts_on_card = 0
        self.accounts_on_device = 0
        self.net_odds = 0.0
        self.asn_odds = 0.0
        self.cluster_confidence = 0.0
        self.cluster_size = 0
