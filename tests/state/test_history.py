"""Sliding windows and learnt densities: right counts, bounded memory, any clock."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_engine import DAY, HOUR, NOW, ask, check, points, push, tenant

from reputation.state.history import RESOLUTION, Density, FanIn, name_of, visit, visited, visits

WINDOW = DAY
# (seconds since the last sighting, key, member)
sightings = st.lists(
    st.tuples(st.floats(0, DAY / 3), st.integers(0, 2), st.sampled_from("abcdefgh")), min_size=1, max_size=60
)


@settings(max_examples=200)
@given(sightings)
def test_members_are_counted_as_a_list_of_all_sightings_would(seen):
    """Exact to RESOLUTION while there are fewer than the most a key can hold."""
    fan_in, last, now = FanIn(WINDOW, 1000), {}, NOW
    for later, key, member in seen:
        now += later
        count = fan_in.see(key, name_of(member), now)
        last[key, member] = now
        ages = [now - at for (met, _), at in last.items() if met == key]
        surely = sum(age <= WINDOW - RESOLUTION for age in ages)
        perhaps = sum(age <= WINDOW + RESOLUTION for age in ages)
        assert surely <= count <= perhaps


def test_the_size_counts_keys_of_one_member_and_of_several_in_both_generations():
    fan_in = FanIn(WINDOW, 1000)
    fan_in.see(1, name_of("a"), NOW)
    for key in (2, 3):
        for member in "ab":
            fan_in.see(key, name_of(member), NOW)
    assert len(fan_in) == 3
    for member in "ab":
        fan_in.see(4, name_of(member), NOW + WINDOW)
    assert len(fan_in) >= 4


def test_a_crowded_key_stays_at_the_most_and_thins_out_again():
    """Newcomers of a full key are taken up at most once a RESOLUTION, so that a crowd costs nothing."""
    fan_in = FanIn(WINDOW, 1000, 16)
    for n in range(200):
        count = fan_in.see(1, name_of(f"account {n}"), NOW + n)
        assert count == min(n + 1, 16)
    assert fan_in.see(1, name_of("late"), NOW + 2 * DAY) == 1


@given(sightings, st.lists(st.floats(-10 * DAY, 10 * DAY), max_size=60))
def test_a_jumping_clock_never_counts_somebody_twice(seen, jumps):
    fan_in, now, met = FanIn(WINDOW, 1000), NOW, set()
    for (_, key, member), jump in zip(seen, jumps, strict=False):
        now = max(now + jump, 0.0)
        met.add((key, member))
        assert 1 <= fan_in.see(key, name_of(member), now) <= sum(k == key for k, _ in met)


def test_a_member_whose_name_crosses_the_edges_of_records_is_not_found_by_mistake():
    """Eight bytes that stand at no record's beginning are somebody else's."""
    fan_in = FanIn(WINDOW, 1000)
    fan_in.see(1, b"ABCDEFGH", 0.0)
    fan_in.see(1, b"IJKLMNOP", 0.0)
    inside = b"EFGH\0\0\0\0"  # the end of the first name and its time
    assert fan_in.see(1, inside, 0.0) == 3


def test_a_flood_of_keys_is_bounded_and_counted():
    """The flood shortens the window; those who are seen all the time stay counted."""
    fan_in = FanIn(WINDOW, 1000)
    for i in range(10_000):
        fan_in.see(10 + i, name_of("flood"), NOW)
        if i % 100 == 0:
            fan_in.see(1, name_of("a"), NOW)
            assert fan_in.see(1, name_of("b"), NOW) == 2
    assert len(fan_in) <= 1000
    assert fan_in.shortened > 0


@settings(max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("abcd"), st.floats(0, 2 * DAY)), max_size=30))
def test_what_is_remembered_out_of_order_counts_as_if_it_had_been_seen(past):
    """Sightings that outlived a restart come account by account, not in the order of their time."""
    fan_in, last = FanIn(WINDOW, 1000), {}
    for key, member, ago in past:
        fan_in.remember(key, name_of(member), NOW - ago, NOW)
        if ago < WINDOW:
            last.setdefault((key, member), NOW - ago)
    for key in range(3):
        met = {member for met, member in last if met == key}
        assert fan_in.see(key, name_of("new"), NOW) == len(met) + 1


def test_a_flood_of_members_is_bounded():
    fan_in = FanIn(WINDOW, 1000, 64)
    assert max(fan_in.see(1, name_of(str(i)), NOW + i) for i in range(1000)) == 64


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
        density.touched.follow()
        density.learn_all([3], bad=True, now=NOW)
        assert len(density) == 10
        assert density.touched.take() == {3}
        density.learn_all([99], bad=True, now=NOW)
        assert sorted(density.keys()) == [5, 6, 7, 8, 9, 99]
        assert density.touched.take() == {*range(10), 99}


class TestFanInExactly:
    """The edges of the window and of what a key holds."""

    def test_windows_are_exact_to_half_an_hour(self):
        assert RESOLUTION == HOUR / 2

    def test_nothing_was_forgotten_at_the_beginning(self):
        fan_in = FanIn(WINDOW, 1000)
        fan_in.see(1, name_of("a"), NOW)
        fan_in.see(1, name_of("b"), NOW)
        assert fan_in.shortened == 0

    def test_keys_of_several_members_are_in_two_generations_each_a_quarter_of_all(self):
        """The last of a generation stands in both."""
        fan_in, sizes = FanIn(WINDOW, 40), {}
        for key in range(19):
            for member in "ab":
                fan_in.see(key, name_of(member), NOW)
            sizes[key] = (len(fan_in), fan_in.shortened)
        assert {key: sizes[key] for key in (8, 9, 17, 18)} == {8: (9, 0), 9: (11, 1), 17: (19, 1), 18: (11, 2)}

    def test_who_was_seen_a_window_ago_counts_no_more(self):
        for later, count in ((WINDOW - 1, 2), (WINDOW, 1)):
            fan_in = FanIn(WINDOW, 1000)
            fan_in.see(1, name_of("a"), NOW)
            assert fan_in.see(1, name_of("b"), NOW + later) == count

    def test_among_several_too(self):
        for later, count in ((WINDOW, 3), (WINDOW + 1, 1)):
            fan_in = FanIn(WINDOW, 1000)
            fan_in.see(1, name_of("a"), NOW)
            fan_in.see(1, name_of("b"), NOW)
            assert fan_in.see(1, name_of("c"), NOW + later) == count

    def test_a_member_is_written_again_after_half_an_hour(self):
        fan_in = FanIn(WINDOW, 1000)
        for name in "abc":
            fan_in.see(1, name_of(name), NOW)
        fan_in.see(1, name_of("a"), NOW + RESOLUTION - 1)
        fan_in.see(1, name_of("c"), NOW + RESOLUTION - 1)
        fan_in.see(1, name_of("b"), NOW + RESOLUTION)
        assert fan_in.see(1, name_of("d"), NOW + WINDOW + 1) == 2

    def test_an_only_member_is_written_again_after_half_an_hour(self):
        for later, count in ((RESOLUTION - 1, 1), (RESOLUTION, 2)):
            fan_in = FanIn(WINDOW, 1000)
            fan_in.see(1, name_of("a"), NOW)
            fan_in.see(1, name_of("a"), NOW + later)
            assert fan_in.see(1, name_of("b"), NOW + WINDOW) == count

    def test_a_full_key_takes_a_newcomer_up_half_an_hour_after_the_last(self):
        fan_in = FanIn(WINDOW, 1000, 3)
        for name in "abc":
            fan_in.see(1, name_of(name), NOW)
        assert fan_in.see(1, name_of("d"), NOW + RESOLUTION - 1) == 3
        assert fan_in.see(1, name_of("d"), NOW + RESOLUTION) == 3
        assert fan_in.see(1, name_of("a"), NOW + RESOLUTION + 1) == 3

    def test_a_key_holds_sixty_four_members_unless_told_otherwise(self):
        fan_in = FanIn(WINDOW, 1000)
        assert max(fan_in.see(1, name_of(str(i)), NOW + i) for i in range(100)) == 64

    def test_a_clock_set_back_by_more_than_half_an_hour_begins_anew(self):
        """Both those that one member had and those that several had: none is held for times to come."""
        for back, count in ((RESOLUTION, 3), (RESOLUTION + 1, 1)):
            fan_in = FanIn(WINDOW, 1000)
            fan_in.see(1, name_of("a"), NOW)
            fan_in.see(2, name_of("a"), NOW)
            fan_in.see(2, name_of("b"), NOW)
            before = fan_in.shortened
            assert fan_in.see(2, name_of("c"), NOW - back) == count
            assert fan_in.see(1, name_of("b"), NOW - back) == min(count, 2)
            assert fan_in.shortened - before == (count == 1)
            assert len(fan_in) == 2

    def test_a_sighting_of_a_window_ago_or_before_1970_is_not_remembered(self):
        fan_in = FanIn(WINDOW, 1000)
        fan_in.remember(1, name_of("a"), NOW - WINDOW, NOW)
        fan_in.remember(1, name_of("b"), -1.0, 5.0)
        fan_in.remember(1, name_of("c"), NOW - WINDOW + 1, NOW)
        assert fan_in.see(1, name_of("d"), NOW) == 2

    def test_what_is_remembered_keeps_its_place_in_time(self):
        fan_in = FanIn(WINDOW, 1000, 4)
        for name, ago in (("a", 3), ("b", 1), ("c", 2)):
            fan_in.remember(1, name_of(name), NOW - ago * HOUR, NOW)
        assert fan_in.see(1, name_of("d"), NOW + WINDOW - 2.5 * HOUR) == 3
        fan_in.remember(1, name_of("e"), NOW, NOW)
        fan_in.remember(1, name_of("f"), NOW, NOW)
        assert fan_in.see(1, name_of("g"), NOW + WINDOW - 2.5 * HOUR + 1) == 4
