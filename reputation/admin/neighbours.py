"""Accounts behind the members of a window, which keeps hashes of their names: in slices, so that no check waits."""

import asyncio

from reputation.state.tenant import TenantState
from reputation.state.windows import FanIn, companions, name_of, number_of

AT_ONCE = 2000
"""Names or groups that are compared before other requests are served again: less than 1 ms.

The names of one table are listed at once, because they change meanwhile: some 20 ms for a million.
"""


async def names_of(state: TenantState, members: set[int]) -> list[str]:
    """Name the members of a window, in alphabetical order; those that state is no longer kept of are left out."""
    found: list[str] = []
    for table in state.tables() if members else ():
        await asyncio.sleep(0)
        names = list(table)
        for start in range(0, len(names), AT_ONCE):
            await asyncio.sleep(0)
            found += [name for name in names[start : start + AT_ONCE] if number_of(name) in members]
    return sorted(set(found))  # one may move to another table meanwhile


async def companions_of(state: TenantState, window: FanIn, account: str, now: float) -> list[str]:
    """Name the other accounts that were seen with the same card, device or address, by the window of it."""
    members: set[int] = set()
    groups, member, since = window.groups(), name_of(account), now - window.window
    for start in range(0, len(groups), AT_ONCE):
        await asyncio.sleep(0)
        members |= companions(groups[start : start + AT_ONCE], member, since)
    return await names_of(state, members)
