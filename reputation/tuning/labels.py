"""Labels: abusive and good accounts, by operators, by outcomes, or by billing.

A person's word stands above a program's. Labels are what precision, recall and suggestions are reckoned by.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from reputation.state.records import ABSENT
from reputation.state.transactions import Document
from reputation.tuning.documents import Documents
from reputation.wire.messages import Outcome, OutcomeKind, Text

LabelWord = Literal["abuse", "good"]
Source = Literal["person", "outcome", "stripe", "appeal"]
OF_OUTCOME: dict[OutcomeKind, LabelWord] = {"abuse": "abuse", "chargeback": "abuse", "good": "good"}
"""Outcomes that say what an account is; a decline or a challenge says too little."""


class LabelBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/labels."""

    account: Text
    label: LabelWord
    reason: Annotated[str, Meta(max_length=1024)] = ""


class MembersBody(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of POST /v1/clusters/{id}/labels."""

    label: LabelWord
    reason: Annotated[str, Meta(max_length=1024)] = ""


class Label(Struct, frozen=True):
    """The label of an account. at: seconds since 1970; by: the token's name."""

    account: str
    label: LabelWord
    source: Source
    by: str
    at: float
    reason: str = ""


def stands(known: Label | None, new: Label) -> bool:
    """Say whether a new label replaces a known one; a program's label never replaces a person's."""
    return known is None or known.source not in ("person", "appeal") or new.source in ("person", "appeal")


async def outcome_documents(labels: Documents[Label], outcome: Outcome, by: str, now: float) -> tuple[Document, ...]:
    """Return the label for an outcome; none if it means no label, or if a person's label exists."""
    word = OF_OUTCOME.get(outcome.outcome)
    if word is None:
        return ()
    source: Source = "stripe" if by == "stripe" else "outcome"
    label = Label(outcome.account, word, source, by, now, outcome.outcome)
    known, version = await labels.get(outcome.tenant, label.account) or (None, ABSENT)
    return (labels.document(label.account, label, expect=version),) if stands(known, label) else ()
