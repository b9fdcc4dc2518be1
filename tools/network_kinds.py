"""The kind of network, by the number and the name of its autonomous system.

A name is a hint and no more: its registrant wrote it, in any language, for all that they run.
So every row has a confidence, and none is as sure as a list of networks. Rows are tried in order and the
first that matches counts, so narrower ones come first.
"""

import re
from typing import Final, NamedTuple

from geoip.facts import Kind


class Guess(NamedTuple):
    """A kind of network with its confidence in percent."""

    kind: Kind
    confidence: int


# Systems that serve one purpose. 36183 carries nothing but iCloud Private Relay: Sattler et al., "Towards a
# Tectonic Traffic Shift?", IMC 2022. Cloudflare's and Fastly's carry it too, with ordinary delivery of
# content.
_NUMBERS: Final[dict[int, Guess]] = {36183: Guess("relay", 80)}


def _row(kind: Kind, confidence: int, pattern: str) -> tuple[re.Pattern[str], Guess]:
    return re.compile(pattern, re.IGNORECASE), Guess(kind, confidence)


_NAMES: Final = (
    _row("vpn", 70, r"\b(mullvad|windscribe|packethub|proton ag|ivpn|surfshark|cyberzone s\.a)\b"),
    _row("vpn", 50, r"\bvpns?\b|vpn(wholesaler)?\.com\b"),
    _row("education", 60, r"univ(ersi|\b)|\bcolleges?\b|\bk-?12\b|hochschule|pol[iy]te[ck]hni|politecnic"),
    _row("education", 50, r"\bschools?\b|\bschul|\b(escuela|escola|ecole|colegio|lycee|academi[ac]|akademi)"),
    _row("education", 50, r"\beducat|educaci|educaca|\bresearch (and education )?network|\bcampus\b|\bnren\b"),
    _row("education", 50, r"institut\w* (of|de) tech|instituto (federal|tecnologico)|forschungsnetz"),
    # what hosting networks call themselves, then large ones whose names do not tell
    _row("hosting", 60, r"host(ing|ings|ed|er|ers|inger)?\b|\b(host|vps)|\bcolo(cation|s)?\b"),
    _row("hosting", 60, r"\bcloud|clouds?\b|data ?-?cent(er|re|ro|rum)s?\b|rechenzentrum|\bservers?\b|\bcdn\b"),
    _row("hosting", 60, r"dedicated|content delivery|bare ?metal|virtual private"),
    _row("hosting", 70, r"\b(amazon|aws|ovh|hetzner|digital ?ocean|linode|vultr|choopa|constant company)"),
    _row("hosting", 70, r"\b(contabo|scaleway|online s\.a|leaseweb|rackspace|godaddy|ionos|softlayer|oracle)"),
    _row("hosting", 70, r"\b(alibaba|tencent|m247|datacamp|akamai|fastly|psychz|quadranet|colocrossing)"),
    _row("hosting", 70, r"\b(zenlayer|g-?core labs|namecheap|hivelocity|kamatera|frantech|ponynet|clouvider)"),
    _row("hosting", 70, r"\b(performive|interserver|aruba s\.p|upcloud|exoscale|selectel|timeweb|beget|eonix)"),
    _row("hosting", 70, r"\b(google llc|microsoft (corp|limited)|31173 services|ucloud|sharktech|limestone)"),
    _row(
        "mobile",
        50,
        r"(?<!exxon )\bmob(ile|ility|iles|il|ilna|ilnye|ilfunk)\b|\b(moviles?|movistar|cellco)\b",
    ),
    _row("mobile", 50, r"\bcell(ular|cos?)?\b|\bcelular(es)?\b|verizon wireless|\bgsm\b|\blte\b|\b[345]g\b"),
    _row("business", 40, r"\b(bank|banco|banque|insurance|versicherung|hospital|klinik|health|clinic)"),
    _row("business", 40, r"\b(ministry|ministerio|government|municip|county of|city of|state of|department of)"),
    _row("business", 30, r"\b(cogent|level 3|gtt|zayo|hurricane electric|arelion|tata) "),
    _row("residential", 40, r"broad ?band|\bcable|fib(er|re|ra)|\bftth\b|\b[av]?dsl\b|\bwisp\b|\bprovedor"),
    _row("residential", 30, r"tele(com|kom|fon|phon|net)|\bcomcast|communications|\binternet|\bwireless"),
)


def guess(asn: int, name: str) -> Guess | None:
    """Return the kind suggested by an autonomous system's number and name, if any."""
    known = _NUMBERS.get(asn)
    return known or next((row for pattern, row in _NAMES if pattern.search(name)), None)
