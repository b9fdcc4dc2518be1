"""The populations that may stand beside the ordinary classes, one row each."""

from collections.abc import Callable, Sequence

import msgspec
import numpy as np

from benchmarks.hydra import behind, comebacks, customers, households, lookalikes, rewritten, talks, together
from benchmarks.hydra.ground import Ground
from benchmarks.hydra.model import Made, Population

Rng = np.random.Generator


class Row(msgspec.Struct, frozen=True):
    share: float
    make: Callable[[Ground, Rng, int], Made]


LOOKALIKES: dict[str, Row] = {
    "remote_company": Row(0.037, lookalikes.remote_company),
    "charity": Row(0.033, lookalikes.charity),
    "course": Row(0.067, lookalikes.course),
    "verified_course": Row(0.067, lookalikes.verified_course),
    "accelerator": Row(0.02, lookalikes.accelerator),
    "freelancer": Row(0.0083, lookalikes.freelancer),
    "front_page": Row(0.1, lookalikes.front_page),
    "rare_client": Row(0.01, lookalikes.rare_client),
    "arrears": Row(0.167, lookalikes.arrears),
    "sdk_servers": Row(0.06, lookalikes.sdk_servers),
    "mislabelled_office": Row(0.038, lookalikes.mislabelled_office),
    "mislabelled_room": Row(0.013, lookalikes.mislabelled_room),
    "cron": Row(0.05, together.cron),
    "remote_course": Row(0.04, together.remote_course),
    "shift": Row(0.03, together.shift),
    "outage": Row(0.05, together.outage),
    "followers": Row(0.03, together.followers),
    "night_shift": Row(0.03, together.night_shift),
    "appliance": Row(0.03, together.appliance),
    "antivirus": Row(0.08, rewritten.antivirus),
    "inspected": Row(0.04, rewritten.inspected),
    "hack_days": Row(0.06, behind.hack_days),
    "call_centre": Row(0.09, behind.call_centre),
    "school_district": Row(0.2, behind.school_district),
    "government": Row(0.08, behind.government),
    "airline": Row(0.03, behind.airline),
    "satellite": Row(0.04, behind.satellite),
    "country_app": Row(0.1, behind.country_app),
    "reseller": Row(0.04, customers.reseller),
    "labelling": Row(0.05, customers.labelling),
    "repositories": Row(0.067, customers.repositories),
    "night_batch": Row(0.04, customers.night_batch),
    "migration": Row(0.05, customers.migration),
    "family_plan": Row(0.067, households.family_plan),
    "template": Row(0.083, households.template),
    "privacy": Row(0.04, households.privacy),
    "gift_cards": Row(0.033, households.gift_cards),
    "forks": Row(0.03, talks.forks),
    "support_desk": Row(0.03, talks.support_desk),
    "shared_prompts": Row(0.033, talks.shared_prompts),
    "relief_team": Row(0.027, comebacks.relief_team),
    "comeback": Row(0.05, comebacks.comeback),
}
"""Beside the other classes; shares of their number, so that 3,000 of them have one group of each size beside them."""


def beside(ground: Ground, seed: int, count: int, names: Sequence[str]) -> Population:
    """The named populations next to `count` other honest accounts, each with random numbers of its own."""
    made = Population()
    for number, (name, row) in enumerate(LOOKALIKES.items()):
        rng = np.random.default_rng([seed, 4, number])
        for owner, senders in row.make(ground, rng, round(row.share * count) if name in names else 0):
            made.add(owner, *senders)
    return made
