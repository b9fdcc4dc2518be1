"""Whatever an account, an address and their past can be, for properties of the whole engine."""

from hypothesis import strategies as st
from small_engine import DAY, NOW, PLACES

from reputation.signals.signal import BUILT_IN

OUTCOMES = ("chargeback", "declined", "abuse", "good", "challenge_passed", "challenge_failed")
HOSTS = tuple(network.split(".0.0/")[0] for network in PLACES if "." in network)

weights = st.dictionaries(st.sampled_from(BUILT_IN), st.floats(0, 5))
ages = st.one_of(st.floats(-DAY, 500 * DAY), st.sampled_from([0.0, 14 * DAY, 30 * DAY, 400 * DAY]))
payments = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["none", "ok", "failed", "disputed"]),
        "fingerprint": st.sampled_from(["fp_1", "fp_2"]),
        "funding": st.sampled_from(["credit", "debit", "prepaid", "unknown"]),
        "iin": st.just("411111"),
        "issuer_country": st.sampled_from(["US", "de", "BR"]),
        "settled_usd": st.floats(0, 1e6),
        "declines_30d": st.integers(0, 50),
        "disputes": st.integers(0, 9),
    },
)
facts = st.fixed_dictionaries(
    {},
    optional={
        "created_at": ages.map(lambda age: NOW - age),
        "plan": st.sampled_from(["free", "paid", "gold"]),
        "verified": st.lists(st.sampled_from(["email", "phone", "identity"]), max_size=4),
        "organisation": st.fixed_dictionaries({"id": st.just("corp.example"), "verified": st.booleans()}),
        "payment": payments,
    },
)
hosts = st.one_of(
    st.builds("{}.{}.{}".format, st.sampled_from(HOSTS), st.integers(0, 3), st.integers(0, 9)),
    st.builds("2a01:100::{}:1".format, st.integers(0, 9)),
    st.sampled_from(["10.0.0.1", "nonsense"]),
)
names = st.sampled_from(["a", "b", "c", "d"])
# one step of a past: (seconds since the last one, what happened)
steps = st.tuples(
    st.floats(0, 3 * DAY),
    st.one_of(
        st.tuples(st.just("check"), names, hosts, facts),
        st.tuples(st.just("push"), names, facts),
        st.tuples(st.just("outcome"), names, st.sampled_from(OUTCOMES)),
        st.tuples(st.just("crowd"), hosts, st.integers(1, 30)),
    ),
)
pasts = st.lists(steps, max_size=12)
