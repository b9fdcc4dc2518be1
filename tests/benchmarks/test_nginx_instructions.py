"""What the count of nginx's instructions makes of valgrind's file; its servers are those of test_nginx_setups.py."""

from benchmarks.nginx_instructions import parser, total

DUMP = "version: 1\nevents: Ir\nsummary: 900\n\nfn=(1)\n1 900\n\ntotals: 1200\n"


def test_the_total_of_a_dump_is_its_last() -> None:
    assert total(DUMP) == 1200


def test_two_keys_are_the_default_so_that_renewals_are_seldom() -> None:
    assert parser().parse_args([]).keys == 2
