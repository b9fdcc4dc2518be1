"""Programs to build data and pages; they are no part of the package."""
