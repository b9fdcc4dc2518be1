"""docs/security.md: its roles are those of the routes, and each control names a test that exists."""

import re

from reputation.admin.access import ROLES
from reputation.admin.application import ROUTES
from tools.rooms import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
START, END = "<!-- roles -->\n", "<!-- /roles -->"


def roles():
    """The table of roles, as the page has it."""
    rows = ["| role | routes of the admin listener |", "| --- | --- |"]
    for role in (None, *ROLES):
        routes = sorted(f"`{one.method} {one.path.replace(':.+', '')}`" for one in ROUTES if one.role == role)
        rows.append(f"| {role or 'anybody who reaches it'} | {', '.join(routes)} |")
    return "\n".join(rows) + "\n"


def test_the_roles_are_those_of_the_routes():
    between = PAGE.partition(START)[2].partition(END)[0]
    assert between == roles(), f"put this between the marks:\n{roles()}"


def test_each_control_names_a_test_that_exists():
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", PAGE)
    assert len(named) >= 20
    missing = [
        (path, test)
        for path, test in named
        if not (ROOT / path).is_file() or f"def {test}" not in (ROOT / path).read_text(encoding="utf-8")
    ]
    assert missing == []


def test_each_row_of_the_table_of_threats_is_whole():
    rows = PAGE.partition("## Threats and controls")[2].partition("\n## ")[0].strip().splitlines()[2:]
    assert all(len(row.strip("|").split(" | ")) == 4 and all(row.strip("|").split(" | ")) for row in rows)
