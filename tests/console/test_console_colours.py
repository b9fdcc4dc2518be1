"""Every colour of the console against what it stands on, by the contrast that WCAG 2.2 asks for, in light and dark."""

import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "reputation" / "console" / "console.css").read_text(encoding="utf-8")
SCHEMES = dict(zip(("light", "dark"), re.findall(r":root \{(.*?)\}", CSS, re.DOTALL), strict=True))
WORDS, MARKS = 4.5, 3.0
"""WCAG 2.2, 1.4.3 for text and 1.4.11 for what else has to be told apart."""
ON = ("ground", "raised", "sunk")
PAIRS = [
    *((word, ground, WORDS) for word in ("text", "quiet", "accent", "danger", "good") for ground in ON),
    *((word, "danger-ground", WORDS) for word in ("text", "quiet", "accent", "danger")),
    ("on-accent", "accent", WORDS),
    *(
        (f"{kind}-{n}", "raised", MARKS)
        for kind, count in (("tier", 5), ("scope", 5), ("stop", 3))
        for n in range(count)
    ),
    *((mark, "raised", MARKS) for mark in ("field", "before", "member")),
]


def luminance(colour):
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(("colour", "on", "least"), PAIRS)
def test_what_is_drawn_can_be_told_from_what_it_stands_on(scheme, colour, on, least):
    named = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", SCHEMES[scheme]))
    assert contrast(named[colour], named[on]) >= least


def test_both_schemes_name_the_same_colours():
    light, dark = (set(re.findall(r"--([\w-]+):", scheme)) for scheme in SCHEMES.values())
    assert light == dark
