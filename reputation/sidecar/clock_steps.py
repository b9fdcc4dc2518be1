"""Stored times follow a step of the machine's clock, so limits stay as without the step."""

from reputation.limits.bucket import move
from reputation.limits.reservations import ReservedCharges
from reputation.state.tenant import TenantState


def follow_step(state: TenantState, reserved: ReservedCharges, seconds: float) -> None:
    """Move a tenant's buckets, leases and holds; sleeping accounts follow at their decoding."""
    state.moved += seconds
    for rows in (state.registered, state.traffic, state.unconfirmed):
        for row in rows.values():
            move(row.burst, seconds)
            move(row.daily, seconds)
            row.since += seconds if row.since else 0.0
    for bucket in state.budgets.values():
        move(bucket, seconds)
    reserved.leases.move(seconds)
    reserved.holds.move(seconds)
