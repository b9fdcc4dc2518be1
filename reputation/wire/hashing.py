"""API keys and identifiers as keyed hashes: stored and logged values reveal nothing without the hash key."""

import base64
import hashlib

PREFIX = "hk1_"
SIZE = 16


def hashed(key: str, secret: bytes) -> bytes:
    """Return the stored form of an API key; a key in its printed form is read back."""
    if key.startswith(PREFIX) and (known := _read(key)) is not None:
        return known
    return of_text(key, secret)


def of_text(key: str, secret: bytes) -> bytes:
    """Return the stored form of a client's key; a client's key is never read as a stored form."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=SIZE, key=secret).digest()


def printed(digest: bytes) -> str:
    """Return the printed form, for configuration and for `PUT /v1/accounts`."""
    return PREFIX + base64.b32encode(digest).decode().rstrip("=").lower()


def _read(text: str) -> bytes | None:
    """Read the printed form, exactly as `printed` writes it: gateways know it by its looks."""
    try:
        digest = base64.b32decode(text[len(PREFIX) :].upper() + "=" * (-(len(text) - len(PREFIX)) % 8))
    except ValueError:
        return None
    return digest if len(digest) == SIZE and printed(digest) == text else None


def is_jwt(key: str | None) -> bool:
    """Say whether a key looks like a JSON Web Token; such a key is replaced at each refresh."""
    return key is not None and key.startswith("eyJ") and key.count(".") >= 2


def pseudonym(identifier: str, secret: bytes) -> str:
    """Return a short keyed hash of an account id or address, for logs."""
    digest = hashlib.blake2b(identifier.encode("utf-8", "surrogatepass"), digest_size=8, key=secret)
    return digest.hexdigest()
