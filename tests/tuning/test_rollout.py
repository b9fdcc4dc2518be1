"""Steps of a rollout, and who a canary judges."""

import pytest

from reputation.tuning.rollout import Rollout, RolloutBody, is_in_canary, stepped
from reputation.wire.errors import Invalid


def walk(*steps, rollout=Rollout()):  # noqa: B008 - frozen
    for at, (step, *rest) in enumerate(steps):
        revision, percent = (*rest, None, None)[:2]
        rollout = stepped(rollout, RolloutBody(step, "r", revision, percent or 100.0), "ann", float(at))
    return rollout


def test_draft_shadow_canary_live_and_back():
    shadow = walk(("shadow", 2))
    assert (shadow.live, shadow.candidate, shadow.stage, shadow.percent) == (1, 2, "shadow", 0.0)
    canary = walk(("promote", 2, 10), rollout=shadow)
    assert (canary.live, canary.candidate, canary.stage, canary.percent) == (1, 2, "canary", 10.0)
    live = walk(("promote", 2), rollout=canary)
    assert (live.live, live.candidate, live.stage, live.past) == (2, None, "none", (1,))
    back = walk(("rollback",), rollout=live)
    assert (back.live, back.past, back.by) == (1, (), "ann")


def test_a_trial_can_be_stopped():
    assert walk(("shadow", 3), ("stop",)) == Rollout(by="ann", reason="r", at=1.0)


@pytest.mark.parametrize("trial", [("shadow", 3), ("promote", 3, 10)])
def test_a_rollback_ends_a_trial_and_leaves_what_is_live_and_a_second_one_goes_back(trial):
    first = walk(trial, ("rollback",))
    assert (first.live, first.candidate, first.stage, first.past) == (1, None, "none", ())
    rolled = walk(("promote", 2), trial, ("rollback",))
    assert (rolled.live, rolled.candidate, rolled.stage, rolled.past) == (2, None, "none", (1,))
    back = walk(("rollback",), rollout=rolled)
    assert (back.live, back.past) == (1, ())
    with pytest.raises(Invalid):
        walk(("rollback",), rollout=first)


def test_the_candidate_is_the_one_meant_where_none_is_named():
    assert walk(("shadow", 2), ("promote", None, 10)).candidate == 2


def test_what_was_live_before_is_kept_in_bounded_memory():
    assert len(walk(*(("promote", n) for n in range(2, 102))).past) == 50


@pytest.mark.parametrize("steps", [[("rollback",)], [("stop",)], [("shadow",)], [("shadow", 1)], [("promote", 1)]])
def test_steps_that_cannot_be_taken_are_refused(steps):
    with pytest.raises(Invalid):
        walk(*steps)


class TestWhoACanaryJudges:
    ACCOUNTS = tuple(f"acct-{i}" for i in range(20_000))

    @pytest.mark.parametrize("percent", [1, 10, 50, 99.5])
    def test_the_share_that_was_asked_for(self, percent):
        judged = sum(is_in_canary(account, 7, percent) for account in self.ACCOUNTS)
        assert judged / len(self.ACCOUNTS) * 100 == pytest.approx(percent, abs=1)

    def test_more_percent_keep_those_who_were_in(self):
        few = {a for a in self.ACCOUNTS if is_in_canary(a, 7, 5)}
        assert few <= {a for a in self.ACCOUNTS if is_in_canary(a, 7, 10)}

    def test_another_revision_tries_others(self):
        one, other = ({a for a in self.ACCOUNTS if is_in_canary(a, n, 10)} for n in (7, 8))
        assert len(one & other) < 0.2 * len(one)

    def test_any_name_has_its_place(self):
        assert is_in_canary("\ud800", 1, 100) is True
