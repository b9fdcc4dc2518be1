import hypothesis
import pytest
from hypothesis import strategies as st

from plugins.lines import first, only, short_key, text


@hypothesis.given(st.binary(max_size=300))
def test_any_bytes_of_a_header_become_text_that_json_can_carry(value: bytes) -> None:
    text(value).encode()


def test_text_of_a_key_is_the_text_that_was_pushed_in_json() -> None:
    assert text("schlüssel".encode()) == "schlüssel"
    assert text(b"\xff\xfe") == "ÿþ"


def test_first_takes_the_first_line_and_nothing_when_there_is_none() -> None:
    lines = [(b"a", b" 1 "), (b"a", b"2")]
    assert (first(lines, b"a"), first(lines, b"b")) == ("1", "")


def test_only_refuses_two_lines_that_differ_and_names_the_header() -> None:
    with pytest.raises(ValueError, match="more than one x-api-key"):
        only([(b"x-api-key", b"1"), (b"x-api-key", b"2")], b"x-api-key")


def test_only_takes_a_line_that_was_merely_doubled() -> None:
    assert only([(b"x-api-key", b"1"), (b"x-api-key", b"1")], b"x-api-key") == "1"


@hypothesis.given(st.text(max_size=600))
def test_a_key_always_fits_the_wire_format_and_long_ones_stay_apart(key: str) -> None:
    short = short_key(key)
    assert short is None or 1 <= len(short) <= 256
    assert short_key("a" * 300) != short_key("a" * 301)
