"""What fitted weights are worth on a world that they were not fitted to: `python -m benchmarks.weights_suggest`.

Weights are fitted to the labelled accounts of one simulated world and held against the preset's on another: the share
of what abusers ask that is `limited` or stricter, at as much of what honest accounts ask as with the preset.
"""

import argparse

import msgspec

from benchmarks.hydra.recorded import play
from benchmarks.hydra.world import Spec
from reputation.config.tenants import Tenant, TenantSettings
from reputation.recordings.columns import read_all
from reputation.recordings.evidence import Evidence, gather, rates, weighting_of
from reputation.recordings.fit import Suggestion, recall_at, suggest
from reputation.tuning.revisions import Revision, check_floor, compiled


class Comparison(msgspec.Struct, frozen=True):
    """On the other world: the preset's recall and false alarms, and the suggestion's recall at as many."""

    false_alarms: float
    preset: float
    suggested: float
    suggestion: Suggestion


def compare(spec: Spec, seed: int) -> Comparison:
    """Fit on a world, judge on the same world of another seed."""
    tenant, learn = _evidence(spec)
    suggestion = suggest(learn, tenant)
    _, judge = _evidence(msgspec.structs.replace(spec, seed=seed))
    draft = compiled("default", Revision(2, 1, "", "", 0.0, suggestion.settings), TenantSettings())
    check_floor(draft)
    preset, alarms = rates(judge, weighting_of(tenant, judge.families), tenant)
    suggested = recall_at(judge, weighting_of(draft, judge.families), draft, alarms)
    return Comparison(alarms, preset, suggested, suggestion)


def _evidence(spec: Spec) -> tuple[Tenant, Evidence]:
    recorded = play(spec)
    parts = list(read_all(packed.read() for packed in recorded.segments))
    return recorded.tenant, gather(parts, recorded.labels, recorded.tenant)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--levels", default="L0,L2,L3,L4")
    parser.add_argument("--honest", type=int, default=600)
    parser.add_argument("--heads", type=int, default=120)
    parser.add_argument("--days", type=int, default=4)
    options = parser.parse_args()
    for level in options.levels.split(","):
        found = compare(Spec(1, options.honest, options.heads, (level,), days=options.days), 2)
        fit = found.suggestion
        print(
            f"{level}: recall {found.preset:.3f} (preset) to {found.suggested:.3f} (suggested) at "
            f"{found.false_alarms:.4f} false alarms, another seed; by cross-validation {fit.before.recall:.3f} at "
            f"{fit.before.false_alarms:.4f} to {fit.after.recall:.3f} at {fit.after.false_alarms:.4f}; {fit.settings}"
        )


if __name__ == "__main__":
    main()
