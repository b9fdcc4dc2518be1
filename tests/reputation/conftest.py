"""The tests' own address database, written once."""

import pytest
from engine import address_book

from geoip.book import AddressBook


@pytest.fixture(scope="session")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> AddressBook:
    return address_book(tmp_path_factory.mktemp("addresses"))
