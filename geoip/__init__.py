"""Address knowledge: what an IP address is, whose it is, and what sort of network it is in."""

from geoip.book import AddressBook
from geoip.facts import AddressFacts, host_text, network_text
from geoip.readers import DatabaseError

__all__ = ["AddressBook", "AddressFacts", "DatabaseError", "host_text", "network_text"]
