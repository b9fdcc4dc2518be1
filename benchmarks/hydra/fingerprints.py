"""Clients: user agents and the JA4 that goes with each, as published captures have them.

JA4 strings are those of real builds (FoxIO's mapping, curl-impersonate, utls and Envoy test vectors, public
captures); the long tail (antivirus, TLS inspection, old systems, forks) is made up in the same format.
"""

import hashlib

import numpy as np
from msgspec import Struct

CHROME = "t13d1516h2_8daaf6152771_d8a2da3f94cd"
CHROME_RESUMED = "t13d1517h2_8daaf6152771_b6f405a00624"
CHROME_NEXT = "t13d1516h2_8daaf6152771_806a8c22fdea"
CHROMIUM_OLD = "t13d1516h2_8daaf6152771_02713d6af862"
FIREFOX = "t13d1717h2_5b57614c22b0_3cbfd9057e0d"
FIREFOX_ESR = "t13d1715h2_5b57614c22b0_5c2c66f702b0"
SAFARI = "t13d2014h2_a09f3c656075_7f0f34a4126d"
SAFARI_26 = "t13d2013h2_a09f3c656075_7f0f34a4126d"
SAFARI_17 = "t13d2014h2_a09f3c656075_e42f34c56612"
IOS = "t13d2014h2_a09f3c656075_14788d8d241b"
NODE = "t13d5212h1_b262b3658495_8e6e362c5eac"
NODE_H2 = "t13d5212h2_b262b3658495_8e6e362c5eac"
PYTHON = "t13d1812h1_85036bcba153_b26ce05bbdd6"
PYTHON_311 = "t13d1812h1_85036bcba153_375ca2c5e164"
PYTHON_313 = "t13d1812h1_85036bcba153_d41ae481755e"
GO = "t13d1312h2_f57a46bbacb6_ab7e3b40a677"
GO_NEXT = "t13d1312h2_f57a46bbacb6_f50d94e863eb"
OKHTTP = "t13d1513h2_8daaf6152771_eca864cca44a"

_CHROME = "Mozilla/5.0 ({}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{{}}.0.0.0 {}Safari/537.36"
_MACINTOSH = "Macintosh; Intel Mac OS X 10_15_7"
_WIN = _CHROME.format("Windows NT 10.0; Win64; x64", "")
_MAC = _CHROME.format(_MACINTOSH, "")
_LINUX = _CHROME.format("X11; Linux x86_64", "")
_DROID = _CHROME.format("Linux; Android 10; K", "Mobile ")
_TABLET = _CHROME.format("Linux; Android 10; K", "")
_APPLE = "Mozilla/5.0 ({}) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{{}} {}"
_SAFARI = _APPLE.format(_MACINTOSH, "Safari/605.1.15")
_IPHONE = _APPLE.format("iPhone; CPU iPhone OS 18_6 like Mac OS X", "Mobile/15E148 Safari/604.1")
_FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"


class Build(Struct, frozen=True):
    """One build of a client: its share of its kind, user agent, JA4 on a fresh and a resumed connection."""

    share: float
    user_agent: str
    ja4: str
    resumed: str = ""


class Client(Struct, frozen=True):
    """What the gateway sees of one program on one machine. `sessions`: it sends a session id."""

    user_agent: str
    ja4: str
    resumed: str
    device: str | None
    sessions: bool


def _rows(pattern: str, ja4: str, versions: dict[str, float], resumed: str = "") -> tuple[Build, ...]:
    return tuple(Build(share, pattern.format(version), ja4, resumed) for version, share in versions.items())


DESKTOP = (
    *_rows(_WIN, CHROME, {"142": 26, "141": 9, "140": 3}, CHROME_RESUMED),
    *_rows(_WIN, CHROME_NEXT, {"143": 4}, CHROME_RESUMED),
    *_rows(_WIN, CHROMIUM_OLD, {"131": 1.5, "126": 1, "109": 1}),
    Build(6, _WIN.format("142") + " Edg/142.0.0.0", CHROME, CHROME_RESUMED),
    *_rows(_MAC, CHROME, {"142": 14, "141": 5}, CHROME_RESUMED),
    *_rows(_LINUX, CHROME, {"142": 4, "141": 1.5}, CHROME_RESUMED),
    *_rows(_SAFARI, SAFARI, {"18.6": 5, "18.4": 2}),
    *_rows(_SAFARI, SAFARI_26, {"26.0": 4}),
    *_rows(_SAFARI, SAFARI_17, {"17.6": 1.5}),
    *_rows(_FIREFOX, FIREFOX, {"144": 4, "143": 2}),
    *_rows(_FIREFOX, FIREFOX_ESR, {"140": 1.5, "128": 1}),
)
PHONE = (
    *_rows(_DROID, CHROME, {"142": 30, "141": 8}, CHROME_RESUMED),
    *_rows(_IPHONE, SAFARI_26, {"26.0": 16}),
    *_rows(_IPHONE, IOS, {"18.6": 14, "18.5": 5}),
    Build(8, "AcmeApp/5.41.0 (Android 15; okhttp/4.12.0)", OKHTTP),
    Build(10, "AcmeApp/5.41.0 (iOS 18.6; CFNetwork/1568)", IOS),
)
TABLET = (
    *_rows(_TABLET, CHROME, {"142": 30, "141": 10}, CHROME_RESUMED),
    *_rows(_SAFARI, SAFARI_26, {"26.0": 25}),  # tablets of Apple's ask for pages as a desk computer does
    *_rows(_SAFARI, IOS, {"18.6": 20}),
    Build(15, "AcmeApp/5.41.0 (iPadOS 18.6; CFNetwork/1568)", IOS),
)
TERMINAL = (
    *_rows(
        "acme-cli/{} (external, cli)",
        NODE,
        {"2.0.31": 30, "2.0.30": 14, "2.0.28": 8, "2.0.14": 4, "1.0.98": 3},
    ),
    *_rows("vscode-assistant/{} Electron/37.3", NODE_H2, {"0.32.1": 10, "0.31.4": 4}),
    Build(3, "goterm/0.9.2 Go-http-client/2.0", GO),
)
SDK = (
    *_rows("acme-python/{}", PYTHON, {"0.72.0": 18, "0.71.0": 9, "0.66.0": 5, "0.49.0": 3}),
    *_rows("acme-python/{}", PYTHON_311, {"0.72.0": 7, "0.64.0": 3}),
    *_rows("acme-python/{}", PYTHON_313, {"0.72.0": 9, "0.70.0": 2}),
    *_rows("acme-node/{}", NODE, {"0.68.0": 10, "0.65.0": 4, "0.52.0": 2}),
    *_rows("acme-go/{}", GO, {"1.16.0": 4, "1.13.0": 2}),
    Build(2, "acme-go/1.17.0", GO_NEXT),
    Build(5, "python-requests/2.32.5", PYTHON),
    Build(2, "Python/3.12 aiohttp/3.13.1", PYTHON_311),
    Build(2, "okhttp/4.12.0", OKHTTP),
    Build(1.5, "curl/8.14.1", "t13d3012h2_1d37bd780c83_882d495ac381"),
)
KINDS = {"desktop": DESKTOP, "phone": PHONE, "tablet": TABLET, "terminal": TERMINAL, "sdk": SDK}
TAIL = 1.0 / np.arange(1, 401)
TAIL /= TAIL.sum()
HAS_DEVICE = frozenset({"desktop", "phone", "tablet", "terminal"})


def odd_ja4(number: int) -> str:
    """A JA4 of the long tail; the same number gives the same string."""
    digest = hashlib.sha256(f"odd {number}".encode()).hexdigest()
    ciphers, extensions = 9 + int(digest[:2], 16) % 40, 8 + int(digest[2:4], 16) % 10
    return f"t13d{ciphers:02d}{extensions:02d}h{1 + int(digest[4], 16) % 2}_{digest[8:20]}_{digest[20:32]}"


def tail_ja4(rng: np.random.Generator) -> str:
    """One of some hundred odd builds, the first of them the more common ones (Zipf)."""
    return odd_ja4(int(rng.choice(len(TAIL), p=TAIL)))


def hexes(rng: np.random.Generator, digits: int) -> str:
    return rng.bytes((digits + 1) // 2).hex()[:digits]


def build(rng: np.random.Generator, kind: str) -> Build:
    rows = KINDS[kind]
    shares = np.array([row.share for row in rows])
    return rows[int(rng.choice(len(rows), p=shares / shares.sum()))]


def copy(rng: np.random.Generator, row: Build) -> Client:
    """Another machine of the same build: its own device, everything else the same."""
    return Client(row.user_agent, row.ja4, row.resumed or row.ja4, f"dv-{hexes(rng, 16)}", sessions=True)


def client(rng: np.random.Generator, kind: str, odd: float = 0.03) -> Client:
    """A client of the kind; `odd`: the share whose handshake something on the way has rewritten."""
    row = build(rng, kind)
    device = f"dv-{hexes(rng, 16)}" if kind in HAS_DEVICE else None
    sessions = kind in HAS_DEVICE
    if rng.random() < odd:
        ja4 = tail_ja4(rng)
        return Client(row.user_agent, ja4, ja4, device, sessions)
    return Client(row.user_agent, row.ja4, row.resumed or row.ja4, device, sessions)
