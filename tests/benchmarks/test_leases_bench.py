"""What the benchmark of leases makes of its rounds; its servers are those of test_nginx_bound.py."""

import pytest

from benchmarks.nginx_leases import COLUMNS, NAMES, Turn, beside_auth_request, report


def rounds(*leases: Turn) -> list[dict[str, Turn]]:
    plain, asking = Turn(80_000, 0.0, 12.0, 0.0, 100, 900), Turn(8_000, 1.0, 60.0, 60.0, 400, 9_000)
    return [{"plain": plain, "idle": plain, "leases": turn, "lean": turn, "auth_request": asking} for turn in leases]


def test_a_core_is_full_when_its_time_is_used_up() -> None:
    assert Turn(50_000, 0.0, 15.0, 5.0, 0, 0).core == pytest.approx(1.0)
    assert Turn(10_000, 0.0, 20.0, 0.0, 0, 0).core == pytest.approx(0.2)


def test_times_auth_request_are_told_by_throughput_and_by_processor_time() -> None:
    """A load that cannot fill the core makes the first too small."""
    found = beside_auth_request(rounds(Turn(16_000, 0.01, 15.0, 5.0, 110, 950)))
    assert found == {"throughput": [2.0], "CPU": [6.0]}


def test_the_report_has_a_line_for_each_nginx_and_the_share_of_plain_by_either(capsys) -> None:
    report("10 keys", rounds(Turn(40_000, 0.01, 16.0, 8.0, 110, 950)))
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(NAMES)
    cells = dict(zip(COLUMNS[:9], lines[4].strip("| ").split(" | "), strict=False))
    assert cells == {
        "nginx": "leases", "requests/s": "40,000", "of plain": "50.0%", "core": "96%", "CPU µs": "24.0",
        "of plain by CPU": "50.0%", "nginx CPU µs": "16.0", "of plain by nginx CPU": "75.0%",
        "checks a request": "0.0100",
    }  # fmt: skip
