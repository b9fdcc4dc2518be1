"""The alert rules fire on the series that a real sidecar writes, and only then: promtool judges."""

import re
import subprocess

import pytest
import yaml

from tools.rooms import ROOT

pytestmark = pytest.mark.gateway

RULES = ROOT / "deploy" / "prometheus" / "headcount.rules.yaml"
SCRAPED = 'job="headcount",instance="a:8471"'
MINUTES = 60

# alert: metric, part of the labels of its series, values while all is well, values that raise it (60 minutes)
CASES = {
    "HeadcountDegraded": ("headcount_degraded", "", "0x60", "1x60"),
    "HeadcountLinksOld": ("headcount_links_age_seconds", "", "20x60", "20+60x60"),
    "HeadcountTrialStopped": ("headcount_events_total", 'event="trial.stopped"', "0x60", "0x54 1x6"),
    "HeadcountLargeCluster": ("headcount_largest_cluster", "", "90x60", "261x60"),
    "HeadcountCallerRefused": ("headcount_unauthenticated_total", "", "0x60", "0+5x60"),
    "HeadcountMemoryFull": ("headcount_memory_full", "", "0x60", "1x60"),
    "HeadcountLinkerFull": ("headcount_linker_left_out", "", "7x60", "0+5x60"),
    "HeadcountReloadFailed": ("headcount_reload_failures_total", "", "0x60", "0x54 1x6"),
    "HeadcountNoticesWaiting": ("headcount_notices_waiting", "", "0x60", "40x60"),
}


def series(metrics, metric, labels):
    """One series as the sidecar writes it, with the labels that Prometheus adds."""
    for line in metrics.splitlines():
        name, _, rest = line.partition(" ")
        plain, _, inner = name.partition("{")
        if plain == metric and labels in inner and rest:
            return f"{metric}{{{SCRAPED}{',' if inner else ''}{inner.rstrip('}')}}}"
    raise AssertionError(f"a sidecar writes no {metric} with {labels}")


def fires(tmp_path, alert, *written):
    """Whether promtool sees the alert at the end."""
    test = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in written],
                "alert_rule_test": [{"eval_time": f"{MINUTES}m", "alertname": alert, "exp_alerts": []}],
            }
        ],
    }
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(test))
    done = subprocess.run(["promtool", "test", "rules", path], capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert done.returncode == 0 or f'alertname="{alert}"' in said, said
    return done.returncode != 0


def test_the_rules_are_valid_and_every_alert_has_a_case():
    subprocess.run(["promtool", "check", "rules", RULES], check=True, capture_output=True, timeout=60)
    alerts = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    assert alerts == set(CASES) | {"HeadcountManyStopped", "HeadcountSlow"}


@pytest.mark.parametrize("alert", CASES)
def test_an_alert_is_silent_while_all_is_well_and_fires_when_it_is_not(tmp_path, metrics, alert):
    metric, labels, well, ill = CASES[alert]
    name = series(metrics, metric, labels)
    assert not fires(tmp_path, alert, (name, well))
    assert fires(tmp_path, alert, (name, ill))


def test_many_stopped_goes_by_the_share_of_one_tenant(tmp_path, metrics):
    allow = series(metrics, "headcount_checks_total", 'decision="allow"')
    deny = allow.replace('decision="allow"', 'decision="deny"')
    assert not fires(tmp_path, "HeadcountManyStopped", (allow, "0+100x60"), (deny, "0+10x60"))
    assert fires(tmp_path, "HeadcountManyStopped", (allow, "0+100x60"), (deny, "0+100x60"))


def test_slow_goes_by_the_99th_percentile(tmp_path, metrics):
    bounds = re.findall(r'headcount_check_seconds_bucket\{le="([^"]+)"', metrics)

    def buckets(slow):
        """So many of a hundred checks a minute take up to 25 ms, the others up to 50 µs."""
        for bound in bounds:
            name = series(metrics, "headcount_check_seconds_bucket", f'le="{bound}"')
            value = float(bound.replace("+Inf", "inf"))
            yield name, f"0+{0 if value < 5e-5 else 100 - slow if value < 0.025 else 100}x60"

    assert not fires(tmp_path, "HeadcountSlow", *buckets(0))
    assert fires(tmp_path, "HeadcountSlow", *buckets(5))
