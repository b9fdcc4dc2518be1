"""The linker of one tenant: fed with sightings, facts and outcomes, it answers each epoch with a snapshot of links.

Pure: it reads no clock and draws no random numbers, so the same input gives the same snapshots, byte by byte.
"""

from collections.abc import Iterable
from itertools import islice

import msgspec
import numpy as np

from reputation.hydra import clusters, cores, counting, graph, growth, handover, newcomers, reserves, set_back, surprise
from reputation.hydra.background import Background, Habits
from reputation.hydra.book import Book, KeptCluster
from reputation.hydra.clusters import Found
from reputation.hydra.columns import Floats, Ints, Mask
from reputation.hydra.conversations import evenly_used
from reputation.hydra.cores import Group
from reputation.hydra.crews import OF_A_CREW, crews
from reputation.hydra.erasure import erase
from reputation.hydra.evidence import evidence_of
from reputation.hydra.fairness import typical_use, water_level
from reputation.hydra.families import DAY, FAMILIES, HOUR
from reputation.hydra.floors import earned_floors
from reputation.hydra.forgetting import forget
from reputation.hydra.items import Unbound, collect
from reputation.hydra.launches import Launches
from reputation.hydra.ledger import CONFIRMED, PAYER, PROVEN, Ledger
from reputation.hydra.linker_settings import LinkerSettings
from reputation.hydra.links import Cluster, ClusterStatus, Links
from reputation.hydra.organisations import Quotas, established
from reputation.hydra.overt import Places, applied, invoiced, launched, most_seen
from reputation.hydra.precedence import with_own
from reputation.hydra.purse import Purses
from reputation.hydra.reaction import Trials
from reputation.hydra.relays import relays
from reputation.hydra.sightings import Known, OperatorRuling, Sighting
from reputation.hydra.surprise import Cell, Pools
from reputation.hydra.table import Items
from reputation.hydra.tenure import Tenure
from reputation.hydra.together import look
from reputation.hydra.waves import waves

OUTCOMES = {"chargeback": "accused", "abuse": "accused", "challenge_failed": "accused", "good": "cleared"}
WATCHED = 7 * DAY
RESTRICTED = 0.99
DRAWN = 60
"""Members of a cluster that a picture of it shows; more are a blot."""
BARE = 0.1
"""When under a tenth of the accounts seen are confirmed, the gateway knows no facts and all settled ones count."""


MOST_CELLS = 4000
"""Cells that an epoch makes cores of: what weaker ones hold overlaps with them, and who is in one place is not asked
of more."""
SESSION = FAMILIES.index("session")
HANDED = 20
"""Accounts in corroborated rings of sessions from which on no account with a handed session counts as normal."""
FULL_SEARCH_EVERY = 3 * HOUR
"""How often all links are searched for, as if there were none; between, only accounts not linked yet are."""


class Linker:
    def __init__(self, settings: LinkerSettings | None = None) -> None:
        self.settings = settings or LinkerSettings()
        self.ledger = Ledger(self.settings.most_accounts, self.settings.most_unconfirmed)
        self.book = Book()
        self.tenure = Tenure()
        self.tidied = 0.0
        self.searched = 0.0

    def see(self, sighting: Sighting) -> None:
        self.ledger.see(sighting)

    def see_many(self, sightings: Iterable[Sighting]) -> None:
        self.ledger.see_many(sightings)

    def know(self, known: Known) -> None:
        self.ledger.know(known)

    def outcome(self, account: str, kind: str, at: float) -> None:
        """An outcome came back; any confirms the account."""
        self.ledger.mark(account, OUTCOMES.get(kind), at)

    def apply_ruling(self, ruling: OperatorRuling, now: float) -> None:
        if ruling.ruling == "erase" and ruling.account is not None:
            erase(self.ledger, self.book, ruling.account)
            return
        clusters.apply_ruling(self.book, ruling, now)

    def epoch(self, now: float) -> Links:
        """Link what was seen until now; the snapshot is complete, and in force until the next.

        Every FULL_SEARCH_EVERY seconds all links are searched for, which keeps members linked. In between, accounts
        not linked yet are searched for cells and compared with the clusters there are.
        """
        ledger = self.ledger
        self.book.ids = self.settings.ids
        ledger.trials = Trials(self.settings.key, self.settings.trials)
        ledger.absorb()
        set_back.ledger_until(ledger, now)
        set_back.book_until(self.book, now)
        self.tidied, self.searched = min(self.tidied, now), min(self.searched, now)
        ledger.turn(now)
        if now - self.tidied >= HOUR or ledger.memory.is_tight:
            forget(ledger, now)
            self.tidied = now
        bills = invoiced(ledger)
        places = Places(ledger)
        launches = Launches(ledger)
        clusters.dissolve(self.book, self._innocent_clusters(places, launches))
        old = established(ledger, self.settings, self.book.established, now)
        pools, whole = self._pools(now, bills, old)
        if whole.sum() < counting.FEWEST:
            return self._snapshot(now, bills, old, None, pools, places)
        proven = ledger.flagged(PROVEN | PAYER) | old
        unbound = Unbound({"device", "session"} - set(self.settings.bound), proven)
        items = collect(ledger, whole, now, self.settings.without, unbound, old)
        if "precedence" not in self.settings.without:
            items = with_own(items, ledger, proven)
        full_search = now - self.searched >= FULL_SEARCH_EVERY
        linkable = pools.suspects | pools.base & ~old & ~ledger.cleared(now)
        remembered = [] if full_search else self._cluster_groups()
        groups, known = self._groups(items, pools, linkable, remembered, places, launches)
        found = [self._found(group) for group in groups]
        if full_search:
            self.searched = now
            clusters.update(self.book, found, self._awake(now), now)
        else:
            clusters.extend(self.book, found, now)
        return self._snapshot(now, bills, old, known, pools, places)

    def export(self) -> bytes:
        """Clusters and rulings, to be restored after a restart; sightings are seen again soon enough."""
        return msgspec.msgpack.encode(self.book)

    def restore(self, data: bytes) -> None:
        self.book = msgspec.msgpack.decode(data, type=Book)

    def hand_over(self, most_bytes: int) -> bytes:
        """What was seen, for another linker, in at most so many bytes: the accounts seen last, as many as fit."""
        return handover.pack(self.ledger, most_bytes)

    def take_over(self, data: bytes) -> None:
        """Go on with what another linker saw; to be called before anything else. Raises ValueError."""
        ledger = Ledger(self.settings.most_accounts, self.settings.most_unconfirmed)
        handover.unpack(data, ledger)
        self.ledger = ledger

    def _pools(self, now: float, bills: dict[int, int], old: Mask) -> tuple[Pools, Mask]:
        """Whose accounts count for what, and all of them together."""
        ledger = self.ledger
        seen = ledger.column("last") >= now - WATCHED
        confirmed = ledger.flagged(CONFIRMED)
        settled = (ledger.requests[: ledger.size] >= 3) & (ledger.column("first") <= now - HOUR)
        whole = (confirmed & (seen | (ledger.column("created") >= now - 3 * DAY))) | (
            settled & seen if (confirmed & seen).sum() < BARE * max(seen.sum(), 1) else False
        )
        trusted = whole & (ledger.flagged(PROVEN | PAYER) | old)
        suspects = whole & ~trusted & ~ledger.cleared(now)
        suspects[list(bills)] = False
        suspects[self._numbers(clusters.released(self.book, now))] = False
        linked = np.zeros(ledger.size, bool)
        linked[self._numbers(self.book.home())] = True
        return Pools(suspects, whole & ~linked, suspects & ~linked, trusted & ~linked), whole

    def _number(self, name: str) -> int:
        return self.ledger.accounts.ids.get(name, -1)

    def _numbers(self, names: Iterable[str]) -> list[int]:
        return [number for number in map(self._number, names) if number >= 0]

    def _awake(self, now: float) -> set[str]:
        names = self.ledger.accounts.names
        return {str(names[n]) for n in np.flatnonzero(self.ledger.column("last") >= now - DAY)}

    def _innocent_clusters(self, places: Places, launches: Launches) -> list[str]:
        """Name the clusters that turned out to be people in one place, or a launch."""
        found = []
        for name, kept in self.book.clusters.items():
            members = np.array(self._numbers(sorted(kept.members)), np.int64)
            at_home = _at_home(kept, members, places)
            if at_home or launches.explain(members, len(kept.members), _families(kept)):
                found.append(name)
        return found

    def _cluster_groups(self) -> list[Group]:
        """The clusters there are, as groups that others may join."""
        groups = []
        for kept in self.book.clusters.values():
            odds = {self._number(name): _log_odds(member.confidence) for name, member in kept.members.items()}
            odds.pop(-1, None)
            members = np.array(sorted(odds), np.int64)
            groups.append(Group(members, np.array([odds[n] for n in members.tolist()]), _families(kept)))
        return [group for group in groups if len(group.members)]

    def _groups(
        self, items: Items, pools: Pools, linkable: Mask, remembered: list[Group], places: Places, launches: Launches
    ) -> tuple[list[Group], Background]:
        """Groups of this epoch; no member of one, or candidate for one, counts as normal.

        linkable: accounts that a session or a device may link; remembered: groups that are not searched for again.
        """
        classes = (most_seen(self.ledger, "network"), most_seen(self.ledger, "country"))
        linked = self._mask(group.members for group in remembered)
        searched = pools._replace(suspects=pools.suspects & ~linked)
        cells = self._cells(items, searched, places)
        groups = launches.without(cores.from_cells(cells, items.family(), self.ledger.size))
        among = (pools.suspects, linkable, pools.trusted)
        groups += waves(items, self.ledger, searched, places, self.settings)
        groups += crews(items, self.ledger, searched, self.settings)
        groups += relays(items, self.ledger, searched, places, self.settings)
        components = graph.candidates(items, self.ledger, among, self.settings.without)
        # who wears a rare handshake is normal until shown otherwise: it may be that of all newcomers
        apart = self._mask(component for by, component in components if by != graph.SOFTWARE)
        everybody = Habits(items, classes)
        known = everybody.among(pools.base & ~apart, pools.trusted)
        drawn = [(by, cores.corroborated(part, by, known)) for by, part in components if not linked[part].all()]
        accused = {by: items.accused(by) for by in {by for by, _ in components}}
        kept = [(by, group) for by, group in drawn if group and not self._innocent(by, group, places, pools)]
        rings = [cores.without_others(group, accused[by]) for by, group in kept]
        groups += rings
        held = self._mask(group.members for group in groups)
        identified = [group for group in [*remembered, *rings] if group.families & set(growth.IDENTIFYING)]
        if sum(len(group.members) for group in identified) >= HANDED:
            held[items.accounts[items.rows_of_kinds("handoff")]] = True
        known = everybody.among(pools.base & ~held, pools.trusted)
        rounds = 0 if "growth" in self.settings.without else 1 if remembered else cores.ROUNDS
        grown = cores.grown(cores.merged([*remembered, *groups]), known, pools.suspects, rounds)
        return [group for group in grown if _hiding(group.families) or not places.one(group.members)], known

    def _innocent(self, by: int, ring: Group, places: Places, pools: Pools) -> bool:
        """Whether what people have in common without hiding anything explains a ring that a family drew."""
        if by == graph.CONTENT and not evenly_used(self.ledger, ring.members, pools.trusted):
            return True
        of_an_application = by in (graph.SOFTWARE, graph.CONTENT) and launched(ring.families)
        return by != SESSION and (of_an_application or places.excuse(ring.members))

    def _mask(self, parts: Iterable[Ints]) -> Mask:
        inside = np.zeros(self.ledger.size, bool)
        for part in parts:
            inside[part] = True
        return inside

    def _cells(self, items: Items, searched: Pools, places: Places) -> list[Cell]:
        """The strongest cells that neither one place nor one application explains."""
        cells: list[Cell] = []
        if "cells" in self.settings.without:
            return cells
        family = items.family()
        found = (
            cell
            for cell in surprise.surprising(items, searched, self.settings.lift, self.settings.nats)
            if not applied(*(frozenset(of[list(cell.items)].tolist()) for of in (family, items.kind)))
        )
        while len(cells) < MOST_CELLS and (some := list(islice(found, MOST_CELLS))):
            excused = places.excused([cell.members for cell in some])
            cells += [cell for cell, left_alone in zip(some, excused.tolist(), strict=True) if not left_alone]
        return cells[:MOST_CELLS]

    def _found(self, group: Group) -> Found:
        names = self.ledger.accounts.names
        confidence = 1.0 / (1.0 + np.exp(-np.clip(group.odds, -50, 50)))
        members = {str(names[n]): float(c) for n, c in zip(group.members, confidence, strict=True)}
        return Found(members, cores.family_names(group.families))

    def _snapshot(
        self, now: float, bills: dict[int, int], old: Mask, known: Background | None, pools: Pools, places: Places
    ) -> Links:
        ledger, book = self.ledger, self.book
        demand = ledger.demand()
        use = ledger.use()
        used = use[pools.trusted & (use > 0)] if len(pools.trusted) else use
        typical = typical_use(used, self.settings.prior_use)
        settings = newcomers.learn(ledger, book, self.settings, now)
        purses = Purses(ledger, settings, places, typical, None if known is None else known.items, now)
        kept = {name: self._cluster(name, now, known, demand, purses) for name in book.clusters}
        members = {
            account: (name, round(member.confidence, 3))
            for name, cluster in book.clusters.items()
            for account, member in cluster.members.items()
        }
        earned = earned_floors(ledger, book, settings.plans, now)
        quotas = Quotas(ledger, purses, settings, bills, old)
        active = self.tenure.of(ledger, settings.plans, now)
        organisations, of_members = quotas.find(demand, active, now)
        if ledger.trials.is_free(now):
            members, earned = {}, {}
        names = ledger.accounts.names
        shared = {str(names[n]): ledger.name_of("card", card) for n, card in bills.items()}
        times = reserves.times(int(pools.trusted.sum()), settings.reserve_accounts)
        sizes = {part: size * times for part, size in settings.reserves.items()}
        levels = reserves.share(ledger.draws, book, sizes, now)
        days = newcomers.learnt(book, self.settings.plans)
        voters = {plan: day.voters for plan, day in book.days.items() if plan in self.settings.plans.newcomer}
        return Links(
            now, members, kept, typical, shared, levels, of_members | earned, days, voters, active, organisations,
            look(ledger, book, settings, old, kept, now), times,
        )  # fmt: skip

    def _cluster(self, name: str, now: float, known: Background | None, demand: Floats, purses: Purses) -> Cluster:
        kept, ledger = self.book.clusters[name], self.ledger
        numbers = np.array(sorted(self._numbers(kept.members)), np.int64)
        wanted = demand[numbers]
        confidence = clusters.confidence(kept)
        purse = purses.size(numbers, kept.families)
        level = water_level(wanted, purse)
        drawn = numbers[np.linspace(0, len(numbers) - 1, min(len(numbers), DRAWN)).astype(np.int64)]
        evidence = evidence_of(numbers, drawn, known, ledger) if known is not None else ()
        return Cluster(
            name, kept.since, len(kept.members), confidence, kept.families,
            self._status(name, numbers, confidence, now), evidence, float(wanted.sum()), level,
            tuple(str(ledger.accounts.names[n]) for n in drawn), purse,
        )  # fmt: skip

    def _status(self, name: str, numbers: Ints, confidence: float, now: float) -> ClusterStatus:
        if name in clusters.allow_listed(self.book, now):
            return "blessed"
        if name in clusters.restrained(self.book, now):
            return "restricted"
        if self.ledger.accused(now)[numbers].mean() >= 0.05 if len(numbers) else False:
            return "challenged"
        return "restricted" if confidence >= RESTRICTED else "shared"


def _families(kept: KeptCluster) -> frozenset[int]:
    return frozenset(FAMILIES.index(name) for name in kept.families if name in FAMILIES)


def _hiding(families: frozenset[int]) -> bool:
    """Whether evidence is something that no place explains: sessions that were handed over, or a crew's work."""
    return SESSION in families or families >= OF_A_CREW


def _at_home(kept: KeptCluster, members: Ints, places: Places) -> bool:
    """Whether a cluster turned out to be people in one place, linked by nothing that a place does not explain."""
    return not _hiding(_families(kept)) and places.seen_enough(members, len(kept.members)) and places.one(members)


def _log_odds(confidence: float) -> float:
    share = min(max(confidence, 1e-12), 1 - 1e-12)
    return float(np.log(share / (1 - share)))
