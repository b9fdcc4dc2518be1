"""Facts about addresses: databases, lists, the embedded database."""

from geoip.book import EMBEDDED, AddressBook, Loaded, load
from geoip.facts import AddressFacts, Kind, Scope, host_text, network_text
from geoip.networks import Draw, Network, networks
from geoip.readers import DatabaseError

__all__ = [
    "EMBEDDED",
    "AddressBook",
    "AddressFacts",
    "DatabaseError",
    "Draw",
    "Kind",
    "Loaded",
    "Network",
    "Scope",
    "host_text",
    "load",
    "network_text",
    "networks",
]
