"""Requests that two parsers may read differently, and what each listener makes of them.

After each of them the test sends `GET /end`, which closes the connection. So an outcome that ends with "GET /end"
says that the listener found the end where the table's author sees it, and any other that it stopped before.
"""

from typing import NamedTuple


class Case(NamedTuple):
    """outcome: what the application saw, request by request, or the status that was answered."""

    name: str
    raw: bytes
    outcome: str


BODY = b"abcde"
CHUNKS = b"5\r\nabcde\r\n0\r\n\r\n"
OK = "POST /a abcde; GET /end"
BAD = "400"


def _post(*fields: bytes, body: bytes = b"") -> bytes:
    return b"POST /a HTTP/1.1\r\nHost: a\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


def _length(value: bytes, body: bytes = BODY) -> bytes:
    return _post(b"Content-Length:" + value, body=body)


def _coding(value: bytes) -> bytes:
    return _post(b"Transfer-Encoding:" + value, body=CHUNKS)


def _chunks(body: bytes) -> bytes:
    return _post(b"Transfer-Encoding: chunked", body=body)


def _get(*fields: bytes) -> bytes:
    return b"GET /a HTTP/1.1\r\n" + b"".join(field + b"\r\n" for field in fields) + b"\r\n"


def _line(line: bytes) -> bytes:
    return line + b"\r\nHost: a\r\n\r\n"


CONTENT_LENGTH = [
    Case("plain", _length(b" 5"), OK),
    Case("without a blank", _length(b"5"), OK),
    Case("blanks and tabs around", _length(b" \t 5 \t"), OK),
    Case("leading zeros", _length(b" 0005"), OK),
    Case("zero", _length(b" 0", b""), "POST /a; GET /end"),
    Case("twice, different", _post(b"Content-Length: 5", b"Content-Length: 6", body=BODY), BAD),
    Case("twice, the same", _post(b"Content-Length: 5", b"Content-Length: 5", body=BODY), BAD),
    Case("a list of the same", _length(b" 5, 5"), BAD),
    Case("a trailing comma", _length(b" 5,"), BAD),
    Case("a plus sign", _length(b" +5"), BAD),
    Case("a minus sign", _length(b" -5"), BAD),
    Case("hexadecimal", _length(b" 0x5"), BAD),
    Case("two numbers", _length(b" 5 5"), BAD),
    Case("empty", _length(b""), BAD),
    Case("letters after", _length(b" 5abc"), BAD),
    Case("an exponent", _length(b" 5e0"), BAD),
    Case("an underscore", _length(b" 0_5"), BAD),
    Case("a decimal point", _length(b" 5.0"), BAD),
    Case("digits of another script", _length(b" \xd9\xa5"), BAD),
    Case("superscript five", _length(b" \xb5"), BAD),
    Case("twenty digits", _length(b" 18446744073709551621"), BAD),
    Case("just over 64 bits", _length(b" 18446744073709551616"), BAD),
    Case("over the limit of the route", _length(b" 70000"), "413"),
    Case("a form feed before", _length(b"\x0c5"), BAD),
    Case("a vertical tab after", _length(b" 5\x0b"), BAD),
    Case("a no-break space before", _length(b"\xa05"), BAD),
    Case("a blank before the colon", _post(b"Content-Length : 5", body=BODY), BAD),
    Case("a tab before the colon", _post(b"Content-Length\t: 5", body=BODY), BAD),
    Case("folded", _length(b"\r\n 5"), BAD),
    Case("an underscore in the name", _post(b"Content_Length: 5", body=b""), "POST /a; GET /end"),
    Case("a body without one", _post(body=b"GET /b HTTP/1.1\r\nHost: a\r\n\r\n"), "POST /a; GET /b; GET /end"),
    Case("a GET with a body", _get(b"Host: a", b"Content-Length: 5") + BODY, "GET /a abcde; GET /end"),
    Case(
        "a body that looks like a request",
        _length(b" 31", b"GET /smuggled HTTP/1.1\r\nHost: a"),
        "POST /a GET /smuggled HTTP/1.1\r\nHost: a; GET /end",
    ),
]

TRANSFER_ENCODING = [
    Case("chunked", _coding(b" chunked"), OK),
    Case("chunked in capitals", _coding(b" CHUNKED"), OK),
    Case("chunked with blanks", _coding(b" \t chunked "), OK),
    Case("chunked with a tab after", _coding(b" chunked\t"), BAD),
    Case("and Content-Length", _post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=CHUNKS), BAD),
    Case("and Content-Length after", _post(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=CHUNKS), BAD),
    Case("and Content-Length zero", _post(b"Content-Length: 0", b"Transfer-Encoding: chunked", body=CHUNKS), BAD),
    Case("identity and Content-Length", _post(b"Transfer-Encoding: identity", b"Content-Length: 5", body=BODY), BAD),
    Case("chunked twice", _post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=CHUNKS), BAD),
    Case("chunked twice in a list", _coding(b" chunked, chunked"), BAD),
    Case("identity", _coding(b" identity"), BAD),
    Case("gzip", _coding(b" gzip"), BAD),
    Case("gzip, chunked", _coding(b" gzip, chunked"), BAD),
    Case("chunked, gzip", _coding(b" chunked, gzip"), BAD),
    Case("chunked, identity", _coding(b" chunked, identity"), BAD),
    Case("chunked then identity", _post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: x", body=CHUNKS), BAD),
    Case("identity then chunked", _post(b"Transfer-Encoding: x", b"Transfer-Encoding: chunked", body=CHUNKS), BAD),
    Case("xchunked", _coding(b" xchunked"), BAD),
    Case("chunkedx", _coding(b" chunkedx"), BAD),
    Case("chunked in quotes", _coding(b' "chunked"'), BAD),
    Case("chunked with a parameter", _coding(b" chunked;q=1"), BAD),
    Case("chunked with a comma before", _coding(b" ,chunked"), BAD),
    Case("chunked with a comma after", _coding(b" chunked,"), BAD),
    Case("empty", _coding(b""), BAD),
    Case("a vertical tab before", _coding(b"\x0bchunked"), BAD),
    Case("a form feed after", _coding(b" chunked\x0c"), BAD),
    Case("a no-break space after", _coding(b" chunked\xa0"), BAD),
    Case("a NUL after", _coding(b" chunked\0"), BAD),
    Case("a NUL in the name", _post(b"Transfer-Encoding\0: chunked", body=CHUNKS), BAD),
    Case("a blank before the colon", _post(b"Transfer-Encoding : chunked", body=CHUNKS), BAD),
    Case("folded", _coding(b"\r\n chunked"), BAD),
    Case("folded with a tab", _coding(b"\r\n\tchunked"), BAD),
    Case("hidden behind a bare LF", _post(b"X: y\nTransfer-Encoding: chunked", body=CHUNKS), BAD),
    Case("hidden behind a bare CR", _post(b"X: y\rTransfer-Encoding: chunked", body=CHUNKS), BAD),
    Case("hidden in a folded line", _post(b"X: y", b" Transfer-Encoding: chunked", body=CHUNKS), BAD),
    Case(
        "in HTTP/1.0",
        b"POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n" + CHUNKS,
        BAD,
    ),
    Case(
        "in HTTP/1.0 with Content-Length",
        b"POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + CHUNKS,
        BAD,
    ),
]

CHUNKED = [
    Case("two chunks", _chunks(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"), OK),
    Case("leading zeros", _chunks(b"0005\r\nabcde\r\n000\r\n\r\n"), OK),
    Case("hexadecimal capitals", _chunks(b"A\r\nabcdeabcde\r\n0\r\n\r\n"), "POST /a abcdeabcde; GET /end"),
    Case("an extension", _chunks(b"5;a=b\r\nabcde\r\n0\r\n\r\n"), OK),
    Case("a quoted extension", _chunks(b'5;a="b c"\r\nabcde\r\n0\r\n\r\n'), OK),
    Case("a bare LF in an extension", _chunks(b"5;a\nabcde\r\n0\r\n\r\n"), BAD),
    Case("a bare CR in an extension", _chunks(b"5;a\rb\r\nabcde\r\n0\r\n\r\n"), BAD),
    Case("an extension of 1 KB", _chunks(b"5;" + b"a" * 1024 + b"\r\nabcde\r\n0\r\n\r\n"), BAD),
    Case("a bare LF after the size", _chunks(b"5\nabcde\r\n0\r\n\r\n"), BAD),
    Case("a bare CR after the size", _chunks(b"5\rabcde\r\n0\r\n\r\n"), BAD),
    Case("a bare LF after the data", _chunks(b"5\r\nabcde\n0\r\n\r\n"), BAD),
    Case("no line end after the data", _chunks(b"5\r\nabcde0\r\n\r\n"), BAD),
    Case("more data than the size", _chunks(b"5\r\nabcdefgh\r\n0\r\n\r\n"), BAD),
    Case("a bare LF at the end", _chunks(b"5\r\nabcde\r\n0\r\n\n"), BAD),
    Case("only LFs at the end", _chunks(b"5\r\nabcde\r\n0\n\n"), BAD),
    Case("0x before the size", _chunks(b"0x5\r\nabcde\r\n0\r\n\r\n"), BAD),
    Case("a plus sign", _chunks(b"+5\r\nabcde\r\n0\r\n\r\n"), BAD),
    Case("a minus sign", _chunks(b"-5\r\nabcde\r\n0\r\n\r\n"), BAD),
    Case("a blank before the size", _chunks(b" 5\r\nabcde\r\n0\r\n\r\n"), BAD),
    Case("a blank after the size", _chunks(b"5 \r\nabcde\r\n0\r\n\r\n"), BAD),
    Case("a tab after the size", _chunks(b"5\t\r\nabcde\r\n0\r\n\r\n"), BAD),
    Case("an underscore", _chunks(b"0_5\r\nabcde\r\n0\r\n\r\n"), BAD),
    Case("no size", _chunks(b"\r\nabcde\r\n0\r\n\r\n"), BAD),
    Case("a letter that is no digit", _chunks(b"g\r\nabcde\r\n0\r\n\r\n"), BAD),
    Case("a size over 64 bits", _chunks(b"10000000000000005\r\nabcde\r\n0\r\n\r\n"), BAD),
    Case("a size over the limit", _chunks(b"20000\r\nabcde\r\n0\r\n\r\n"), "413"),
    Case("a trailer", _chunks(b"5\r\nabcde\r\n0\r\nX: y\r\n\r\n"), OK),
    Case("Content-Length as a trailer", _chunks(b"5\r\nabcde\r\n0\r\nContent-Length: 9\r\n\r\n"), BAD),
    Case("Transfer-Encoding as a trailer", _chunks(b"5\r\nabcde\r\n0\r\nTransfer-Encoding: x\r\n\r\n"), BAD),
    Case("a trailer without a colon", _chunks(b"5\r\nabcde\r\n0\r\nX\r\n\r\n"), BAD),
    Case("a trailer with a bare LF", _chunks(b"5\r\nabcde\r\n0\r\nX: y\n\r\n"), BAD),
    Case("a folded trailer", _chunks(b"5\r\nabcde\r\n0\r\nX: y\r\n z\r\n\r\n"), BAD),
    Case("trailers of 8 KB", _chunks(b"5\r\nabcde\r\n0\r\n" + b"X: yyyyyyyyyyyy\r\n" * 512 + b"\r\n"), "431"),
]

REQUEST_LINE = [
    Case("plain", _line(b"GET /a HTTP/1.1"), "GET /a; GET /end"),
    Case("an empty line before", b"\r\n" + _line(b"GET /a HTTP/1.1"), "GET /a; GET /end"),
    Case("two empty lines before", b"\r\n\r\n" + _line(b"GET /a HTTP/1.1"), BAD),
    Case("a bare LF before", b"\n" + _line(b"GET /a HTTP/1.1"), BAD),
    Case("a blank before", _line(b" GET /a HTTP/1.1"), BAD),
    Case("two blanks", _line(b"GET  /a HTTP/1.1"), BAD),
    Case("two blanks before the version", _line(b"GET /a  HTTP/1.1"), BAD),
    Case("a tab for a blank", _line(b"GET\t/a HTTP/1.1"), BAD),
    Case("a vertical tab for a blank", _line(b"GET /a\x0bHTTP/1.1"), BAD),
    Case("a blank after", _line(b"GET /a HTTP/1.1 "), BAD),
    Case("a blank in the target", _line(b"GET /a b HTTP/1.1"), BAD),
    Case("a second version", _line(b"GET /a HTTP/1.1 HTTP/1.1"), BAD),
    Case("a bare LF after", b"GET /a HTTP/1.1\nHost: a\r\n\r\n", BAD),
    Case("a bare CR after", b"GET /a HTTP/1.1\rHost: a\r\n\r\n", BAD),
    Case("only bare LFs", b"GET /a HTTP/1.1\nHost: a\n\n", BAD),
    Case("HTTP/0.9", b"GET /a\r\n\r\n", BAD),
    Case("HTTP/1.0", b"GET /a HTTP/1.0\r\nHost: a\r\n\r\n", "GET /a"),
    Case("HTTP/1.0 kept alive", b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "GET /a; GET /end"),
    Case("HTTP/1.2", _line(b"GET /a HTTP/1.2"), "505"),
    Case("HTTP/2.0", _line(b"GET /a HTTP/2.0"), "505"),
    Case("HTTP/3.0", _line(b"GET /a HTTP/3.0"), "505"),
    Case("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
    Case("http/1.1", _line(b"GET /a http/1.1"), BAD),
    Case("HTTP/1.10", _line(b"GET /a HTTP/1.10"), BAD),
    Case("HTTP/01.1", _line(b"GET /a HTTP/01.1"), BAD),
    Case("HTTP/1,1", _line(b"GET /a HTTP/1,1"), BAD),
    Case("HTTP/1.", _line(b"GET /a HTTP/1."), BAD),
    Case("RTSP/1.0", _line(b"GET /a RTSP/1.0"), BAD),
    Case("a method of our own", _line(b"FOO /a HTTP/1.1"), "FOO /a; GET /end"),
    Case("a method of WebDAV", _line(b"PROPFIND /a HTTP/1.1"), "PROPFIND /a; GET /end"),
    Case("TRACE", _line(b"TRACE /a HTTP/1.1"), "TRACE /a; GET /end"),
    Case("a method in small letters", _line(b"get /a HTTP/1.1"), "get /a; GET /end"),
    Case("a bracket in the method", _line(b"G(T /a HTTP/1.1"), BAD),
    Case("a NUL in the method", _line(b"GE\0T /a HTTP/1.1"), BAD),
    Case("no method", _line(b"/a HTTP/1.1"), BAD),
    Case("CONNECT", b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", BAD),
    Case("CONNECT with a path", _line(b"CONNECT /a HTTP/1.1"), BAD),
    Case("an absolute target", _line(b"GET http://b/a HTTP/1.1"), BAD),
    Case("an authority", _line(b"GET a:80 HTTP/1.1"), BAD),
    Case("an asterisk", _line(b"OPTIONS * HTTP/1.1"), BAD),
    Case("a target without a slash", _line(b"GET a HTTP/1.1"), BAD),
    Case("two slashes", _line(b"GET //b/a HTTP/1.1"), "GET //b/a; GET /end"),
    Case("dots", _line(b"GET /b/../a HTTP/1.1"), "GET /b/../a; GET /end"),
    Case("percent signs", _line(b"GET /%2e%2F%0d%0a%zz HTTP/1.1"), "GET /%2e%2F%0d%0a%zz; GET /end"),
    Case("a fragment", _line(b"GET /a#b HTTP/1.1"), "GET /a#b; GET /end"),
    Case("UTF-8 in the target", _line(b"GET /\xc3\xa4 HTTP/1.1"), "GET /\xc3\xa4; GET /end"),
    Case("a NUL in the target", _line(b"GET /a\0 HTTP/1.1"), BAD),
    Case("a tab in the target", _line(b"GET /a\tb HTTP/1.1"), BAD),
    Case("a DEL in the target", _line(b"GET /a\x7f HTTP/1.1"), BAD),
    Case("a target of 20 KB", _line(b"GET /" + b"a" * 20_000 + b" HTTP/1.1"), "414"),
    Case("the start of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", BAD),
]

FIELDS = [
    Case("no Host", _get(b"X: y"), BAD),
    Case("no fields", _get(), BAD),
    Case("two Hosts", _get(b"Host: a", b"Host: b"), BAD),
    Case("two Hosts in HTTP/1.0", b"GET /a HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", BAD),
    Case("no Host in HTTP/1.0", b"GET /a HTTP/1.0\r\n\r\n", "GET /a"),
    Case("an empty Host", _get(b"Host:"), "GET /a; GET /end"),
    Case("a Host with a port", _get(b"Host: a.example:8470"), "GET /a; GET /end"),
    Case("a Host in brackets", _get(b"Host: [::1]:8470"), "GET /a; GET /end"),
    Case("a blank in Host", _get(b"Host: a b"), BAD),
    Case("a slash in Host", _get(b"Host: a/b"), BAD),
    Case("a user in Host", _get(b"Host: u@a"), BAD),
    Case("UTF-8 in Host", _get(b"Host: \xc3\xa4"), BAD),
    Case("a quotation mark in Host", _get(b'Host: a"'), BAD),
    Case("no colon", _get(b"Host: a", b"X"), BAD),
    Case("an empty name", _get(b"Host: a", b": y"), BAD),
    Case("a blank in the name", _get(b"Host: a", b"X Y: z"), BAD),
    Case("a blank before the colon", _get(b"Host: a", b"X : y"), BAD),
    Case("a bracket in the name", _get(b"Host: a", b"X(: y"), BAD),
    Case("UTF-8 in the name", _get(b"Host: a", b"X\xc3\xa4: y"), BAD),
    Case("a NUL in the name", _get(b"Host: a", b"X\0: y"), BAD),
    Case("a NUL in the value", _get(b"Host: a", b"X: \0"), BAD),
    Case("a control character in the value", _get(b"Host: a", b"X: \x01"), BAD),
    Case("a DEL in the value", _get(b"Host: a", b"X: \x7f"), BAD),
    Case("an escape in the value", _get(b"Host: a", b"X: \x1b[31m"), BAD),
    Case("a tab in the value", _get(b"Host: a", b"X: y\tz"), "GET /a; GET /end"),
    Case("Latin-1 in the value", _get(b"Host: a", b"X: \xe4"), "GET /a; GET /end"),
    Case("an empty value", _get(b"Host: a", b"X:"), "GET /a; GET /end"),
    Case("colons in the value", _get(b"Host: a", b"X: a : b:c"), "GET /a; GET /end"),
    Case("a folded field", _get(b"Host: a", b"X: y", b" z"), BAD),
    Case("a folded field with a tab", _get(b"Host: a", b"X: y", b"\tz"), BAD),
    Case("a folded first field", _get(b" Host: a"), BAD),
    Case("a line of blanks", _get(b"Host: a", b" "), BAD),
    Case("a bare LF after a field", b"GET /a HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", BAD),
    Case("a bare CR in a field", _get(b"Host: a", b"X: y\rZ: z"), BAD),
    Case("a bare LF at the end", b"GET /a HTTP/1.1\r\nHost: a\r\n\n", BAD),
    Case("CR CR LF", b"GET /a HTTP/1.1\r\nHost: a\r\r\n\r\n", BAD),
    Case("a field of 1 MB", _get(b"Host: a", b"X: " + b"y" * 1_048_576), "431"),
    Case("300 fields", _get(b"Host: a", *[b"X: y"] * 300), "431"),
    Case("fields of 80 KB", _get(b"Host: a", *[b"X: " + b"y" * 1000] * 80), "431"),
]

CONNECTION = [
    Case("close", _get(b"Host: a", b"Connection: close"), "GET /a"),
    Case("close in capitals", _get(b"Host: a", b"Connection: CLOSE"), "GET /a"),
    Case("close in a list", _get(b"Host: a", b"Connection: x, close"), "GET /a"),
    Case("keep-alive and close", _get(b"Host: a", b"Connection: keep-alive, close"), "GET /a"),
    Case("keep-alive", _get(b"Host: a", b"Connection: keep-alive"), "GET /a; GET /end"),
    Case("something else", _get(b"Host: a", b"Connection: closed"), "GET /a; GET /end"),
    Case("an upgrade", _get(b"Host: a", b"Connection: Upgrade", b"Upgrade: h2c"), "GET /a; GET /end"),
    Case(
        "an upgrade with a body",
        _post(b"Connection: Upgrade", b"Upgrade: h2c", b"Content-Length: 5", body=BODY),
        OK,
    ),
    Case(
        "an upgrade with chunks",
        _post(b"Connection: Upgrade", b"Upgrade: x", b"Transfer-Encoding: chunked", body=CHUNKS),
        OK,
    ),
    Case("an expectation that is met", _post(b"Expect: 100-continue", b"Content-Length: 5", body=BODY), OK),
    Case("an expectation that is not known", _post(b"Expect: 200-ok", b"Content-Length: 5", body=BODY), OK),
    Case("HEAD with a body", b"HEAD /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n" + BODY, "; GET /end"),
]

GROUPS = {
    "Content-Length": CONTENT_LENGTH,
    "Transfer-Encoding": TRANSFER_ENCODING,
    "chunks": CHUNKED,
    "request line": REQUEST_LINE,
    "fields": FIELDS,
    "connection": CONNECTION,
}
CASES = {f"{group}: {case.name}": case for group, cases in GROUPS.items() for case in cases}
