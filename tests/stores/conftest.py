"""Every store of documents, by name: a new one adds its line here and passes the same suite."""

import pytest

from reputation.stores.records import MemoryRecords

RECORDS = {"memory": MemoryRecords}


@pytest.fixture(params=sorted(RECORDS))
def records(request):
    return RECORDS[request.param]()
