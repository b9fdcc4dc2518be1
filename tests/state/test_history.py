"""Visits and learnt densities: right counts, bounded memory, any clock; outcomes are in test_outcomes.py."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_engine import DAY, HOUR, NOW, ask, check, points, push, tenant

from reputation.state.history import Density, visit, visited, visits
from reputation.state.windows import RESOLUTION


@given(st.lists(st.tuples(st.floats(0, DAY / 2), st.integers(1, 25), st.sampled_from(["US", "DE", None])), max_size=40))
def test_an_accounts_visits_are_counted_as_a_list_of_all_would(visits):
    """Different addresses within a day, exact to RESOLUTION, at most 16 of them kept."""
    recent, last, now = b"", {}, NOW
    for later, host, country in visits:
        now += later
        recent = visit(recent, host, host % 5, country, now)
        last[host] = now
        surely = sum(now - at <= DAY - RESOLUTION for at in last.values())
        perhaps = sum(now - at <= DAY + RESOLUTION for at in last.values())
        assert min(surely, 16) <= recent[0] <= min(perhaps, 16)
        assert recent[1] <= 4
        assert recent[2] <= 2
        assert len(recent) <= 3 + 16 * 18
        assert visited(recent)[0][0] == host


def test_where_nothing_is_known_nothing_is_counted():
    """Neither an unknown ASN nor an unknown country is one more place."""
    recent = visit(visit(b"", 1, None, None, NOW), 2, 64500, "US", NOW + 1)
    assert tuple(recent[:3]) == (2, 1, 1)


@pytest.mark.parametrize("year", [1970, 2026, 2200, 9999])
def test_windows_work_in_any_year(addresses, year):
    """Recorded time may be any that the wire takes."""
    engine, now = tenant(addresses), max((year - 1970) * 365.2425 * DAY - DAY, 0.0)
    push(engine, "a", now, plan="free", payment={"fingerprint": "fp"})
    verdict = check(engine, now, account={"id": "a"}, client={"ip": "11.0.0.1", "device": "d"})
    assert verdict.decision == "allow"


class TestVelocity:
    """Through the engine: how many meet where, and how far one account moves."""

    def test_accounts_on_an_address_a_card_and_a_device(self, addresses):
        engine = tenant(addresses)
        for i in range(40):
            push(engine, f"a{i}", plan="free", payment={"fingerprint": "fp"})
            verdict = check(engine, NOW + i, account={"id": f"a{i}"}, client={"ip": "11.0.0.1", "device": "d"})
        details = {reason.signal: reason.detail for reason in verdict.reasons}
        assert details["accounts_on_address"].startswith("40 ")
        assert details["accounts_on_card"].startswith("40 ")
        assert details["accounts_on_device"].startswith("40 ")

    def test_cards_are_remembered_longer_than_addresses(self, addresses):
        engine = tenant(addresses)
        for i in range(12):
            push(engine, f"a{i}", plan="free", payment={"fingerprint": "fp"})
            verdict = ask(engine, f"a{i}", "11.0.0.1", NOW + i * 2 * DAY)
        assert "accounts_on_card" in points(verdict)
        assert "accounts_on_address" not in points(verdict)

    def test_carriers_and_campuses_are_crowded_without_blame(self, addresses):
        engine = tenant(addresses)
        for i in range(60):
            push(engine, f"a{i}", plan="free")
            verdict = ask(engine, f"a{i}", "14.0.0.1")
        assert "accounts_on_address" not in points(verdict)

    def test_an_account_that_is_everywhere(self, addresses):
        engine = tenant(addresses)
        push(engine, "a", plan="free")
        for i in range(16):
            verdict = ask(engine, "a", f"{11 + i % 6}.0.0.{i}", NOW + i * HOUR)
        assert {"addresses", "asns", "countries"} <= points(verdict).keys()


class TestDensity:
    """Which networks bad accounts come from: learnt, cautious, forgotten."""

    def learnt(self, bad, good, key=7, elsewhere=200):
        density = Density(30 * DAY, 1000)
        for i in range(elsewhere):
            density.learn_all([100 + i % 50], bad=i % 20 == 0, now=NOW)
        for i in range(bad + good):
            density.learn_all([key], bad=i < bad, now=NOW)
        return density

    def test_bad_networks_are_above_the_population_good_ones_below(self):
        density = self.learnt(bad=10, good=2)
        assert density.odds(7, NOW) > 1
        assert self.learnt(bad=0, good=40).odds(7, NOW) < 0
        assert density.odds(999, NOW) == 0.0

    def test_two_accounts_say_less_than_twenty(self):
        assert 0 < self.learnt(bad=1, good=1).odds(7, NOW) < self.learnt(bad=10, good=10).odds(7, NOW)

    def test_what_was_learnt_halves_with_the_half_life(self):
        """In counts; the odds go to nothing."""
        density = self.learnt(bad=10, good=0)
        odds = [density.odds(7, NOW + months * 30 * DAY) for months in (0, 1, 2, 6, 24)]
        assert odds == sorted(odds, reverse=True)
        assert odds[-1] == pytest.approx(0.0, abs=1e-3)

    def test_memory_is_bounded_and_the_best_known_stay(self):
        density = Density(30 * DAY, 1000)
        for _ in range(50):
            density.learn_all([7], bad=True, now=NOW)
        for i in range(10_000):
            density.learn_all([100 + i], bad=False, now=NOW)
        assert len(density) <= 1000
        assert density.odds(7, NOW) > 0

    @given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.floats(0, 2e9)), max_size=50), st.floats(0, 2e9))
    def test_odds_are_numbers_whatever_the_clock_does(self, outcomes, now):
        density = Density(30 * DAY, 1000)
        for key, bad, at in outcomes:
            density.learn_all([key], bad=bad, now=at)
        assert all(-20 < density.odds(key, now) < 20 for key in range(4))


class TestVisits:
    """What an account's packed visits keep, byte by byte."""

    @pytest.mark.parametrize("at", [1, 7, 17, 18, 19, 20, 22])
    def test_an_address_whose_bytes_stand_across_two_visits_is_not_found_by_mistake(self, at):
        """Eight bytes that begin inside a visit are no visit's address."""
        recent = visit(visit(b"", 0x1111111111111111, 0x22222222, "US", NOW), 0x3333333333333333, 0x44444444, "DE", NOW)
        inside = int.from_bytes(recent[at : at + 8], "little")
        assert inside not in (host for host, _ in visited(recent))
        again = visit(recent, inside, 5, "FR", NOW)
        assert again[0] == 3
        assert [host for host, _ in visited(again)] == [inside, 0x3333333333333333, 0x1111111111111111]

    def test_an_address_that_comes_again_moves_to_the_front_and_the_others_stay(self):
        recent = b""
        for host in (1, 2, 3):
            recent = visit(recent, host, host, "US", NOW)
        again = visit(recent, 2, 2, "US", NOW + RESOLUTION)
        assert [host for host, _ in visited(again)] == [2, 3, 1]
        assert visits(again) == [(2, int(NOW + RESOLUTION)), (3, int(NOW)), (1, int(NOW))]
        assert again[:3] == recent[:3] == bytes((3, 3, 1))

    def test_a_visit_keeps_the_network_and_the_country_that_it_was_noted_with(self):
        """While it lasts, also where newer address data says something else."""
        recent = visit(visit(b"", 1, 1, "US", NOW), 2, 2, "US", NOW)
        again = visit(recent, 1, 9, "FR", NOW + RESOLUTION)
        assert visited(again) == [(1, 1), (2, 2)]
        assert again[:3] == recent[:3]

    def test_the_newest_of_several_is_not_written_again_within_half_an_hour(self):
        recent = visit(visit(b"", 1, 1, "US", NOW), (1 << 64) - 1, 2, "DE", NOW + 1)
        assert visit(recent, (1 << 64) - 1, 2, "DE", NOW + RESOLUTION) is recent
        both = visit(visit(b"", (1 << 64) - 1, 1, "US", NOW), 2, 2, "DE", NOW + 1)
        assert visit(both, 2, 2, "DE", NOW + RESOLUTION) is both

    def test_countries_are_told_apart_by_both_letters(self):
        recent = visit(visit(visit(b"", 1, 1, "US", NOW), 2, 1, "UA", NOW), 3, 1, "DE", NOW)
        assert tuple(recent[:3]) == (3, 1, 3)

    def test_a_visit_is_written_again_after_half_an_hour_and_not_before(self):
        recent = visit(b"", 1, 1, "US", NOW)
        assert visit(recent, 1, 1, "US", NOW + RESOLUTION - 1) is recent
        assert visits(visit(recent, 1, 1, "US", NOW + RESOLUTION)) == [(1, int(NOW + RESOLUTION))]

    def test_a_visit_is_forgotten_after_a_day(self):
        recent = visit(b"", 1, 1, "US", NOW)
        assert visit(recent, 2, 2, "DE", NOW + DAY)[:3] == bytes((2, 2, 2))
        assert visit(recent, 2, 2, "DE", NOW + DAY + 1)[:3] == bytes((1, 1, 1))
        both = visit(recent, 2, 2, "DE", NOW + HOUR)
        assert visit(both, 2, 2, "DE", NOW + DAY)[:3] == bytes((2, 2, 2))
        assert visit(both, 2, 2, "DE", NOW + DAY + 1)[:3] == bytes((1, 1, 1))

    def test_sixteen_visits_are_kept(self):
        recent = b""
        for host in range(1, 20):
            recent = visit(recent, host, host, "US", NOW)
        assert [host for host, _ in visited(recent)] == list(range(19, 3, -1))
        assert recent[:3] == bytes((16, 16, 1))

    def test_an_address_of_64_bits_and_a_clock_before_1970_are_kept(self):
        recent = visit(b"", (1 << 64) - 1, (1 << 32) - 1, "ZZ", -5.0)
        assert visited(recent) == [((1 << 64) - 1, (1 << 32) - 1)]
        assert visits(recent) == [((1 << 64) - 1, 0)]


class TestDensityExactly:
    """Counts by hand, at the edges of what is kept."""

    def test_odds_are_those_of_the_formula(self):
        density = Density(30 * DAY, 1000, strength=5.0)
        density.learn_all([7], bad=True, now=NOW)
        density.learn_all([7], bad=False, now=NOW)
        density.learn_all([8], bad=False, now=NOW)
        rate = 2.0 / (2.0 + 21.0)
        assert density.population == (2.0, 21.0, NOW)
        assert density.get(7) == (1.0, 1.0, NOW)
        at_key = (1 + 5 * rate) / (1 + 5 * (1 - rate))
        assert density.odds(7, NOW) == pytest.approx(math.log(at_key) - math.log(rate / (1 - rate)))

    def test_what_was_learnt_at_a_time_to_come_fades_from_now_on(self):
        density = Density(30 * DAY, 1000)
        density.learn_all([7], bad=True, now=NOW + 365 * DAY)
        density.odds(7, NOW)
        assert density.get(7) == (1.0, 0.0, NOW)
        density.odds(7, NOW + 30 * DAY)
        assert density.get(7) == (1.0, 0.0, NOW)

    def test_counts_fade_by_half_in_a_half_life_and_the_population_never_below_its_prior(self):
        density = Density(30 * DAY, 1000)
        for _ in range(4):
            density.learn_all([7], bad=True, now=NOW)
        density.learn_all([7], bad=True, now=NOW + 30 * DAY)
        assert density.get(7) == (3.0, 0.0, NOW + 30 * DAY)
        assert density.population == (3.5, 19.0, NOW + 30 * DAY)
        density.learn_all([7], bad=False, now=NOW)
        assert density.get(7)[0] == 3.0

    def test_a_full_table_forgets_the_least_informed_half_for_a_new_key_alone(self):
        density = Density(30 * DAY, 10)
        for key in range(10):
            for _ in range(key + 1):
                density.learn_all([key], bad=False, now=NOW)
        density.dirty.follow()
        density.learn_all([3], bad=True, now=NOW)
        assert len(density) == 10
        assert density.dirty.take() == {3}
        density.learn_all([99], bad=True, now=NOW)
        assert sorted(density.keys()) == [5, 6, 7, 8, 9, 99]
        assert density.dirty.take() == {*range(10), 99}
