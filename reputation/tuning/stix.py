"""Clusters and indicators as bundles of STIX 2.1, the format in which operators share what they saw of an actor.

https://docs.oasis-open.org/cti/stix/v2.1/os/stix-v2.1-os.html. A bundle is read in one pass, without a parser of its
pattern language: that one takes milliseconds for each pattern, in the process that answers checks. So patterns of one
comparison, or of several joined by OR, are read, and others are counted.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID, uuid5

import msgspec
from msgspec import Meta, Struct

from reputation.engine.indicators import FULL, Indicator, IndicatorKind, indicator_of
from reputation.hydra.links import Cluster
from reputation.wire.codec import read
from reputation.wire.errors import Invalid

MOST_INDICATORS = 500
"""Indicators of one bundle; with the bound on bundles it bounds the memory of a tenant."""
LONGEST_PATTERN = 2_048
VALID_DAYS = 14
"""How long an exported indicator is valid: networks and clients of an actor change."""
UNSURE: Final = 50
"""The confidence of an indicator that states none."""

PATTERNS: Final[dict[IndicatorKind, str]] = {
    "network": "[{version}-addr:value ISSUBSET '{value}']",
    "asn": "[autonomous-system:number = {value}]",
    "ja4": "[x-tls-client:ja4 = '{value}']",
    "issuer": "[x-payment-card:issuer_number = '{value}']",
    "mail": "[domain-name:value = '{value}']",
}
"""Card numbers and TLS fingerprints have no object of their own in STIX; names with x- are those of extensions."""
OBJECTS: Final[dict[str, IndicatorKind]] = {
    "ipv4-addr:value": "network",
    "ipv6-addr:value": "network",
    "autonomous-system:number": "asn",
    "x-tls-client:ja4": "ja4",
    "x-payment-card:issuer_number": "issuer",
    "domain-name:value": "mail",
}
EVIDENCE: Final[dict[str, IndicatorKind]] = {
    "net": "network",
    "signup_net": "network",
    "asn": "asn",
    "signup_asn": "asn",
    "ja4": "ja4",
    "client": "ja4",
    "signup_ja4": "ja4",
    "iin": "issuer",
    "mail": "mail",
}
"""Kinds of evidence that are no personal data. Addresses, cards, devices and sessions stay here."""
_SPACE = UUID("6f0c1c4e-5b0f-5a53-9c52-6c9a6f7c2f0d")
_COMPARISON = re.compile(r"\s*([a-z0-9-]+:[a-z0-9_.]+)\s*(=|ISSUBSET)\s*(?:'((?:[^'\\]|\\.)*)'|(\d{1,10}))\s*")


class StixObject(Struct, frozen=True):
    """What is read of each object of a bundle."""

    type: str
    pattern: Annotated[str, Meta(max_length=LONGEST_PATTERN)] = ""
    pattern_type: str = "stix"
    confidence: Annotated[int, Meta(ge=0, le=100)] = UNSURE
    valid_until: datetime | None = None
    revoked: bool = False


class StixBundle(Struct, frozen=True):
    """What is read of a bundle."""

    type: str
    objects: tuple[StixObject, ...] = ()


class Found(NamedTuple):
    """The indicators of a bundle. ended: those that were valid only until now; unread: patterns of another form."""

    indicators: tuple[Indicator, ...]
    ended: int
    unread: int


_bundles = msgspec.json.Decoder(StixBundle)


def indicators_in(data: bytes, now: float) -> Found:
    """Read a bundle. Raises BadRequest for what is no JSON, and Invalid for what is no bundle or holds too many."""
    bundle = read(_bundles, data)
    if bundle.type != "bundle":
        raise Invalid("send a STIX 2.1 bundle: its type must be bundle", "/type")
    found: dict[tuple[IndicatorKind, str], Indicator] = {}
    ended = unread = 0
    for number, one in enumerate(bundle.objects):
        if one.type != "indicator":
            continue
        if one.revoked or (one.valid_until is not None and one.valid_until.timestamp() <= now):
            ended += 1
            continue
        values = list(_values(one.pattern)) if one.pattern_type == "stix" else []
        unread += not values
        for kind, value in values:
            indicator = _checked(kind, value, one, number)
            known = found.get((kind, indicator.value))
            if known is None or known.confidence < indicator.confidence:
                found[kind, indicator.value] = indicator
    if len(found) > MOST_INDICATORS:
        raise Invalid(f"a bundle may have {MOST_INDICATORS:,} indicators, and this one has {len(found):,}", "/objects")
    return Found(tuple(found.values()), ended, unread)


def _checked(kind: IndicatorKind, value: str, one: StixObject, number: int) -> Indicator:
    until = 0.0 if one.valid_until is None else one.valid_until.timestamp()
    try:
        return indicator_of(kind, value, one.confidence, until)
    except Invalid as error:
        raise Invalid(error.detail, f"/objects/{number}/pattern") from None


def _values(pattern: str) -> Iterator[tuple[IndicatorKind, str]]:
    """Read the values of a pattern; none if one of its parts has another form or object."""
    inner = pattern.strip()
    if not (inner.startswith("[") and inner.endswith("]")):
        return
    found = []
    at, inner = 0, inner[1:-1]
    while True:
        match = _COMPARISON.match(inner, at)
        if match is None or match[1] not in OBJECTS:
            return
        text = match[4] if match[3] is None else re.sub(r"\\(.)", r"\1", match[3])
        found.append((OBJECTS[match[1]], text))
        at = match.end()
        if at == len(inner):
            break
        if not inner.startswith("OR", at):
            return
        at += 2
    yield from found


def bundle_of(cluster: Cluster, accounts: int, secret: bytes, now: float) -> dict[str, Any]:
    """Describe what the members of a cluster share, without a word on who they are.

    accounts: how many the tenant knows. secret: the tenant's, so that ids differ between installations. An indicator's
    confidence is the share of the accounts with this value that are members.
    """
    space = uuid5(_SPACE, f"{secret.hex()} {cluster.id}")
    stamp, until = _stamp(now), _stamp(now + VALID_DAYS * 86_400)
    common = {"spec_version": "2.1", "created": stamp, "modified": stamp}
    author = {"type": "identity", "id": f"identity--{uuid5(space, 'author')}", **common}
    author |= {"name": "Headcount", "identity_class": "system"}
    indicators = []
    for kind, value, confidence in _shared(cluster, accounts):
        indicators.append({
            "type": "indicator", "id": f"indicator--{uuid5(space, f'{kind} {value}')}", **common,
            "created_by_ref": author["id"], "name": f"{kind} {value}", "indicator_types": ["malicious-activity"],
            "pattern": _pattern(kind, value), "pattern_type": "stix", "valid_from": _stamp(cluster.since),
            "valid_until": until, "confidence": confidence,
        })  # fmt: skip
    objects = [author, *indicators]
    if indicators:
        objects.append({
            "type": "grouping", "id": f"grouping--{uuid5(space, 'cluster')}", **common, "created_by_ref": author["id"],
            "name": f"{cluster.size:,} accounts of one actor", "context": "suspicious-activity",
            "confidence": int(cluster.confidence * FULL), "object_refs": [one["id"] for one in indicators],
        })  # fmt: skip
    return {"type": "bundle", "id": f"bundle--{uuid5(space, stamp)}", "objects": objects}


def _shared(cluster: Cluster, accounts: int) -> Iterator[tuple[IndicatorKind, str, int]]:
    seen = set()
    for one in cluster.evidence:
        kind = EVIDENCE.get(one.kind)
        if kind is None or (kind, one.value) in seen:
            continue
        seen.add((kind, one.value))
        others = one.share * max(accounts - cluster.size, 0)
        yield kind, one.value, int(FULL * one.members / (one.members + others))


def _pattern(kind: IndicatorKind, value: str) -> str:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    return PATTERNS[kind].format(value=quoted, version="ipv6" if ":" in value else "ipv4")


def _stamp(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
