"""Small databases of any layout, made when a test asks for them."""

from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter, TreeWriter
from netaddr import IPNetwork, IPSet

SHARED = Path(__file__).parents[3] / "shared" / "data"
NOW = 1_790_812_800.0


def write_database(path, database_type, records, built=NOW, ip_version=6):
    """Write {network: record} as an MMDB file of the given type."""
    writer = MMDBWriter(ip_version, database_type, ipv4_compatible=ip_version == 6)
    for network, record in records.items():
        writer.insert_network(IPSet([IPNetwork(network)]), record)
    metadata = {**writer._build_meta(), "build_epoch": int(built)}
    TreeWriter(writer.tree, metadata).write(str(path))
    return path


@pytest.fixture
def database(tmp_path):
    """A function (type, {network: record}, built=…) that gives the path of a new database."""

    def make(database_type, records, built=NOW, ip_version=6):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.mmdb"
        return write_database(path, database_type, records, built, ip_version)

    return make


@pytest.fixture
def maxmind():
    """The folder of MaxMind's own test databases; tests that need it have siblings that need nothing."""
    folder = SHARED / "maxmind-test"
    if not folder.is_dir():
        pytest.skip(f"MaxMind's test databases are not in {folder}")
    return folder
