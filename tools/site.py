"""Build the pages of the repository as a static site: `python -m tools.site OUT`.

Each page keeps its place, so a relative link leads to the same page as in the repository. Linked files that are not
pages are copied too. Sphinx reads the pages with MyST, by the rules of CommonMark. Each warning, such as a link to
nowhere, is an error. The site asks no other host for anything, and its search needs no server.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sphinx.cmd.build import main as sphinx

from tools.rooms import ROOT

SECTIONS = {
    "Start": ["examples/README", "deploy/README", "docs/console", "docs/sign-in", "docs/glossary"],
    "How to": [
        *("docs/gateways", "plugins/nginx/README", "plugins/envoy/README", "plugins/litellm/README"),
        *("plugins/caddy/README", "plugins/traefik/README", "plugins/haproxy/README", "plugins/kong/README"),
        *("plugins/apisix/README", "plugins/application/README", "clients/python/README", "docs/leases"),
        *("docs/tuning", "docs/notices", "docs/runbook", "image/README"),
    ],
    "Reference": ["docs/api", "docs/settings", "docs/metrics", "docs/keys", "docs/addresses", "CHANGELOG"],
    "Why": [
        *("docs/scoring", "docs/linking", "docs/hydra", "docs/worlds", "docs/reliability", "docs/security", "SECURITY"),
        *("docs/privacy", "docs/performance", "docs/benchmarks"),
    ],
    "To change it": [
        "docs/README",
        "docs/checklist",
        "docs/architecture",
        "docs/listener",
        "docs/dependencies",
        "CONTRIBUTING",
    ],
}
START = "README"
SETTINGS = {
    "project": "Headcount",
    "copyright": "",
    "html_title": "Headcount",
    "root_doc": START,
    "extensions": "myst_parser",
    "myst_heading_anchors": "6",
    "html_theme": "furo",
    "html_show_sourcelink": "0",
    "html_copy_source": "0",
    "html_show_sphinx": "0",
    "html_show_copyright": "0",
}
_LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")


def pages() -> list[str]:
    """Name every page of the repository, in order; a page that is not committed yet counts too."""
    asked = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    named = subprocess.run(  # noqa: S603 - a fixed command
        asked, cwd=ROOT, check=True, capture_output=True, encoding="utf-8"
    ).stdout.splitlines()
    return sorted(name for name in named if (ROOT / name).exists())


def gather(into: Path) -> None:
    """Copy all pages and what they link to; the start page gets the table of contents."""
    for name in pages():
        words = (ROOT / name).read_text(encoding="utf-8")
        for path in _linked(ROOT / name, words):
            _copy(path, into)
        if name == f"{START}.md":
            words += _contents()
        _copy(ROOT / name, into).write_text(words, encoding="utf-8")


def build(out: Path) -> int:
    """Write the site into a new folder; the exit code of Sphinx."""
    with tempfile.TemporaryDirectory() as source:
        gather(Path(source))
        settings = [word for name, value in SETTINGS.items() for word in ("-D", f"{name}={value}")]
        code = sphinx(["-q", "-W", "--keep-going", "-C", *settings, "-b", "html", source, str(out)])
    shutil.rmtree(out / ".doctrees", ignore_errors=True)
    if not code:
        shutil.copy(out / f"{START}.html", out / "index.html")
    return code


def _linked(page: Path, words: str) -> Iterator[Path]:
    for link in _LINK.findall(words):
        path = (page.parent / link.partition("#")[0]).resolve()
        if "://" not in link and path.is_file() and path.suffix != ".md":
            yield path


def _copy(path: Path, into: Path) -> Path:
    place = into / path.relative_to(ROOT)
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(path, place)
    return place


def _contents() -> str:
    blocks = (f":caption: {caption}\n:hidden:\n\n" + "\n".join(names) for caption, names in SECTIONS.items())
    return "\n" + "\n".join(f"```{{toctree}}\n{block}\n```\n" for block in blocks)


if __name__ == "__main__":
    sys.exit(build(Path(sys.argv[1])))
