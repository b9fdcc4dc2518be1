"""The product behind a user agent."""

import re
from functools import lru_cache

_BROWSERS = ("Edg", "OPR", "Firefox", "CriOS", "Chrome", "Safari")
_PLATFORMS = ("Windows", "Android", "iPhone", "iPad", "Mac OS X", "Linux")


@lru_cache(maxsize=65536)
def software(user_agent: str) -> str:
    """The product behind a user agent, without its version: "Chrome Windows", "python-requests"."""
    if not user_agent.startswith("Mozilla/"):
        return re.split(r"[/ ;(]", user_agent, maxsplit=1)[0][:64]
    browser = next((word for word in _BROWSERS if word + "/" in user_agent), "other")
    platform = next((word for word in _PLATFORMS if word in user_agent), "other")
    return f"{browser} {platform}"


def is_browser(product: str) -> bool:
    """Whether a product is one of the browsers that are known here."""
    return product.partition(" ")[0] in _BROWSERS
