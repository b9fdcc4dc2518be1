"""Make networks.csv: the networks that simulated clients come from.

    python -m benchmarks.hydra.network_table asn-ipv4.csv asn-ipv6.csv > benchmarks/hydra/networks.csv

The inputs are the CSV files of the package @ip-location-db/asn (RouteViews, DB-IP and NRO data, CC BY 4.0).
Kinds and countries are written down here by hand; `exits` is how many of 40,000 proxy exits verified in
September 2025 (avastel-bot-ips-lists, MIT) were announced by the ASN, so that a hydra can be drawn without
that list.
"""

import csv
import ipaddress
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain

PREFIXES_AN_ASN = 10

# kind country: asn=share of the country's users of that kind [/exits]
TABLE = """
home US: 7922=30/448 7018=16/330 20115=9/151 11426=5/87 20001=5/79 701=10/147
home US: 22773=6/96 5650=4/77 7029=3/117 6079=2/154 209=6/40
mobile US: 21928=40/149 6167=35/70 20057=25/30
home GB: 2856=35/120 5089=25/131 5607=25/75 13285=15/20
mobile GB: 2856=60/0 60339=40/15
home DE: 3320=45/159 3209=30/97 6805=15/20 8881=10/10
mobile DE: 3320=60/0 6805=40/0
home FR: 3215=40/85 12322=30/84 15557=15/30 5410=15/30
mobile FR: 51207=50/10 21502=50/5
home IN: 24560=40/178 55836=40/832 17488=10/20 24309=10/10
mobile IN: 55836=50/0 45609=40/319 38266=10/10
home BR: 28573=35/713 26599=20/259 27699=15/245 18881=10/125 8167=15/134 28126=5/120
mobile BR: 26615=60/40 22085=40/20
home JP: 2516=30/20 4713=40/20 17676=30/15
mobile JP: 9605=60/5 2516=40/0
home CA: 812=40/15 577=40/15 6327=20/15
mobile CA: 812=50/0 852=50/10
home KR: 4766=50/40 9318=30/20 3786=20/10
mobile KR: 9644=60/5 17858=40/5
home AU: 1221=50/20 7545=30/15 4804=20/10
home NL: 33915=50/20 1136=50/20
home ES: 3352=50/60 12479=30/30 12430=20/10
home IT: 3269=50/75 30722=30/20 12874=20/20
home PL: 5617=60/30 12741=40/15
home MX: 8151=60/165 17072=40/76
home ID: 7713=80/154 23700=20/15
mobile ID: 23693=60/10 24203=40/10
home SG: 4657=50/5 9506=50/5
exit VN: 45899=60/2066 7552=30/105 135905=10/114
exit NG: 327952=100/1395
exit AR: 22927=30/235 7303=30/187 27747=20/117 11664=20/144
exit TR: 9121=100/227
exit RU: 12389=100/195
exit EG: 8452=100/184
exit EC: 27947=100/159
exit SA: 25019=60/143 43766=40/76
exit IQ: 199739=50/119 203214=50/88
exit PH: 9299=100/85
exit MY: 4788=100/100
exit MA: 36903=100/111
exit DZ: 36947=100/91
exit PK: 17557=100/80
exit BD: 17494=100/40
exit UY: 6057=100/89
exit ZA: 37105=100/81
exit AE: 5384=100/85
hosting US: 16509=30/471 14618=10/60 14061=10/88 20473=6/935 396982=12/20
hosting US: 8075=12/20 63949=6/30 31898=3/159 36352=3/91 46475=2/142 174=0/863 26548=2/166
hosting DE: 24940=60/60 51167=40/30
hosting FR: 16276=70/60 12876=30/20
hosting NL: 60781=50/20 49981=50/20
hosting SG: 45102=100/20
vpn US: 212238=35/135 9009=35/306 60068=20/60 203020=0/277 5065=0/685
vpn SE: 39351=100/5
education US: 32=10/0 3=10/0 73=10/0 237=10/0 88=10/0 25=10/0
education GB: 786=100/0
education DE: 680=100/0
education IN: 55824=100/0
education CA: 239=50/0 271=50/0
education AU: 7575=100/0
business US: 3549=10/0 3356=30/30 6461=30/20 174=10/0
business GB: 5413=50/5 8468=50/5
business DE: 9145=50/0 8767=50/0
business FR: 8218=100/10
business IN: 9498=50/20 4755=50/30
business BR: 4230=100/20
business JP: 2497=100/0
"""


def entries() -> Iterator[tuple[str, str, int, int, int]]:
    """(kind, country, asn, share, exits) for each entry of TABLE."""
    for line in TABLE.strip().splitlines():
        head, _, tail = line.partition(":")
        kind, country = head.split()
        for entry in tail.split():
            asn, _, numbers = entry.partition("=")
            share, _, exits = numbers.partition("/")
            yield kind, country, int(asn), int(share), int(exits)


def prefixes(rows: Iterable[list[str]], wanted: set[int]) -> dict[int, list[str]]:
    """The largest networks of each wanted ASN, largest first."""
    found: dict[int, list[ipaddress.IPv4Network | ipaddress.IPv6Network]] = defaultdict(list)
    for first, last, asn, _name in rows:
        if int(asn) in wanted:
            ends = ipaddress.ip_address(first), ipaddress.ip_address(last)
            found[int(asn)].extend(ipaddress.summarize_address_range(*ends))
    return {
        asn: [str(n) for n in sorted(nets, key=lambda n: (n.prefixlen, n.network_address))][:PREFIXES_AN_ASN]
        for asn, nets in found.items()
    }


def main(ipv4: str, ipv6: str) -> None:
    wanted = {asn for _, _, asn, _, _ in entries()}
    with open(ipv4, encoding="utf-8") as four, open(ipv6, encoding="utf-8") as six:  # noqa: PTH123 - csv files
        v4, v6 = prefixes(csv.reader(four), wanted), prefixes(csv.reader(six), wanted)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["kind", "country", "asn", "share", "exits", "networks"])
    for kind, country, asn, share, exits in entries():
        networks = " ".join(chain(v4.get(asn, ()), v6.get(asn, ())[:2]))
        if networks:
            out.writerow([kind, country, asn, share, exits, networks])
        else:
            print(f"no prefixes for AS{asn}", file=sys.stderr)


if __name__ == "__main__":
    main(*sys.argv[1:3])
