"""Settings of older files without effect today: accepted, ignored, and named in a warning."""

from collections.abc import Iterator, Mapping

from reputation.config.tenants import TenantSettings

NEIGHBOURHOODS = "neighbourhoods"


def retired(tenants: Mapping[str, TenantSettings]) -> Iterator[str]:
    """Describe each setting without effect, with the fix."""
    for name, tenant in tenants.items():
        linking, path = tenant.linking, f"tenants.{name}.linking"
        if linking.floor is not None:
            yield f"{path}.floor has no effect, because crowded neighbourhoods have no budgets any more; remove it"
        if NEIGHBOURHOODS in linking.without:
            yield f"{path}.without: {NEIGHBOURHOODS} has no effect, because they have no budgets any more; remove it"
