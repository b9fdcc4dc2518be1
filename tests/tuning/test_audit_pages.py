"""The audit log in pages: none reads more of the store than it shows, and a damaged line is passed by."""

from reputation.state.records import MemoryRecords
from reputation.tuning.audit import Audit, Change


class Counting(MemoryRecords):
    """Records that count the documents which are read."""

    def __init__(self):
        super().__init__()
        self.read = 0

    async def all(self, tenant, kind):
        found = await super().all(tenant, kind)
        self.read += len(found)
        return found

    async def page(self, *words, **bounds):
        found = await super().page(*words, **bounds)
        self.read += len(found)
        return found


async def log_of(lines):
    """A log in which each third line was pushed by a program."""
    records = Counting()
    audit = Audit(records)
    for number in range(lines):
        change = Change("default", "account.put", f"a{number}", pushed=number % 3 == 0)
        await audit.add(change, f"{number:026}", "ann", float(number))
    records.read = 0
    return audit, records


async def test_a_page_reads_what_it_shows_and_not_the_whole_log():
    audit, records = await log_of(3000)
    newest = await audit.entries("default", 10)
    assert [entry.at for entry in newest] == [float(number) for number in range(2999, 2989, -1)]
    assert records.read <= 20
    older = await audit.entries("default", 10, before=newest[-1].id)
    assert [entry.at for entry in older] == [float(number) for number in range(2989, 2979, -1)]


async def test_pages_from_the_first_line_on_have_every_line_once():
    audit, records = await log_of(250)
    seen, last = [], ""
    while page := await audit.entries("default", 100, after=last):
        seen += [entry.at for entry in page]
        last = page[-1].id
    assert seen == [float(number) for number in range(250)]
    assert records.read <= 600


async def test_a_damaged_line_does_not_end_an_export():
    """Who exports goes on while pages are full, so a page is filled from the next one."""
    audit, records = await log_of(30)
    for number in (3, 4, 17):
        kind = "pushed" if number % 3 == 0 else "audit"
        await records.put("default", kind, f"{number:026}", b"\xff garbage")
    first = await audit.entries("default", 10, after="")
    assert [entry.at for entry in first] == [0, 1, 2, 5, 6, 7, 8, 9, 10, 11]
    assert len(await audit.entries("default", 100)) == 27
    assert records.damage.count
