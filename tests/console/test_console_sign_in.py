"""Signing in to the console at a real OpenID Connect provider and behind a real proxy, and out again."""

import http.client
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import expect
from ports import free_ports
from sidecar_process import call, end, running_sidecar, wait_for

from tests.console.conftest import watched

pytestmark = pytest.mark.gateway

PROVIDER = Path(__file__).parents[1] / "admin" / "provider" / "provider.mjs"
GROUPS = [{"name": "ops", "role": "admin"}, {"name": "acme-staff", "role": "reader", "tenants": ["acme"]}]
TENANTS = {"default": {"owner": "api"}, "acme": {}}
SECRET = "a secret of the tests"
FONTS = "https://fonts.googleapis.com/"
"""The provider's development pages ask for them."""
NGINX = """
daemon off;
pid {directory}/nginx.pid;
error_log stderr;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {directory};
    proxy_temp_path {directory};
    fastcgi_temp_path {directory};
    uwsgi_temp_path {directory};
    scgi_temp_path {directory};
    server {{
        listen 127.0.0.1:{port};
        location /headcount/ {{
            proxy_pass http://127.0.0.1:{admin}/;
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-User ann;
            proxy_set_header X-Forwarded-Groups "sales, acme-staff";
            proxy_set_header Authorization "";
        }}
    }}
}}
"""


@contextmanager
def running(command, directory, port):
    """A server that answers on a port."""
    log = directory / f"{Path(command[0]).name}-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_for(lambda: answers(port), f"{command[0]} does not answer", process, log)
        yield
    finally:
        end(process)


def answers(port):
    try:
        return call(port, "GET", "/").status > 0
    except (OSError, http.client.HTTPException):
        return False


def provider(directory, port, url):
    return running(["node", str(PROVIDER), str(port), "first", SECRET, f"{url}/v1/session/callback"], directory, port)


def settings(issuer, url):
    oidc = {"issuer": issuer, "client_id": "headcount", "client_secret": "$SECRET", "url": url, "name": "Example Login"}
    return {"tenants": TENANTS, "sign_in": {"oidc": oidc, "groups": GROUPS}}


def sign_in_at_provider(page, name):
    page.context.route(f"{FONTS}**", lambda route: route.abort())
    page.get_by_role("button", name="Sign in with Example Login").click()
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("anything")
    page.locator("button[type=submit]").click()
    page.locator("button[type=submit]").click()  # the consent


def test_a_person_signs_in_at_the_provider_and_comes_back_to_the_page(browser, tmp_path):
    port, admin = free_ports(2)
    issuer, url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}"
    sidecar = running_sidecar(tmp_path, settings(issuer, url), admin=admin, extra={"SECRET": SECRET})
    with provider(tmp_path, port, url), sidecar as found, watched(browser, found, (issuer, FONTS)) as open_page:
        page = open_page("exceptions", "default")
        expect(page.locator("main h1")).to_have_text("Sign in")
        expect(page.get_by_label("Token")).to_have_count(0)  # no token is configured
        sign_in_at_provider(page, "ann+sales+ops")
        expect(page.locator("main h1")).to_have_text("Exceptions")
        expect(page.locator("#caller")).to_have_text("ann (admin)")
        assert (page.url, page.evaluate("document.cookie")) == (f"{url}/console/#/default/exceptions", "")
        page.get_by_role("button", name="Sign out").click()
        expect(page.locator("main h1")).to_have_text("Sign in")


def test_a_person_without_a_known_group_is_told_so(browser, tmp_path):
    port, admin = free_ports(2)
    issuer, url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}"
    sidecar = running_sidecar(tmp_path, settings(issuer, url), admin=admin, extra={"SECRET": SECRET})
    with provider(tmp_path, port, url), sidecar as found, watched(browser, found, (issuer, FONTS)) as open_page:
        page = open_page("overview")
        sign_in_at_provider(page, "bob+sales")
        expect(page.get_by_role("alert").last).to_contain_text("none of your groups has a role")
        assert "?" not in page.url


def test_a_provider_that_is_away_is_said_and_found_when_it_is_back(browser, tmp_path):
    port, admin = free_ports(2)
    issuer, url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}"
    sidecar = running_sidecar(tmp_path, settings(issuer, url), admin=admin, extra={"SECRET": SECRET})
    with sidecar as found, watched(browser, found, (issuer, FONTS)) as open_page:
        page = open_page("overview")
        page.get_by_role("button", name="Sign in with Example Login").click()
        expect(page.get_by_role("alert").last).to_contain_text("could not be reached")
        with provider(tmp_path, port, url):
            sign_in_at_provider(page, "ann+ops")
            expect(page.locator("#caller")).to_have_text("ann (admin)")


def test_a_proxy_names_the_person_and_the_console_works_below_its_path(browser, tmp_path):
    (port,) = free_ports(1)
    proxy = {"user": "X-Forwarded-User", "groups": "X-Forwarded-Groups", "peers": ["127.0.0.1"], "sign_out": "/bye"}
    with running_sidecar(tmp_path, {"tenants": TENANTS, "sign_in": {"proxy": proxy, "groups": GROUPS}}) as found:
        (tmp_path / "nginx.conf").write_text(NGINX.format(directory=tmp_path, port=port, admin=found.admin))
        command = ["nginx", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", "stderr"]
        with (
            running(command, tmp_path, port),
            watched(browser, found._replace(admin=port), path="/headcount") as open_page,
        ):
            page = open_page("overview", "acme")
            expect(page.locator("#caller")).to_have_text("ann (reader)")
            assert page.locator("#tenant option").all_text_contents() == ["acme"]
            page.get_by_role("button", name="Sign out").click()
            page.wait_for_url("**/bye")
            forged = call(port, "GET", "/headcount/v1/caller", headers={"X-Forwarded-User": "root"})
            assert forged.json["name"] == "ann"
