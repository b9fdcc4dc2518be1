"""Billing's events of one account: its payments, its disputes, its last status. Pure, and bounded.

Events come late, twice and in any order. So each payment is kept under all ids that events give it, with the newest
word on what was given back and on its disputes, and the money is their sum: the same in whatever order they come.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import msgspec
from msgspec import Struct, structs

from reputation.state.facts import is_empty
from reputation.wire.known import Facts
from reputation.wire.messages import OutcomeKind, Payment

DAY = 86_400.0
MOST_PAYMENTS = 32
"""Payments that are kept one by one; older ones are one sum."""
MOST_WORDS = 16
"""Refunds, credit notes and disputes that are kept of one payment."""
KEPT = 120 * DAY
"""Seconds that a payment is kept for itself: what card holders have to dispute it."""
TWINS = 3600.0
"""Seconds between the events of an invoice and of its charge, where no event says that they are one payment."""
PUSH_SLACK = 60.0
"""Seconds that an event may be older than a push and still counts as news after it: clocks differ."""
CENTS = 100.0

Half = Literal["", "invoice", "charge"]
"""What a payment is a part of that may have another: an invoice without its charge, a charge without its invoice."""
DisputeStatus = Literal["open", "won", "lost"]


class News(Struct, frozen=True):
    """One event about an account. at: its time, 0 until its reader sets it; cents: US money.

    names: ids of one payment. paid: what it came to. back: the id of a charge or credit note, and all that was given
    back by it until then, or of a refund that failed, and less than nothing. dispute_status: of the dispute `dispute`.
    """

    at: float = 0.0
    status: Literal["ok", "failed"] | None = None
    card: dict[str, Any] = {}
    names: tuple[str, ...] = ()
    half: Half = ""
    paid: int = 0
    back: tuple[str, int] | None = None
    note: bool = False
    made: float | None = None
    dispute: str | None = None
    dispute_status: DisputeStatus = msgspec.field(default="open", name="standing")
    disputed: int = 0
    outcome: OutcomeKind | None = None


class AfterNews(NamedTuple):
    """Facts after an event, and an outcome of the account at a time, or an outcome taken back."""

    facts: Facts
    outcome: OutcomeKind | None
    at: float
    withdrawn: bool = False


class Back(Struct, frozen=True, array_like=True, gc=False):
    """Money given back under one id, newest word; note: by a credit note; its refund may come as a charge's too."""

    name: int
    cents: int
    at: float
    note: bool = False


class Dispute(Struct, frozen=True, array_like=True, gc=False):
    """A dispute's newest state; since: the time of its first event."""

    name: int
    status: DisputeStatus
    cents: int
    at: float
    since: float


class Paid(Struct, frozen=True, array_like=True, gc=False):
    """One payment. at: when it happened, seen: when its last event came, counted: part of an older sum already.

    only_back: no event has said that it was paid, only what was given back.
    """

    names: tuple[int, ...]
    at: float
    seen: float
    cents: int = 0
    half: Half = ""
    counted: bool = False
    back: tuple[Back, ...] = ()
    disputes: tuple[Dispute, ...] = ()
    only_back: bool = False


class PaymentLedger(Struct, frozen=True, array_like=True, gc=False):
    """All of it, and the pushed facts. folded, until: sum and newest time of older payments with money.

    base_cents, base_disputes: what events had said when `pushed` came, which a pushed number includes.
    """

    payments: tuple[Paid, ...] = ()
    folded: int = 0
    until: float = 0.0
    past_disputes: int = 0
    lost: float = 0.0
    status: Literal["ok", "failed"] | None = None
    status_at: float = 0.0
    card: dict[str, str] = {}
    pushed: Payment | None = None
    pushed_at: float = 0.0
    base_cents: int = 0
    base_disputes: int = 0


_ledgers = msgspec.msgpack.Decoder(PaymentLedger)
_encode = msgspec.msgpack.Encoder().encode


def name_of(id_: str) -> int:
    """Return a number for an id."""
    return int.from_bytes(hashlib.blake2b(id_.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def after_news(facts: Facts, news: News, now: float) -> AfterNews:
    """Return the facts after an event; the same event again changes nothing."""
    if facts.billing:
        before = _ledgers.decode(facts.billing)
    else:
        before = PaymentLedger(pushed=facts.payment, pushed_at=facts.payment_at or 0.0)
    ledger = heard(before, news, now)
    after = structs.replace(facts, payment=payment_of(ledger), billing=_encode(ledger))
    if news.dispute is None:
        return AfterNews(after, news.outcome, news.at)
    return _after_dispute(after, news, _dispute(before, news.dispute), _dispute(ledger, news.dispute))


def _after_dispute(after: Facts, news: News, was: Dispute | None, is_: Dispute | None) -> AfterNews:
    """A dispute is one outcome, with any number of events; a won dispute removes it."""
    if is_ is None or (was is not None and (was.status == "won") == (is_.status == "won")):
        return AfterNews(after, None, news.at)
    if is_.status != "won":
        return AfterNews(after, news.outcome, is_.since)
    return AfterNews(after, None if was is None else news.outcome, is_.since, withdrawn=True)


def _dispute(ledger: PaymentLedger, id_: str) -> Dispute | None:
    name = name_of(id_)
    return next((one for paid in ledger.payments for one in paid.disputes if one.name == name), None)


def after_push(before: Facts, pushed: Facts, now: float) -> Facts:
    """Pushed facts, with earlier events' values for the members missing in the push."""
    at = None if pushed.payment is None else float(now)
    if not before.billing:
        return structs.replace(pushed, payment_at=at, billing=b"")
    ledger = _ledgers.decode(before.billing)
    ledger = structs.replace(
        ledger,
        pushed=pushed.payment,
        pushed_at=at or 0.0,
        base_cents=_money(ledger),
        base_disputes=_disputes(ledger),
    )
    return structs.replace(pushed, payment=payment_of(ledger), payment_at=at, billing=_encode(ledger))


def payment_of(ledger: PaymentLedger) -> Payment | None:
    """Return an account's payment facts, None without any: a pushed word is valid until a newer event."""
    pushed = ledger.pushed or Payment()
    newer = ledger.status_at >= ledger.pushed_at - PUSH_SLACK
    card = {name: word for name, word in ledger.card.items() if newer or getattr(pushed, name) is None}
    cents, disputes = _money(ledger), _disputes(ledger)
    settled, many = pushed.settled_usd, pushed.disputes
    if settled is not None:
        settled = max(settled + (cents - ledger.base_cents) / CENTS, 0.0)
    elif cents > 0 or ledger.until or any(_says_money(paid) for paid in ledger.payments):
        settled = max(cents, 0) / CENTS
    if many is not None:
        many = max(many + disputes - ledger.base_disputes, 0)
    elif disputes or any(paid.disputes for paid in ledger.payments):
        many = disputes
    found = structs.replace(pushed, status=_status(ledger, pushed), settled_usd=settled, disputes=many, **card)
    return None if is_empty(found) else found


def _status(ledger: PaymentLedger, pushed: Payment) -> Any:
    """An open or lost dispute stays after later payments, until billing pushes another status."""
    since = 0.0 if pushed.status is None else ledger.pushed_at - PUSH_SLACK
    disputes = [one for paid in ledger.payments for one in paid.disputes]
    if ledger.lost > since or any(one.status != "won" and one.at >= since for one in disputes):
        return "disputed"
    if pushed.status == "disputed" and not any(one.status == "won" and one.at >= since for one in disputes):
        return "disputed"
    if ledger.status is not None and (pushed.status is None or ledger.status_at >= since):
        return ledger.status
    return pushed.status if pushed.status != "disputed" else None


def heard(ledger: PaymentLedger, news: News, now: float) -> PaymentLedger:
    """Return the ledger after an event."""
    if news.status is not None:
        ledger = _status_heard(ledger, news)
    if news.names and (news.paid or news.back or news.dispute or (len(news.names) > 1 and news.status != "failed")):
        ledger = _payment_heard(ledger, news, now)
    return _folded(ledger, now)


def _status_heard(ledger: PaymentLedger, news: News) -> PaymentLedger:
    """Of two events in one second the success counts: the failure is counted as a decline all the same."""
    rank = (news.at, news.status == "ok")
    if rank < (ledger.status_at, ledger.status == "ok"):
        return ledger
    return structs.replace(ledger, status=news.status, status_at=news.at, card={**ledger.card, **news.card})


def _payment_heard(ledger: PaymentLedger, news: News, now: float) -> PaymentLedger:
    names = {name_of(id_) for id_ in news.names}
    same = [paid for paid in ledger.payments if names.intersection(paid.names)]
    if not any(paid.half == "" for paid in same):
        same += _twins(ledger, news, same)
    counted = _goes_back(news) and (all(paid.counted for paid in same) if same else _is_older(ledger, news))
    said = Paid(
        tuple(sorted(names)), news.at, now, 0 if counted else news.paid, news.half, counted,
        back=() if news.back is None else (Back(name_of(news.back[0]), news.back[1], news.at, news.note),),
        disputes=() if news.dispute is None else (
            Dispute(name_of(news.dispute), news.dispute_status, news.disputed, news.at, news.at),
        ),
        only_back=_goes_back(news) and news.status is None,
    )  # fmt: skip
    for paid in same:
        said = _joined(paid, said)
    rest = tuple(paid for paid in ledger.payments if paid not in same)
    return structs.replace(ledger, payments=(*rest, said))


def _goes_back(news: News) -> bool:
    return news.dispute is not None or (news.back is not None and news.back[1] != 0)


def _is_older(ledger: PaymentLedger, news: News) -> bool:
    """Say whether an unknown payment may be part of a sum: a pushed sum, or the sum of old payments."""
    until = ledger.until
    if ledger.pushed is not None and ledger.pushed.settled_usd is not None:
        until = max(until, ledger.pushed_at)
    return until > 0 and (news.made is None or news.made <= until)


def _twins(ledger: PaymentLedger, news: News, same: list[Paid]) -> list[Paid]:
    """Find the other half of a payment by its amount, where no event names both; the nearest in time."""
    other = {"invoice": "charge", "charge": "invoice"}.get(news.half)
    found = [
        paid for paid in ledger.payments
        if other and news.paid and paid.half == other and paid.cents == news.paid
        and abs(paid.at - news.at) <= TWINS and paid not in same
    ]  # fmt: skip
    return sorted(found, key=lambda paid: abs(paid.at - news.at))[:1]


def _joined(one: Paid, other: Paid) -> Paid:
    """Two words on one payment: the ids of both, the larger amount, the newest word on each part."""
    half: Half = one.half if one.half == other.half else ""
    return Paid(
        tuple(sorted({*one.names, *other.names})), min(one.at, other.at), max(one.seen, other.seen),
        max(one.cents, other.cents), half, one.counted and not other.cents,
        _backs((*one.back, *other.back)), _newest_disputes((*one.disputes, *other.disputes)),
        one.only_back and other.only_back,
    )  # fmt: skip


def _backs(words: Iterable[Back]) -> tuple[Back, ...]:
    """The newest word of each id; of two in one second the larger. Later sums already contain a failed refund."""
    newest: dict[int, Back] = {}
    for word in words:
        before = newest.get(word.name)
        if before is None or (word.at, word.cents) > (before.at, before.cents):
            newest[word.name] = word
    newest_at = max((word.at for word in newest.values() if word.cents >= 0 and not word.note), default=0.0)
    kept = [word for word in newest.values() if word.cents >= 0 or word.at >= newest_at]
    return tuple(sorted(kept, key=lambda word: (word.at, word.name))[-MOST_WORDS:])


_FINAL = {"open": 0, "lost": 1, "won": 2}


def _newest_disputes(words: Iterable[Dispute]) -> tuple[Dispute, ...]:
    newest: dict[int, Dispute] = {}
    for word in words:
        known = newest.get(word.name)
        if known is None:
            newest[word.name] = word
            continue
        last = max(known, word, key=lambda one: (one.at, _FINAL[one.status]))
        cents = last.cents or known.cents or word.cents
        newest[word.name] = structs.replace(last, cents=cents, since=known.since)
    return tuple(sorted(newest.values(), key=lambda word: (word.at, word.name))[-MOST_WORDS:])


def _net(paid: Paid) -> int:
    """The rest of a payment. A payment never counted cannot be below 0."""
    charges = sum(word.cents for word in paid.back if not word.note)
    notes = sum(word.cents for word in paid.back if word.note)
    left = paid.cents - max(charges, notes, 0) - sum(one.cents for one in paid.disputes if one.status != "won")
    return left if paid.counted else max(left, 0)


def _says_money(paid: Paid) -> bool:
    """Whether a payment says what has settled also if nothing is left of it; one known by its refund alone does not."""
    return paid.cents > 0 and not paid.only_back


def _money(ledger: PaymentLedger) -> int:
    return ledger.folded + sum(_net(paid) for paid in ledger.payments)


def _disputes(ledger: PaymentLedger) -> int:
    open_or_lost = [one for paid in ledger.payments for one in paid.disputes if one.status != "won"]
    return ledger.past_disputes + len(open_or_lost)


def _folded(ledger: PaymentLedger, now: float) -> PaymentLedger:
    """Add old payments up; one with an open dispute is kept as long as there is place."""
    kept = sorted(ledger.payments, key=lambda paid: (_is_open(paid), paid.seen))
    many = len(kept) - MOST_PAYMENTS
    gone = [paid for i, paid in enumerate(kept) if i < many or (paid.seen < now - KEPT and not _is_open(paid))]
    if not gone:
        return ledger
    lost = [one for paid in gone for one in paid.disputes if one.status != "won"]
    return structs.replace(
        ledger,
        payments=tuple(paid for paid in ledger.payments if paid not in gone),
        folded=ledger.folded + sum(_net(paid) for paid in gone),
        until=max([ledger.until, *(paid.at for paid in gone if _says_money(paid) or _net(paid))]),
        past_disputes=ledger.past_disputes + len(lost),
        lost=max(ledger.lost, *(one.at for one in lost), 0.0),
    )


def _is_open(paid: Paid) -> bool:
    return any(one.status == "open" for one in paid.disputes)
