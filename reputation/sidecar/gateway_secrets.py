"""The secrets that gateways send to the check listener, read from the places that the configuration names."""

import re

from reputation.config.file import Settings
from reputation.config.secrets import secret_at
from reputation.wire.errors import ConfigError

SETTING = "http.secrets"
_SECRET = re.compile(r"[!-~]{16,1024}")
"""What every gateway can send as one header's value, and nobody guesses if it is random."""


def gateway_secrets(settings: Settings) -> list[str]:
    """Read them. Raises ConfigError for a place that cannot be read, and for a secret that no header can carry."""
    found = [secret_at(SETTING, place) for place in settings.http.secrets]
    for place, secret in zip(settings.http.secrets, found, strict=True):
        if _SECRET.fullmatch(secret) is None:
            raise ConfigError(f"{SETTING}: {place} must contain 16 to 1,024 visible ASCII characters without blanks")
    return found
