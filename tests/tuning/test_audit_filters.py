"""What is looked for in the audit log: by who, what, when, and whether people decided it or programs pushed it."""

import pytest

from reputation.state.records import MemoryRecords
from reputation.tuning.audit import PEOPLE, PROGRAMS, Audit, Author, Change, Chosen
from reputation.wire.ids import Ulids, beginning

START = 1_790_000_000.0
ACTIONS = ("account.put", "allow.add", "allow.remove", "allowance")
AUTHORS = ("ann", "billing", "ann smith")


class Counting(MemoryRecords):
    read = 0

    async def page(self, *words, **bounds):
        found = await super().page(*words, **bounds)
        self.read += len(found)
        return found


@pytest.fixture
async def log():
    """60 lines, ten seconds apart; each fourth is a push of a program."""
    records, new_id = Counting(), Ulids()
    audit = Audit(records)
    for number in range(60):
        at = START + 10.0 * number
        change = Change("default", ACTIONS[number % 4], f"s{number}", pushed=number % 4 == 0)
        await audit.add(change, new_id(at), Author(AUTHORS[number % 3], "operator", "oidc"), at)
    records.read = 0
    return audit, records


CHOICES = [
    (Chosen(who="ann"), lambda n: n % 3 == 0),
    (Chosen(what="allow"), lambda n: n % 4 in (1, 2)),
    (Chosen(what="allow.add"), lambda n: n % 4 == 1),
    (Chosen(what="allow.ad"), lambda n: False),
    (Chosen(by=PEOPLE), lambda n: n % 4),
    (Chosen(by=PROGRAMS), lambda n: n % 4 == 0),
    (Chosen(since=START + 100), lambda n: n >= 10),
    (Chosen(until=START + 100), lambda n: n < 10),
    (Chosen(until=0.0), lambda n: False),
    (Chosen(since=START + 95, until=START + 300.5), lambda n: 10 <= n <= 30),
    (
        Chosen("ann", "allow", START + 100, START + 400, PEOPLE),
        lambda n: n % 3 == 0 and n % 4 in (1, 2) and 10 <= n < 40,
    ),
]


@pytest.mark.parametrize(("chosen", "wanted"), CHOICES)
@pytest.mark.parametrize("page", [1, 7, 100])
async def test_the_same_lines_are_found_in_both_directions_page_by_page(log, chosen, wanted, page):
    audit, _ = log
    expected = [f"s{n}" for n in range(60) if wanted(n)]
    seen, last = [], ""
    while found := await audit.entries("default", page, after=last, chosen=chosen):
        seen += [entry.subject for entry in found]
        last = found[-1].id
    assert seen == expected
    seen, last = [], ""
    while found := await audit.entries("default", page, before=last, chosen=chosen):
        seen += [entry.subject for entry in found]
        last = found[-1].id
    assert seen == expected[::-1]


async def test_a_time_is_found_without_reading_what_is_older_or_newer(log):
    audit, records = log
    for after in (None, ""):
        chosen = Chosen(who="ann", since=START + 595, until=START + 600)
        assert await audit.entries("default", 5, after=after, chosen=chosen) == []
        assert records.read <= 60
        records.read = 0
    newest = await audit.entries("default", 5, chosen=Chosen(since=START + 590))
    assert [entry.at for entry in newest] == [START + 590]
    assert records.read <= 10


def test_ids_of_a_time_begin_alike():
    new_id = Ulids()
    at = START + 0.123
    assert beginning(at) < new_id(at) < beginning(at + 0.002)
    assert new_id(at - 0.002) < beginning(at)
