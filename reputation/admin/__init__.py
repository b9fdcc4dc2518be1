"""The admin API: facts, outcomes, tenants, clusters, decisions and metrics, and the webhooks."""
