"""What the number and the name of an autonomous system are taken for."""

import pytest

from tools.network_kinds import guess


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Hetzner Online GmbH", "hosting"),
        ("DigitalOcean, LLC", "hosting"),
        ("Your hosting B.V.", "hosting"),
        ("IBM Cloud", "hosting"),
        ("Tornado Datacenter GmbH & Co. KG", "hosting"),
        ("University of Michigan", "education"),
        ("Universitaet Stuttgart", "education"),
        ("UNIVERSIDADE FEDERAL DE MINAS GERAIS", "education"),
        ("Massachusetts Institute of Technology", "education"),
        ("McHenry County College District 528", "education"),
        ("T-Mobile USA, Inc.", "mobile"),
        ("China Mobile Communications Corporation", "mobile"),
        ("Mullvad VPN AB", "vpn"),
        ("PacketHub S.A.", "vpn"),
        ("National Australia Bank Limited", "business"),
        ("Comcast Cable Communications, LLC", "residential"),
        ("VeloxFibra Telecom", "residential"),
    ],
)
def test_names_that_tell(name, kind):
    """One name for each row that matters, as they are registered."""
    assert guess(64500, name).kind == kind


@pytest.mark.parametrize("name", ["Ford Motor Company", "Exxon Mobil Corporation", "Chinanet", "", "Orange S.A."])
def test_names_that_do_not_tell(name):
    """What does not say what it is stays unknown."""
    assert guess(64500, name) is None


def test_a_name_is_never_as_sure_as_a_list():
    """Confidences of names stay below what a list of networks has."""
    for name in ("Hetzner", "Mullvad VPN", "University", "T-Mobile", "Bank", "Telecom"):
        assert guess(64500, name).confidence < 90


def test_a_known_number_needs_no_name():
    """The relay's own system, whatever it is called."""
    assert guess(36183, "Akamai Technologies, Inc.").kind == "relay"
