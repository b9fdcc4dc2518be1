"""What sharing links costs: the run of docs/reliability.md, made short."""

import pytest

from benchmarks.shared_links import main


@pytest.mark.gateway
def test_a_short_run_ends_with_the_same_accounts_linked_by_both_replicas(capsys):
    """The one that links, and the one that takes over."""
    main(["2000"])
    row = [cell.strip() for cell in capsys.readouterr().out.strip().strip("|").split("|")]
    one, other = row[1].split(" and ")
    assert one == other
    assert int(one.replace(",", "")) >= 200
