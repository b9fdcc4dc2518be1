"""The spellings of key_spellings.json, with header values as bytes, for whoever is held to them."""

import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

FILE = json.loads((Path(__file__).parent / "gateways" / "key_spellings.json").read_text())
ACCOUNTS: dict[str, str] = FILE["accounts"]
"""Whose each key is."""
VECTORS: list[dict[str, Any]] = FILE["vectors"]

LONG = next(one["headers"][0][1] for one in VECTORS if one["name"] == "a long key").removeprefix("Bearer ")
API_KEYS = {LONG if key.startswith("sha256:") else key: owner for key, owner in ACCOUNTS.items()}
"""The same as an API knows them, which has a long key whole."""

Lines = list[tuple[str, bytes]]


def lines_of(vector: dict[str, Any], stored: Callable[[str], str]) -> Lines:
    """The header lines of a vector; `stored` gives the stored form of a key."""

    def put(found: re.Match[str]) -> str:
        text = stored(found["key"])
        return base64.b64encode(text.encode()).decode() if found["packed"] else text

    pattern = re.compile(r"\{(?P<packed>base64 of )?hash of (?P<key>[^}]+)\}")
    return [(name, pattern.sub(put, value).encode("latin-1")) for name, value in vector["headers"]]
