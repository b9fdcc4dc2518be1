"""The hash key: its source, and a comparison with the state's own.

Every API key is kept as a hash made with it, so with another one each pushed key would match no account, without
an error. The state therefore keeps a check value, which tells nothing of the hash key.
"""

import hashlib
import os
import secrets
from pathlib import Path

from reputation.state.records import ABSENT, Records
from reputation.wire.errors import ConfigError, Conflict

HASH_KEY = "HEADCOUNT_HASH_KEY"
SHORTEST = 16
LONGEST = 64
"""Bytes; what BLAKE2b takes as a key."""
SECRET, EVERYBODY = "secret", ""
"""The kind of record that the hash key and its check value are kept as, in the name of no tenant."""
CHECK = "HEADCOUNT_HASH_KEY check value"
GIVEN = f"this state was made with another {HASH_KEY}, so no API key that it knows would be found. "
FIXES = {
    "environment": f"Set {HASH_KEY} to the one that this state was made with, or begin with an empty state",
    "kept": f"Leave {HASH_KEY} unset: the hash key is kept in this state; or begin with an empty state",
    "absent": f"It came from the environment of a sidecar: set {HASH_KEY} to the same one",
}


def hash_key() -> bytes | None:
    """Read the hash key from the environment, where it stands itself or names a file with a leading @.

    Blanks and line ends around it do not count. Raises ConfigError.
    """
    text = os.environ.get(HASH_KEY)
    if text is None:
        return None
    text = text.strip()
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"{HASH_KEY}: cannot read {text[1:]}: {getattr(error, 'strerror', 'no UTF-8')}") from None
    key = text.encode()
    if len(key) < SHORTEST:
        raise ConfigError(f"{HASH_KEY}: at least {SHORTEST} characters, such as 32 random ones in hex")
    if len(key) > LONGEST:
        raise ConfigError(
            f"{HASH_KEY}: at most {LONGEST} bytes, but this one has {len(key)}; further bytes would be ignored"
        )
    return key


async def settled_hash_key(records: Records) -> bytes:
    """Return the hash key of this state: the given one, else the stored one, else a new one for all replicas.

    Raises ConfigError if the state was made with another one.
    """
    given, check = hash_key(), await records.get(EVERYBODY, SECRET, CHECK)
    kept = await records.get(EVERYBODY, SECRET, HASH_KEY)
    if given is None and kept is None and check is not None:
        raise ConfigError(GIVEN + FIXES["absent"])
    if given is not None and kept is not None and kept.body != given:
        raise ConfigError(GIVEN + FIXES["kept"])
    key = given or await kept_hash_key(records)
    await check_hash_key(records, key)
    return key


async def kept_hash_key(records: Records) -> bytes:
    """Return the hash key in the state; the first call creates it, for all replicas."""
    found = await records.get(EVERYBODY, SECRET, HASH_KEY)
    if found is not None:
        return found.body
    made = secrets.token_bytes(32)
    try:
        await records.put(EVERYBODY, SECRET, HASH_KEY, made, expect=ABSENT)
    except Conflict:
        return await kept_hash_key(records)
    return made


async def check_hash_key(records: Records, key: bytes) -> None:
    """Store the check value of a hash key in a state without one. Raises ConfigError for another key's value."""
    value = hashlib.blake2b(CHECK.encode(), digest_size=16, key=key).digest()
    found = await records.get(EVERYBODY, SECRET, CHECK)
    if found is None:
        try:
            await records.put(EVERYBODY, SECRET, CHECK, value, expect=ABSENT)
        except Conflict:  # another replica was first
            await check_hash_key(records, key)
    elif found.body != value:
        raise ConfigError(GIVEN + FIXES["environment"])
