"""The audit log in pages: none reads more of the store than it shows, and a damaged line is passed by."""

import msgspec

from reputation.state.records import MemoryRecords
from reputation.tuning.audit import Audit, AuditEntry, Author, Change, Chosen, about


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
        await audit.add(change, f"{number:026}", Author("ann"), float(number))
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


async def test_a_line_of_an_earlier_version_loses_the_id_and_the_values_of_a_forgotten_account():
    audit, records = await log_of(3)
    secret = b"key" * 8
    old = AuditEntry("0" * 26, 1.0, "default", "ann", "account.put", "acct_1", {"plan": "free"}, {"plan": "paid"})
    exempt = AuditEntry("1" * 26, 2.0, "default", "ann", "allow.add", "account acct_1", None, {"times": 2}, "acct_1!")
    another = AuditEntry("2" * 26, 3.0, "default", "ann", "label", "acct_12", None, {"label": "good"}, "unlike acct_1")
    for entry in (old, exempt, another):
        await records.put("default", "audit", entry.id, msgspec.json.encode(entry))
    documents = [one async for one in audit.without("default", "acct_1", secret)]
    assert len(documents) == 3
    for document in documents:
        await records.put("default", document.kind, document.id, document.body)
    one, two, three = [(await records.get("default", "audit", entry.id)).body for entry in (old, exempt, another)]
    assert b'acct_1"' not in one + two
    assert msgspec.json.decode(one)["fields"] == ["plan"]
    assert msgspec.json.decode(three)["after"] == {"label": "good"}
    assert b"unlike acct_1" not in three
    found = await audit.entries("default", 10, chosen=Chosen(of=about("acct_1", secret)))
    assert [entry.what for entry in found] == ["allow.add", "account.put"]
    assert [one async for one in audit.without("default", "acct_1", secret)] == []
