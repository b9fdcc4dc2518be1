"""Pages: links lead somewhere, commands exist, measured figures name their command, tables match what they list."""

import re
import subprocess
import tomllib
from pathlib import Path

import msgspec
import pytest
import yaml

from reputation.admin.application import ROUTES
from reputation.checkapi.routes import CheckRoutes
from reputation.commands.cli import COMMANDS
from reputation.config.file import from_text
from reputation.config.tenants import TenantSettings
from reputation.linking.operator_rulings import NEEDS
from reputation.sidecar.build import build, open_addresses
from reputation.sidecar.embedded import EmbeddedChecks
from reputation.stores.memory import MemoryStore
from reputation.wire.codec import encode, read
from reputation.wire.ids import Ulids
from reputation.wire.messages import Request, wire_type

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
_TRACKED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT, check=True, capture_output=True, encoding="utf-8",
).stdout.splitlines()  # fmt: skip
FILES = [path for path in _TRACKED if (ROOT / path).exists()]
PAGES = [path for path in FILES if path.endswith(".md")]
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"`[^`]*\b(?:make|python|python3|headcount) [^`]*`|^(?:make|python|\S*headcount) ", re.MULTILINE)
NOW = 1_790_812_800.0


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The anchors that a page's headings get, as forges make them."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES)
def test_every_relative_link_leads_somewhere(page):
    for link in LINK.findall(text(page)):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (ROOT / page).parent / path if path else ROOT / page
        assert target.exists(), f"{page}: {link}"
        if anchor:
            assert anchor in anchors(target), f"{page}: {link}"


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_is_there(page):
    """A path from the root of the repository or from the page, and the name alone of a program or a configuration."""
    tops = "|".join(sorted({re.escape(path.partition("/")[0]) for path in FILES if "/" in path}))
    paths = re.findall(rf"(?<![\w./-])(?:\.\./)*(?:{tops})/[\w./-]+", text(page))
    missing = [path for path in paths if not is_there(page, path.rstrip("./"))]
    names = {Path(path).name for path in FILES}
    missing += [name for name in re.findall(r"`([\w-]+\.(?:py|lua|conf|js))`", text(page)) if name not in names]
    assert missing == []


def is_there(page: str, path: str) -> bool:
    places = [ROOT / path.replace("../", ""), (ROOT / page).parent / path]
    return any(place.exists() for place in places)


def test_every_command_in_the_readme_exists():
    named = set(re.findall(r"\bheadcount ([a-z]+)\b", re.sub(r"```json.*?```", "", README, flags=re.DOTALL)))
    assert named <= set(COMMANDS), named - set(COMMANDS)


def test_the_readme_names_every_command():
    assert all(f"`headcount {name}`" in README for name in COMMANDS)


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_that_a_page_names_exists(page):
    targets = set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", text(page), re.MULTILINE))
    assert named <= targets, f"{page}: {named - targets}"


@pytest.mark.parametrize("page", PAGES)
def test_every_figure_that_is_called_measured_names_its_command(page):
    """In its own paragraph: somebody who doubts a figure can take it again. Figures of others name their source."""
    for paragraph in text(page).split("\n\n"):
        if re.search(r"\bmeasured(\)|:| with\b| by\b| on\b| at\b)", paragraph, re.IGNORECASE):
            assert COMMAND.search(paragraph), f"{page}: {paragraph[:80]}"


def test_the_verdict_in_the_readme_is_what_the_engine_answers():
    """All but the id, for an account that is made at the moment of the check."""
    asked, shown = re.search(r"/v1/check -d '(.*?)'\n```.*?```json\n(.*?)```", README, re.DOTALL).groups()
    body = asked.replace("'$(date +%s)'", str(int(NOW))).encode()
    limiter = build(from_text(""), open_addresses(from_text(""), NOW))
    verdict = limiter.check(read(msgspec.json.Decoder(Request, dec_hook=wire_type), body), NOW, Ulids())
    answered, expected = msgspec.json.decode(encode(verdict)), msgspec.json.decode(shown)
    assert answered | {"id": ""} == expected | {"id": ""}


def test_the_configurations_in_the_pages_are_valid():
    for page in ("README.md", "docs/gateways.md"):
        for block in re.findall(r"```yaml\n(.*?)```", text(page), re.DOTALL):
            assert from_text(block).tenants


def test_every_gateway_with_a_page_is_in_the_readme_and_in_the_list_of_pages():
    for page in (ROOT / "plugins").glob("*/README.md"):
        link = f"plugins/{page.parent.name}/README.md"
        assert f"({link})" in README
        assert f"(../{link})" in text("docs/README.md")


def test_every_page_is_in_the_list_of_pages():
    listed = text("docs/README.md")
    assert not [page for page in (ROOT / "docs").glob("*.md") if f"({page.name})" not in listed + "(README.md)"]


def test_every_alert_leads_to_its_section_of_the_runbook():
    rules = yaml.safe_load(text("deploy/prometheus/headcount.rules.yaml"))["groups"][0]["rules"]
    sections = re.split(r"^## ", text("docs/runbook.md"), flags=re.MULTILINE)
    for rule in rules:
        page, _, anchor = rule["annotations"]["runbook"].partition("#")
        section = next(s for s in sections if s.partition("\n")[0].lower().replace(" ", "-") == anchor)
        assert (page, f"`{rule['alert']}`" in section) == ("docs/runbook.md", True), rule["alert"]


def test_every_dependency_has_its_reason():
    project = tomllib.loads(text("pyproject.toml"))
    groups = project["dependency-groups"].values()
    asked = [*project["project"]["dependencies"], *(name for group in groups for name in group)]
    extras = project["project"].get("optional-dependencies", {}).values()
    names = {re.match(r"[\w-]+", name)[0] for name in [*asked, *(name for extra in extras for name in extra)]}
    listed = re.findall(r"^\| (\w[\w-]*) \| (?!what for)", text("docs/dependencies.md"), re.MULTILINE)
    assert sorted(listed) == sorted(names)


def test_every_place_in_the_architecture_exists():
    rooms, _, _ = text("docs/architecture.md").partition("\n## The way of a check\n")
    rows = re.findall(r"^\| (`.*?) \|", rooms, re.MULTILINE)
    places = [place for row in rows for place in re.findall(r"`([^`]+)`", row)]
    assert len(places) >= 20
    assert all((ROOT / place).exists() for place in places)


def test_every_route_is_on_the_page_of_the_api():
    page = text("docs/api.md")
    assert not [r for r in ROUTES if f"{r.method} {r.path.replace(':.+', '')}" not in page]
    limiter = build(from_text(""), open_addresses(from_text(""), NOW))
    routes = CheckRoutes(EmbeddedChecks(limiter, MemoryStore(), float), float, Ulids(), dict, print)._routes
    assert not [path for path, (method, _) in routes.items() if f"{method.decode()} {path.decode()}" not in page]


def test_every_ruling_on_clusters_is_on_the_page_of_the_api():
    _, _, section = text("docs/api.md").partition("\n## Rulings on clusters\n")
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", section, re.MULTILINE))
    needs = {"cluster": "the cluster", "both": "`account`", "either": "`account`, or the cluster"}
    assert {ruling: rows.get(ruling) for ruling in NEEDS} == {ruling: needs[what] for ruling, what in NEEDS.items()}


def test_a_change_log_entry_is_there_for_the_version():
    version = tomllib.loads(text("pyproject.toml"))["project"]["version"]
    assert f"\n## {version}" in text("CHANGELOG.md")


def test_defaults_named_in_the_readme_are_the_defaults():
    assert TenantSettings().preset == "balanced"
    assert TenantSettings().linking.purse_units == 1.0, "the README says one honest account"


def test_every_cell_of_what_gateways_can_do_names_its_test():
    """Or says that nothing is done or tested, or leads to a measurement; and each test that is named exists."""
    page = (ROOT / "docs" / "gateways.md").read_text()
    section = page.split("## What each can do, and what shows it\n")[1].split("\n## ")[0]
    named = dict(re.findall(r"^- (\w): `([^`]+)`$", section, re.MULTILINE))
    cells = [
        cell.strip() for row in re.findall(r"^\| (.*) \|$", section, re.MULTILINE)[2:] for cell in row.split("|")[1:]
    ]
    used = {
        letter for cell in cells for letters in re.findall(r"\(((?:\w, )*\w)\)", cell) for letter in letters.split(", ")
    }
    assert used == set(named)
    assert [cell for cell in cells if not re.search(r"\(\w|not tested here|^nothing|\]\(", cell)] == []
    for test in named.values():
        path, name = test.split("::")
        assert f"def {name}(" in (ROOT / path).read_text(), test
