"""What all tests share: how properties are explored, a small address database, and a real sidecar on free ports."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from sidecar_process import Sidecar, running_sidecar
from small_engine import address_book

from geoip.book import AddressBook

# The same examples every time, so that a change is judged by what it changed; HYPOTHESIS_PROFILE=wide looks further.
settings.register_profile("steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("wide", deadline=None, max_examples=2000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(scope="session")
def addresses(tmp_path_factory: pytest.TempPathFactory) -> AddressBook:
    """The tests' own address database, written once."""
    return address_book(tmp_path_factory.mktemp("addresses"))


@pytest.fixture(scope="session")
def sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sidecar]:
    """A sidecar without a configuration file; tests use accounts of their own names and leave it running."""
    with running_sidecar(tmp_path_factory.mktemp("sidecar")) as found:
        yield found
