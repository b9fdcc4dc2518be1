"""Numbers that not every reader of YAML takes for the same, and names that nothing could come under, are refused."""

import pytest

from reputation.config.file import from_text
from reputation.wire.errors import ConfigError

ALLOWANCE = "tenants:\n  acme:\n    unconfirmed: {{rate: {}, burst: 100, daily: 100}}\n"


@pytest.mark.parametrize(
    "number", ["010", "-010", "00", "0_1", "1:30", "1:30:00.5", "1_000", "1_0.5", "0b11", "010.5", "01e3", "0x1_0"]
)
def test_a_number_that_is_another_to_other_readers_is_an_error_with_its_line(number):
    with pytest.raises(ConfigError, match=r"line 3\b"):
        from_text(ALLOWANCE.format(number))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("10", 10),
        ("1e2", 100),
        ("1E+2", 100),
        (".5", 0.5),
        ("5.", 5),
        ("+7", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("0.25", 0.25),
    ],
)
def test_numbers_are_those_of_yaml_1_2(text, number):
    (tenant,) = from_text(ALLOWANCE.format(text)).tenants.values()
    assert tenant.unconfirmed.rate == number


def test_such_a_number_in_quotes_is_a_text():
    assert list(from_text("tenants:\n  '007': {payer_plan: 'free'}\n").tenants) == ["007"]


@pytest.mark.parametrize("name", ["a b", "a/b", "a?b", "a#b", "a%20b", ".", "..", "ä", "a\\\\b", '\\"', "a\\tb"])
@pytest.mark.parametrize("kind", ["tenants", "gateways"])
def test_a_name_that_no_path_can_hold_is_refused(kind, name):
    with pytest.raises(ConfigError, match=r"line 2\b.*cannot stand in a path"):
        from_text(f'{kind}:\n  "{name}": {"{}" if kind == "tenants" else "os.path"}\n')


@pytest.mark.parametrize("name", ["default", "acme-1", "acme.eu", "a_b~c", "A:b@c", "..."])
def test_names_of_letters_digits_and_the_usual_signs_are_taken(name):
    assert list(from_text(f'tenants:\n  "{name}": {{}}\n').tenants) == [name]


@pytest.mark.parametrize("header", ["X-Account:", "X Account", "", "X-Kontö", "X-A\\r\\n", "X(A)"])
@pytest.mark.parametrize("setting", ["account_header", "ja4_header", "key_header"])
def test_a_header_that_no_request_can_have_is_refused(setting, header):
    with pytest.raises(ConfigError, match=r"line 4\b"):
        from_text(f'tenants:\n  acme:\n    gateway:\n      {setting}: "{header}"\n')
