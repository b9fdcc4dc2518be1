"""Charges ahead of use: leases that gateways crash with, lag with and replay, and holds that settle once."""

from hypothesis import given
from hypothesis import strategies as st

from reputation.limits.bucket import Bucket, Limit, full, settled
from reputation.limits.reservations import Reserve, ReservedCharges, Settlement
from reputation.limits.take import Ask, Charge, lease_size, take

NOW = 1_790_812_800.0
TTL, GRACE = 5.0, 5.0


def draw_of(*buckets):
    return [Charge("burst", "account", ("own", str(i), "burst"), bucket) for i, bucket in enumerate(buckets)]


def leased(buckets, reserved, id_="l", want=1000, share=0.25, now=NOW):
    reserve = Reserve(id_, now + TTL + GRACE)
    return take(Ask([draw_of(*buckets)], 1.0, want, share, reserve), reserved, now)


def held(bucket, reserved, id_="h", cost=10.0, now=NOW):
    return take(Ask([draw_of(bucket)], cost, reserve=Reserve(id_, now + 600.0)), reserved, now)


@given(st.floats(0, 1e6), st.floats(0, 1), st.integers(1, 1000))
def test_a_lease_is_never_more_than_the_tightest_bucket_holds(least, share, want):
    size = lease_size(least, share, want)
    assert 0 <= size <= min(least, want)
    assert size >= 1 or least < 1.0


def test_leases_are_large_far_from_the_limit_and_1_near_it():
    reserved, bucket = ReservedCharges(), full(Limit(1e-9, 100.0), NOW)
    sizes = []
    while (taken := leased([bucket], reserved, str(len(sizes)))).wait == 0.0:
        sizes.append(taken.granted)
    assert sizes[0] == 24
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-2:] == [1, 0] or sizes[-1] == 1
    assert sum(sizes) + len(sizes) == 100


@given(st.lists(st.floats(1, 1e4), min_size=1, max_size=4), st.integers(0, 500))
def test_every_bucket_pays_for_the_lease_and_gets_back_what_was_not_used(bursts, used):
    reserved = ReservedCharges()
    buckets = [full(Limit(1e-9, burst), NOW) for burst in bursts]
    taken = leased(buckets, reserved)
    assert [settled(b, NOW) for b in buckets] == [b.limit.burst - 1.0 - taken.granted for b in buckets]
    assert [state.remaining for state in taken.states] == [burst - 1.0 for burst in bursts]
    if taken.granted:
        assert reserved.leases.settle("l", used, NOW, debt=False) == min(used, taken.granted)
        assert [settled(b, NOW) for b in buckets] == [
            b.limit.burst - 1.0 - taken.granted + (taken.granted - min(used, taken.granted)) for b in buckets
        ]


def test_a_lease_is_settled_once_and_only_until_its_grace_ends():
    """A replayed report gives nothing back, and neither does a late or an invented one."""
    reserved, bucket = ReservedCharges(), full(Limit(1e-9, 100.0), NOW)
    assert leased([bucket], reserved).granted == 24
    settle = reserved.leases.settle
    assert settle("l", 4, NOW, debt=False) == 4
    left = settled(bucket, NOW)
    assert settle("l", 0, NOW, debt=False) == 4
    assert settle("made up", 0, NOW, debt=False) is None
    leased([bucket], reserved, "late")
    assert settle("late", 0, NOW + TTL + GRACE + 1e-3, debt=False) is None
    assert settled(bucket, NOW) < left


def test_what_comes_back_never_lifts_a_bucket_above_its_burst():
    """Tokens that were out on a lease do not earn on top of a bucket that filled up meanwhile."""
    reserved, bucket = ReservedCharges(), full(Limit(10.0, 100.0), NOW)
    leased([bucket], reserved)
    reserved.leases.settle("l", 0, NOW + 9.0, debt=False)
    assert settled(bucket, NOW + 9.0) == 100.0


def test_settlements_of_an_ask_come_before_its_own_take():
    reserved, bucket = ReservedCharges(), full(Limit(1e-9, 10.0), NOW)
    taken = leased([bucket], reserved, share=1.0)
    assert taken.granted == 9
    again = Ask([draw_of(bucket)], 5.0, settlements=(Settlement("l", 2.0),))
    assert take(again, reserved, NOW).wait == 0.0
    assert settled(bucket, NOW) == 2.0


def test_a_denied_take_leases_and_reserves_nothing():
    reserved, bucket = ReservedCharges(), Bucket(0.5, NOW, Limit(1.0, 10.0))
    assert leased([bucket], reserved).granted == 0
    assert held(bucket, reserved, cost=2.0).wait > 0.0
    assert len(reserved.leases) == len(reserved.holds) == 0


def test_a_hold_is_settled_once_and_asked_again_answers_the_same():
    reserved, bucket = ReservedCharges(), full(Limit(1e-9, 100.0), NOW)
    held(bucket, reserved, cost=40.0)
    assert reserved.holds.settle("h", 15.0, NOW, debt=True) == 15.0
    assert reserved.holds.settle("h", 90.0, NOW, debt=True) == 15.0
    assert settled(bucket, NOW) == 85.0


def test_a_hold_that_cost_more_than_its_estimate_goes_into_debt():
    """Nothing passes until the debt is worked off; that is one hold's overrun, because no hold starts in debt."""
    reserved, bucket = ReservedCharges(), full(Limit(10.0, 100.0), NOW)
    held(bucket, reserved, cost=40.0)
    reserved.holds.settle("h", 300.0, NOW, debt=True)
    assert settled(bucket, NOW) == -200.0
    assert held(bucket, reserved, "h2", cost=10.0).wait == 21.0


def test_a_forgotten_hold_stays_charged_as_it_was_estimated():
    reserved, bucket = ReservedCharges(), full(Limit(1e-9, 100.0), NOW)
    held(bucket, reserved, cost=40.0)
    assert reserved.holds.settle("h", 1.0, NOW + 601.0, debt=True) is None
    assert reserved.holds.has_room(NOW + 601.0)
    assert (len(reserved.holds), reserved.holds.expired) == (0, 1)
    assert 60.0 <= settled(bucket, NOW + 601.0) < 60.1


def test_full_of_open_reservations_a_lease_is_not_granted_and_a_hold_is_charged():
    """Whatever is sent, memory is bounded, and the limit holds."""
    reserved, bucket = ReservedCharges(most=2), full(Limit(1e-9, 1000.0), NOW)
    granted = [leased([bucket], reserved, f"l{i}", want=10).granted for i in range(3)]
    assert granted == [10, 10, 0]
    assert settled(bucket, NOW) == 1000.0 - 3 - 20
    for i in range(3):
        assert held(bucket, reserved, f"h{i}").wait == 0.0
    assert reserved.holds.settle("h2", 0.0, NOW, debt=True) is None
    assert settled(bucket, NOW) == 1000.0 - 23 - 30
    assert (reserved.leases.refused, reserved.holds.refused) == (1, 1)


def test_settled_reservations_make_room_and_expired_ones_too():
    reserved, bucket = ReservedCharges(most=2), full(Limit(1.0, 1000.0), NOW)
    for i in range(2):
        held(bucket, reserved, f"h{i}")
    reserved.holds.settle("h0", 1.0, NOW, debt=True)
    held(bucket, reserved, "h2")
    assert reserved.holds.refused == 0
    held(bucket, reserved, "h3", now=NOW + 601.0)
    assert (len(reserved.holds), reserved.holds.refused, reserved.holds.expired) == (1, 0, 2)


def test_short_leases_behind_a_long_one_make_room_when_they_are_over():
    reserved, bucket = ReservedCharges(most=3), full(Limit(1.0, 1000.0), NOW)
    for id_, ttl in (("long", 60.0), ("short", 5.0), ("settled", 60.0)):
        take(Ask([draw_of(bucket)], 1.0, 10, 0.25, Reserve(id_, NOW + ttl + GRACE)), reserved, NOW)
    reserved.leases.settle("settled", 1.0, NOW, debt=False)
    assert leased([bucket], reserved, "new", now=NOW + 16).granted
    assert (len(reserved.leases), reserved.leases.expired, reserved.leases.refused) == (2, 1, 0)
    assert reserved.leases.settle("long", 0.0, NOW + 16, debt=False) == 0.0


class Gateway:
    """One gateway as it behaves in the wild: it may lose what it knows, report late, or report twice."""

    def __init__(self, name):
        self.name, self.serial = name, 0
        self.lease, self.granted, self.left, self.until = None, 0, 0, 0.0
        self.reports, self.sent = [], []

    def close(self):
        if self.lease is not None:
            self.reports.append((self.lease, self.granted - self.left))
        self.lease, self.left = None, 0

    def serve(self, sidecar, now, *, late):
        """Say whether one request passes: on the lease, or by a check that brings the reports and a new lease."""
        if self.left and now < self.until:
            self.left -= 1
            return True
        self.close()
        reports = [] if late else self.reports
        self.serial += 1
        taken = sidecar(f"{self.name}-{self.serial}", reports, now)
        if not late:
            self.sent, self.reports = self.sent + reports, []
        if taken.granted:
            self.lease, self.granted, self.left = f"{self.name}-{self.serial}", taken.granted, taken.granted
            self.until = now + TTL
        return taken.wait == 0.0

    def crash(self):
        self.__init__(f"{self.name}'")


steps = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.sampled_from(["serve"] * 12 + ["burst", "crash", "late", "replay", "forge"]),
        st.floats(0, 3),
    ),
    max_size=80,
)


@given(steps, st.floats(0.1, 20), st.integers(1, 60), st.floats(0, 1), st.integers(0, 50))
def test_gateways_that_crash_lag_and_replay_never_let_more_through_than_the_limit(steps, rate, burst, share, want):
    """At every moment the requests that passed are at most burst + rate times the time since the start."""
    reserved, bucket, now = ReservedCharges(), full(Limit(rate, float(burst)), NOW), NOW
    gateways, passed = [Gateway(f"g{i}") for i in range(4)], 0

    def sidecar(id_, reports, at):
        settlements = tuple(Settlement(lease, float(used)) for lease, used in reports)
        return take(Ask([draw_of(bucket)], 1.0, want, share, Reserve(id_, at + TTL + GRACE), settlements), reserved, at)

    for which, step, later in steps:
        gateway, now = gateways[which], now + later * (step != "burst")
        if step == "crash":
            gateway.crash()
        elif step == "replay":
            sidecar(f"{gateway.name}-r{now}", gateway.sent, now)
        elif step == "forge":
            sidecar(f"{gateway.name}-f{now}", [(lease, 0) for lease, _ in gateway.sent], now)
        else:
            for _ in range(burst if step == "burst" else 1):
                passed += gateway.serve(sidecar, now, late=step == "late")
        assert passed <= burst + rate * (now - NOW) + 1e-6


@given(steps, st.integers(4, 60))
def test_what_gateways_do_not_use_and_report_in_time_is_lost_to_nobody(steps, burst):
    """Once all have reported, what passed and what is left are together what there was."""
    reserved, bucket = ReservedCharges(), full(Limit(1e-9, float(burst)), NOW)
    gateways, passed = [Gateway(f"g{i}") for i in range(4)], 0

    def sidecar(id_, reports, at):
        settlements = tuple(Settlement(lease, float(used)) for lease, used in reports)
        return take(Ask([draw_of(bucket)], 1.0, 50, 0.25, Reserve(id_, at + TTL + GRACE), settlements), reserved, at)

    for which, _, _ in steps:
        passed += gateways[which].serve(sidecar, NOW, late=False)
    for gateway in gateways:
        gateway.close()
        for lease, used in gateway.reports:
            reserved.leases.settle(lease, used, NOW, debt=False)
    assert passed + settled(bucket, NOW) == burst
