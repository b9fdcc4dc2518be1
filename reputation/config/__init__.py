"""The configuration: the file, its faults, tenants, plans and presets."""
