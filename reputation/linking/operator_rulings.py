"""Operators' rulings on clusters: what each needs, how the linker knows it, and how it is kept while in force. Pure."""

from collections.abc import Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from reputation.hydra.sightings import OperatorRuling, Ruling
from reputation.wire.errors import Invalid
from reputation.wire.messages import Text

DAY = 86_400.0
LONGEST = 366 * DAY
MOST = 1_000
"""Rulings in force of one tenant."""
Word = Literal["restrain", "deny", "release", "split", "allow", "pin"]
NEEDS: Mapping[Word, str] = {
    "restrain": "cluster",
    "deny": "cluster",
    "release": "either",
    "split": "cluster",
    "allow": "cluster",
    "pin": "both",
}
"""Whether a ruling is on a cluster, on an account of it, or on either."""
_SAY: Mapping[Word, Ruling] = {
    "restrain": "restrain", "deny": "deny", "release": "release", "split": "split", "allow": "bless", "pin": "pin",
}  # fmt: skip


class RulingBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/clusters/{id}/rulings. expires_in: seconds; dry_run: only count who is in the cluster."""

    ruling: Word
    reason: Annotated[str, Meta(min_length=1, max_length=1024)]
    account: Text | None = None
    expires_in: Annotated[float, Meta(gt=0, le=LONGEST)] = 30 * DAY
    dry_run: bool = False


class KeptRuling(Struct, frozen=True):
    """A ruling in force; at and expires are seconds since 1970, by is the token's name."""

    id: str
    ruling: Word
    cluster: str
    account: str | None
    reason: str
    by: str
    at: float
    expires: float


def ruling_of(body: RulingBody, cluster: str, id_: str, by: str, now: float) -> KeptRuling:
    """Check a body and make the ruling of it. Raises Invalid."""
    needs = NEEDS[body.ruling]
    if needs == "both" and body.account is None:
        raise Invalid(f"{body.ruling} needs the id of an account", "/account")
    if needs == "cluster" and body.account is not None:
        raise Invalid(f"{body.ruling} is about the whole cluster; leave the account out", "/account")
    return KeptRuling(id_, body.ruling, cluster, body.account, body.reason, by, now, now + body.expires_in)


def for_linker(kept: KeptRuling) -> OperatorRuling:
    """Return a ruling as the linker takes it; to release a whole cluster is to split it."""
    word = "split" if kept.ruling == "release" and kept.account is None else _SAY[kept.ruling]
    return OperatorRuling(word, kept.cluster, kept.account, kept.expires, kept.reason, kept.id)


def undoing(kept: KeptRuling) -> OperatorRuling:
    """Return what makes the linker forget a ruling."""
    return OperatorRuling("forget", kept.cluster, kept.account, id=kept.id)
