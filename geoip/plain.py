"""Text from other sources, with all terminal control sequences written out."""

import re

# control characters, lone surrogates, ends of lines and of paragraphs, and what turns the direction of writing
_STEERING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]"
)


def plain(text: object) -> str:
    r"""Return a text with all terminal control characters written out, such as `\x1b`."""
    return _STEERING.sub(_written_out, str(text))


def _written_out(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"
