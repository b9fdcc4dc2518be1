"""The console's own part of the API, and the files that it is made of."""

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
from sidecar_process import call, running_sidecar

from reputation.admin.console_files import console_files

CONSOLE = Path(__file__).parents[2] / "reputation" / "console"
MARKUP = re.compile(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.srcdoc")


def test_the_caller_is_told_who_it_is(sidecar):
    told = sidecar.tell("GET", "/v1/caller").json
    known = {"via": "local", "tokens": False, "sign_out": None}
    assert told == {"name": "local", "role": "admin", "tenants": [], "sees": ["default"], **known}


def test_recent_verdicts_come_with_what_was_asked_and_are_chosen(sidecar):
    ids = [sidecar.ask({"account": {"id": name}, "request": {"route": "/r"}}).json["id"] for name in ("ca", "cb", "ca")]
    found = sidecar.tell("GET", "/v1/recent?account=ca").json["recent"]
    assert [one["verdict"]["id"] for one in found] == [ids[2], ids[0]]
    assert found[0]["request"] == {"account": "ca", "ip": None, "route": "/r", "cost": 1.0}
    newer = sidecar.tell("GET", f"/v1/recent?after={ids[1]}&account=cb").json
    assert (newer["recent"], newer["newest"]) == ([], ids[2])
    newer = sidecar.tell("GET", f"/v1/recent?after={ids[1]}").json["recent"]
    assert [one["verdict"]["id"] for one in newer] == [ids[2]]
    assert sidecar.tell("GET", "/v1/recent?account=ca&decision=deny").json["recent"] == []
    assert sidecar.tell("GET", "/v1/recent?limit=1&tier=standard").json["recent"][0]["verdict"]["tier"] == "standard"
    assert sidecar.tell("GET", "/v1/recent?cluster=h-1").json["recent"] == []


def test_the_timeline_counts_what_was_asked_now(sidecar):
    before = sidecar.tell("GET", "/v1/timeline").json["now"]["allow"]
    assert sidecar.ask({"account": {"id": "in-the-timeline"}}).json["decision"] == "allow"
    told = sidecar.tell("GET", "/v1/timeline?window=day").json
    assert told["now"]["allow"] == before + 1
    assert told["step"] == 240.0
    assert len({len(column) for column in told["columns"].values()}) == 1


@pytest.mark.parametrize(
    "query", ["timeline?window=week", "recent?limit=0", "recent?limit=x", "recent?decision=denied", "recent?tier="]
)
def test_a_query_that_cannot_be_is_named(sidecar, query):
    answer = sidecar.tell("GET", f"/v1/{query}")
    assert (answer.status, answer.json["pointer"][1:] in query) == (400, True)


def test_a_token_for_other_tenants_sees_nothing_of_this_one(tmp_path):
    token = {"name": "t", "role": "reader", "tenants": ["b"],
             "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}  # fmt: skip
    with running_sidecar(tmp_path, {"tokens": [token], "tenants": {"a": {}, "b": {}}}) as own:
        headers = {"Authorization": "Bearer test"}
        assert own.tell("GET", "/v1/caller", headers=headers).json["sees"] == ["b"]
        for path in ("timeline", "recent"):
            assert own.tell("GET", f"/v1/{path}?tenant=a", headers=headers).status == 403
            assert own.tell("GET", f"/v1/{path}?tenant=b", headers=headers).status == 200
            assert own.tell("GET", f"/v1/{path}?tenant=b").status == 401
        assert own.tell("GET", "/console/", headers={}).status == 200


def test_files_come_with_their_type_and_are_not_sent_twice(sidecar):
    page = call(sidecar.admin, "GET", "/console/")
    assert page.headers["Content-Type"] == "text/html; charset=utf-8"
    again = call(sidecar.admin, "GET", "/console/", headers={"If-None-Match": page.headers["ETag"]})
    assert (again.status, again.body) == (304, b"")
    for path in re.findall(r'(?:src|href)="([^"#]+)"', page.body.decode()):
        assert call(sidecar.admin, "GET", urljoin("/console/", path)).status == 200, path


@pytest.mark.parametrize("path", ["", "console"])
def test_the_bare_listener_leads_to_the_console(sidecar, path):
    answer = call(sidecar.admin, "GET", f"/{path}")
    assert (answer.status, answer.headers["Location"]) == (308, "/console/")


@pytest.mark.parametrize(
    "path", ["..%2f..%2fcli.py", "../admin.py", "__init__.py", "libraries/fetch", "none.js", "libraries/", "%00"]
)
def test_nothing_but_its_own_files_is_served(sidecar, path):
    assert call(sidecar.admin, "GET", f"/console/{path}").status == 404


def test_no_module_of_ours_turns_text_into_markup_or_names_another_host():
    modules = sorted(CONSOLE.glob("*.js"))
    assert len(modules) > 20
    for module in modules:
        text = module.read_text(encoding="utf-8")
        assert not MARKUP.search(text), module.name
        assert "://" not in text, module.name
        assert len(text.splitlines()) <= 350, module.name


def test_the_page_has_no_inline_script_or_style():
    page = (CONSOLE / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"<script>|<style|\sstyle=|\son\w+=|javascript:", page)


def test_every_import_of_a_module_is_there():
    served = console_files()
    for name in (one for one in served if one.endswith(".js") and "/" not in one):
        for path in re.findall(r'(?:from|import\() ?"\./([^"]+)"', served[name].body.decode()):
            assert path in served, f"{name} imports {path}"


def test_libraries_come_with_their_licences():
    names = {path.name for path in (CONSOLE / "libraries").iterdir()}
    assert {"uPlot.LICENSE.txt", "cytoscape.LICENSE.txt"} <= names
    fetched = (CONSOLE / "libraries" / "fetch").read_text(encoding="utf-8")
    assert len(re.findall(r"^fetch \w+ [\d.]+ sha512-\S{88}$", fetched, re.MULTILINE)) == 2
