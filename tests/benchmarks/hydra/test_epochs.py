"""The cost of linking is measured on a population whose heads the linker finds."""

from benchmarks.hydra import epochs


def test_all_heads_and_nobody_else_are_linked_in_every_epoch():
    lines = list(epochs.epochs(2000))
    assert len(lines) == 3
    assert all(", 20 linked, " in line for line in lines)


def test_noting_a_check_costs_microseconds(monkeypatch):
    monkeypatch.setattr(epochs, "CHECKS", 200)
    assert epochs.noting() < 1000
