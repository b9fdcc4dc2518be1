"""Where aiohttp answers a case of the corpus otherwise than the check listener does, and why that is so."""

from typing import NamedTuple


class Difference(NamedTuple):
    """cases: a case of the corpus -> what comes back under aiohttp."""

    what: str
    why: str
    cases: dict[str, str]


DIFFERENCES = [
    Difference(
        "A coding in addition to chunked",
        "aiohttp accepts any list that ends with chunked, and forwards the still coded body; the check listener can "
        "decode only chunked, so it refuses the rest",
        {
            "Transfer-Encoding: gzip, chunked": "POST /a abcde; GET /end",
            "Transfer-Encoding: chunked with a comma before": "POST /a abcde; GET /end",
        },
    ),
    Difference(
        "Transfer-Encoding in HTTP/1.0",
        "HTTP/1.0 knows no codings, and a proxy that forwards one has framed the message otherwise (RFC 9112, 6.1)",
        {"Transfer-Encoding: in HTTP/1.0": "POST /a abcde; GET /end"},
    ),
    Difference(
        "A long chunk extension",
        "256 bytes for a chunk's line are enough, and no program reads extensions",
        {"chunks: an extension of 1 KB": "POST /a abcde; GET /end"},
    ),
    Difference(
        "A chunk larger than the body may be",
        "aiohttp waits for the bytes and gives up on them; here the size line is enough to refuse",
        {"chunks: a size over the limit": "408"},
    ),
    Difference(
        "Too much of something",
        "both refuse; aiohttp has a more general status, and limits a field, not the whole head",
        {
            "chunks: trailers of 8 KB": "400",
            "request line: a target of 20 KB": "400",
            "fields: a field of 1 MB": "400",
            "fields: 300 fields": "400",
            "fields: fields of 80 KB": "GET /a; GET /end",
        },
    ),
    Difference(
        "Blank lines and blanks in the request line",
        "one empty line before a request may pass (RFC 9112, 2.2); llhttp also skips more empty lines, bare line feeds "
        "and extra blanks",
        {
            "request line: two empty lines before": "GET /a; GET /end",
            "request line: a bare LF before": "GET /a; GET /end",
            "request line: two blanks": "GET /a; GET /end",
            "request line: two blanks before the version": "GET /a; GET /end",
        },
    ),
    Difference(
        "Versions",
        "the status names the version as the cause (RFC 9110, 15.6.6)",
        {
            "request line: HTTP/1.2": "400",
            "request line: HTTP/2.0": "400",
            "request line: HTTP/3.0": "400",
            "request line: the preface of HTTP/2": "400",
        },
    ),
    Difference(
        "Methods",
        "a gateway forwards its client's method; an unknown method must not look like a broken sidecar",
        {
            "request line: a method of our own": "400",
            "request line: a method in small letters": "400",
        },
    ),
    Difference(
        "Targets",
        "a sidecar is no proxy, so a target is a path; the path is opaque, because a gateway forwards it unchanged",
        {
            "request line: an absolute target": "GET http://b/a; GET /end",
            "request line: an asterisk": "OPTIONS *; GET /end",
            "request line: UTF-8 in the target": "400",
        },
    ),
    Difference(
        "An invalid Host",
        "the answer must be 400 (RFC 9112, 3.2); aiohttp only checks that there is a Host",
        {
            "fields: a blank in Host": "GET /a; GET /end",
            "fields: a slash in Host": "GET /a; GET /end",
            "fields: a user in Host": "GET /a; GET /end",
            "fields: UTF-8 in Host": "GET /a; GET /end",
            "fields: a quotation mark in Host": "GET /a; GET /end",
        },
    ),
    Difference(
        "Bytes after a request that closes the connection",
        "they are read and dropped; aiohttp also refuses the request before them if both come in one piece",
        {
            "request line: HTTP/1.0": "400",
            "fields: no Host in HTTP/1.0": "400",
            "connection: close": "400",
            "connection: close in capitals": "400",
            "connection: close in a list": "400",
            "connection: keep-alive and close": "400",
        },
    ),
    Difference(
        "A request after one that asks for an upgrade",
        "neither upgrades; aiohttp answers the second request only when more bytes come",
        {
            "connection: an upgrade": "GET /a",
            "connection: an upgrade with a body": "POST /a abcde",
            "connection: an upgrade with chunks": "POST /a abcde",
        },
    ),
]


def under_aiohttp() -> dict[str, str]:
    """Return every case that differs, with its outcome under aiohttp."""
    return {case: found for difference in DIFFERENCES for case, found in difference.cases.items()}


def table(expected: dict[str, str]) -> str:
    """Write the table of docs/listener.md; expected: a case -> its outcome under the check listener."""
    lines = ["| what | case | check listener | aiohttp | why |", "| --- | --- | --- | --- | --- |"]
    for difference in DIFFERENCES:
        what, why = difference.what, difference.why
        for case, found in difference.cases.items():
            lines.append(f"| {what} | {case} | {_shown(expected[case])} | {_shown(found)} | {why} |")
            what = why = ""
    return "\n".join(lines) + "\n"


def _shown(found: str) -> str:
    return "`" + found.encode("latin-1").decode("utf-8", "replace") + "`"
