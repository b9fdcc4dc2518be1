"""The journey of docs/tuning.md, its own commands one by one, while load runs and no request fails."""

import json
import re
import shlex
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml
from commands import command
from sidecar_process import call, running_sidecar

from reputation.tuning.rollout import is_in_canary

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "tuning.md").read_text(encoding="utf-8")
SETTINGS = {"recording": {"others": 1.0}, "tenants": {"default": {"owner": "api"}}}
DAY = 86_400.0
PAYERS = tuple(f"payer-{i}" for i in range(5))
OTHERS = tuple(f"acct-{i}" for i in range(40))


def section(title):
    return PAGE.partition(f"\n## {title}")[2].partition("\n## ")[0]


def shell(text):
    """The commands of a section's code blocks, as lists of words."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [shlex.split(line, comments=True) for block in blocks for line in block.splitlines() if line]


class Load(threading.Thread):
    """Checks one after another until told to end; counts statuses, and the revisions that judged each account."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.statuses = Counter()
        self.revisions = {}
        self.over = threading.Event()
        self.turns = 0

    def run(self):
        names = PAYERS + OTHERS
        while not self.over.is_set() and self.turns < 20_000:
            name = names[self.turns % len(names)]
            answer = call(
                self.port, "POST", "/v1/check", {"account": {"id": name}}, {"Content-Type": "application/json"}
            )
            self.statuses[answer.status] += 1
            self.revisions[name] = answer.json.get("revision")
            self.turns += 1

    def let_everybody_ask(self):
        """Wait until every account asked at least once more."""
        goal = self.turns + 2 * len(PAYERS + OTHERS)
        deadline = time.monotonic() + 60
        while self.turns < goal:
            assert self.is_alive(), self.statuses
            assert time.monotonic() < deadline, "the load stands still"
            self.over.wait(0.02)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory):
    with running_sidecar(tmp_path_factory.mktemp("journey"), SETTINGS) as sidecar:
        for name in PAYERS:
            facts = {"created_at": time.time() - 15 * DAY, "payment": {"status": "ok", "settled_usd": 30.0}}
            assert sidecar.tell("PUT", f"/v1/accounts/{name}", facts).status == 204
        load = Load(sidecar.check)
        load.start()
        try:
            load.let_everybody_ask()
            yield sidecar, load
        finally:
            load.over.set()
            load.join(10)


def test_a_bad_draft_is_caught_and_a_good_one_goes_live_and_back(loaded):
    sidecar, load = loaded
    steps = shell(section("The journey: from a draft to every account"))
    said = []
    for words in steps:
        assert words[0] == "headcount"
        run = command(*words[1:], extra={"HEADCOUNT_ADMIN": sidecar.admin_listen})
        load.let_everybody_ask()
        said.append((words[2], run, dict(load.revisions)))
    assert [name for name, _, _ in said] == [
        "edit", "replay", "edit", "replay", "shadow", "promote", "promote", "rollback",
    ]  # fmt: skip
    _, bad, judged = said[1]
    assert bad.code == 3, "the bad draft"
    assert all(payer in bad.out for payer in PAYERS)
    assert set(judged.values()) == {1}
    assert said[3][1].code == 0, said[3][1].err
    assert "no paying account is tightened" in said[3][1].out
    assert set(said[4][2].values()) == {1}, "a shadow judges nobody"
    canary = said[5][2]
    assert canary == {name: 3 if is_in_canary(name, 3, 10) else 1 for name in canary}
    assert set(said[6][2].values()) == {3}
    assert set(said[7][2].values()) == {1}
    assert {name: run.code for name, run, _ in said if name != "replay"} == dict.fromkeys(
        ("edit", "shadow", "promote", "rollback"), 0
    )
    assert load.statuses.keys() == {200}, load.statuses
    assert sum(load.statuses.values()) > 500


def test_after_the_journey_a_replay_is_exact_again(loaded):
    """Accounts that the canary and revision 3 judged have been judged by the live revision since."""
    sidecar, load = loaded
    load.let_everybody_ask()
    run = command("weights", "replay", "3", "--json", extra={"HEADCOUNT_ADMIN": sidecar.admin_listen})
    found = json.loads(run.out)
    assert (run.code, found["differences"], found["checked"] > 100) == (0, 0, True)


def test_a_rollback_ends_a_trial_and_a_second_one_goes_back(loaded):
    sidecar, _ = loaded
    extra = {"HEADCOUNT_ADMIN": sidecar.admin_listen}

    def take(*words):
        run = command("weights", *words, "--reason", "ticket 413", extra=extra)
        found = sidecar.tell("GET", "/v1/tenants/default").json
        return run.code, run.out.strip(), found["revision"], found["candidate"]

    assert take("promote", "3")[2:] == (3, None)
    for trial in (("shadow", "2"), ("promote", "2", "--percent", "10", "--max-payers-tightened", "1000")):
        assert take(*trial)[2:] == (3, 2)
        code, said, *after = take("rollback")
        assert (code, after) == (0, [3, None])
        assert said == "the trial of revision 2 has ended; revision 3 judges every account as before"
    assert take("rollback") == (0, "revision 1 is live again", 1, None)
    assert take("rollback")[0] == 1, "there is nothing further back"


def test_each_step_of_it_is_in_the_audit_log(loaded):
    sidecar, _ = loaded
    run = command("audit", "export", extra={"HEADCOUNT_ADMIN": sidecar.admin_listen})
    lines = [json.loads(line) for line in run.out.splitlines()]
    steps = [line["what"] for line in lines if line["what"].startswith(("revision", "rollout"))]
    assert steps[:6] == [
        *("revision.create", "revision.create"),
        *("rollout.shadow", "rollout.promote", "rollout.promote", "rollout.rollback"),
    ]
    assert all(line["why"] for line in lines if line["what"].startswith(("revision", "rollout")))


class TestCases:
    """`weights test` on the page's own cases."""

    @pytest.fixture
    def files(self, tmp_path):
        cases = re.search(r"```yaml\n(.*?)```", section("Cases"), re.DOTALL)[1]
        (tmp_path / "cases.yaml").write_text(cases)
        (tmp_path / "draft.yaml").write_text("weights: {account: 1.5}\n")
        return tmp_path

    def test_pass_or_fail_by_the_exit_code(self, files):
        run = command("weights", "test", str(files / "draft.yaml"), str(files / "cases.yaml"))
        assert run.code == 0, run.out
        (files / "draft.yaml").write_text("{weights: {account: 0, payment: 0}}\n")
        run = command("weights", "test", str(files / "draft.yaml"), str(files / "cases.yaml"), "--json")
        assert run.code == 1
        wrong = {one["name"]: one["wrong"] for one in json.loads(run.out)}
        assert wrong["a prepaid card and two reports of abuse"] == ["at_best: limited"]

    @pytest.mark.parametrize(
        ("case", "said"),
        [
            ({"check": {}, "expect": {"teir": "standard"}}, "teir"),
            ({"expect": {}}, "each with `check`"),
            ({"check": {"account": {"id": 5}}}, "case 1"),
        ],
    )
    def test_what_cannot_be_a_case_is_said(self, files, case, said):
        (files / "cases.yaml").write_text(yaml.safe_dump([case]))
        run = command("weights", "test", str(files / "draft.yaml"), str(files / "cases.yaml"))
        assert (run.code, said in run.err) == (1, True)

    def test_a_draft_that_breaks_the_floor_of_payers_is_refused(self, files):
        (files / "draft.yaml").write_text("{prior: 2}\n")
        run = command("weights", "test", str(files / "draft.yaml"), str(files / "cases.yaml"))
        assert (run.code, "prior" in run.err) == (1, True)


def test_suggest_says_what_it_needs(loaded):
    sidecar, _ = loaded
    run = command("weights", "suggest", extra={"HEADCOUNT_ADMIN": sidecar.admin_listen})
    assert (run.code, "headcount label" in run.err) == (1, True)
