"""What the count of nginx's instructions makes of valgrind's file; its servers are those of test_nginx_setups.py."""

from benchmarks.nginx_instructions import Count, parser, report, total

DUMP = "version: 1\nevents: Ir\nsummary: 900\n\nfn=(1)\n1 900\n\ntotals: 1200\n"


def test_the_total_of_a_dump_is_its_last() -> None:
    assert total(DUMP) == 1200


def test_two_keys_come_first_so_that_renewals_are_seldom_and_then_many() -> None:
    assert parser().parse_args([]).keys == [2, 400]


def test_what_many_keys_cost_more_than_two_is_divided_by_their_checks(capsys) -> None:
    few = {"plain": Count(20_000, 0, 0), "leases": Count(30_000, 0.002, 900), "idle": Count(25_000, 0, 0)}
    many = {"plain": Count(20_010, 0, 0), "leases": Count(50_000, 0.202, 110), "idle": Count(25_000, 0, 0)}
    report(400, many, few)
    lines = capsys.readouterr().out.splitlines()
    assert "| leases | 50,000 | 29,990 | 0.2020 | 100,000 | 110 µs |" in lines
    assert "| idle | 25,000 | 4,990 | 0.0000 | | |" in lines
