"""What is deployed is what is tested: the chart's objects, the compose file, and the dashboard's metrics."""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import promql_parser
import pytest
import yaml
from kubernetes_validate import validate
from sidecar_process import headcount

from reputation.config.file import DEFAULT, load

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
CHART = DEPLOY / "helm" / "headcount"
HELM = str(Path(sys.executable).with_name("helm"))
KUBERNETES = "1.29"
TOKEN = ["--set", "config.tokens[0].name=a", "--set", "config.tokens[0].role=admin"]
TOKEN += ["--set", f"config.tokens[0].sha256={'0' * 64}"]
SHARED = ["--set", "state.url=redis://redis:6379/0"]
SECRET = ["--set", "state.urlSecret.name=redis-url"]
MONITORED = ["--set", "serviceMonitor.enabled=true"]
SIDECAR = ["--set", "mode=sidecar"]
ALONE = ["--set", "replicas=1"]
FENCED = [
    "--set", "networkPolicy.enabled=true",
    "--set", "networkPolicy.gateways[0].podSelector.matchLabels.app=nginx",
    "--set", "networkPolicy.operators[0].namespaceSelector.matchLabels.name=monitoring",
]  # fmt: skip
EVERYTHING = [
    "--set", "grpc.enabled=true", "--set", "spoe.enabled=true", "--set", "webhooks.enabled=true",
    "--set", "ports.check=9470", "--set", "ports.admin=9471", "--set", "grpc.port=9472",
    "--set", "extraEnv[0].name=HEADCOUNT_LISTENER", "--set", "extraEnv[0].value=aiohttp",
    "--set", "extraArgs[0]=--config", "--set", "extraArgs[1]=/etc/headcount/headcount.yaml",
]  # fmt: skip
FORMS = [[*SHARED], [*SECRET, *MONITORED], [*ALONE], [*ALONE, *SIDECAR], [*SHARED, *SIDECAR, *MONITORED]]
FORMS += [[*SHARED, *EVERYTHING], [*ALONE, *SIDECAR, *EVERYTHING]]
FORMS += [[*SHARED, *FENCED, *EVERYTHING], [*ALONE, *SIDECAR, *FENCED, *EVERYTHING]]


def helm(*options):
    return subprocess.run(
        [HELM, "template", "here", str(CHART), *options], capture_output=True, text=True, timeout=60, check=False
    )


def objects(form):
    rendered = helm(*TOKEN, *form)
    assert rendered.returncode == 0, rendered.stderr
    return [found for found in yaml.safe_load_all(rendered.stdout) if found]


def one(found, kind):
    return next(item for item in found if item["kind"] == kind)


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_every_object_of_the_chart_is_what_kubernetes_takes(form):
    """By the schemas of Kubernetes, strictly; a ServiceMonitor's is not among them."""
    found = objects(form)
    for item in found:
        if item["kind"] != "ServiceMonitor":
            validate(item, KUBERNETES, strict=True)
    assert ("ServiceMonitor" in {item["kind"] for item in found}) == ("serviceMonitor.enabled=true" in form)


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_the_charts_configuration_is_one_that_headcount_reads(form, tmp_path):
    file = tmp_path / "headcount.yaml"
    file.write_text(
        next(item for item in objects(form) if "headcount.yaml" in item.get("data", {}))["data"]["headcount.yaml"]
    )
    assert "default" in load(file, lambda _: None).tenants


def test_a_sidecar_is_ready_before_its_gateway_and_ends_after_it():
    """Kubernetes' native sidecar: an init container that stays, with probes."""
    pod = one(objects([*ALONE, *SIDECAR]), "Deployment")["spec"]["template"]["spec"]
    (headcount,) = pod["initContainers"]
    assert headcount["restartPolicy"] == "Always"
    assert {"startupProbe", "livenessProbe", "readinessProbe"} <= set(headcount)
    assert [container["name"] for container in pod["containers"]] == ["nginx"]


@pytest.mark.parametrize("form", [[*SHARED], [*ALONE, *SIDECAR]], ids=["service", "sidecar"])
def test_listeners_ports_environment_and_arguments_can_be_set(form):
    found = objects([*form, *EVERYTHING])
    pod = one(found, "Deployment")["spec"]["template"]["spec"]
    container = next(c for c in [*pod.get("initContainers", ()), *pod["containers"]] if c["name"] == "headcount")
    environment = {item["name"]: item.get("value") for item in container["env"]}
    host = "127.0.0.1" if "mode=sidecar" in form else "0.0.0.0"
    assert environment["HEADCOUNT_LISTEN"] == f"{host}:9470"
    assert environment["HEADCOUNT_GRPC"] == f"{host}:9472"
    assert environment["HEADCOUNT_SPOE"] == f"{host}:8473"
    assert environment["HEADCOUNT_WEBHOOKS"] == "0.0.0.0:8474"
    assert environment["HEADCOUNT_LISTENER"] == "aiohttp"
    assert container["args"] == ["headcount", "serve", "--config", "/etc/headcount/headcount.yaml"]
    inside = {port["name"]: port["containerPort"] for port in container["ports"]}
    asked = {} if "mode=sidecar" in form else {"check": 9470, "grpc": 9472, "spoe": 8473}
    assert inside == {"admin": 9471, "webhooks": 8474, **asked}
    outside = {port["name"]: port["port"] for port in one(found, "Service")["spec"]["ports"]}
    assert inside == {name: port for name, port in outside.items() if name != "http"}
    nginx = next((item for item in found if "nginx.conf" in item.get("data", {})), None)
    assert nginx is None or "127.0.0.1:9470" in nginx["data"]["nginx.conf"]


def test_probes_of_the_sidecar_mode_reach_a_port_that_is_not_on_loopback():
    """A kubelet calls the pod's address, where the check listener is only in the service mode."""
    for form, port in (([*SHARED], "check"), ([*ALONE, *SIDECAR], "admin")):
        pod = one(objects(form), "Deployment")["spec"]["template"]["spec"]
        container = next(c for c in [*pod.get("initContainers", ()), *pod["containers"]] if c["name"] == "headcount")
        probes = [container[name]["httpGet"]["port"] for name in ("startupProbe", "livenessProbe", "readinessProbe")]
        assert probes == [port] * 3
        assert {"name": port} in [{"name": listed["name"]} for listed in container["ports"]]


@pytest.mark.parametrize(
    ("more", "memory"),
    [
        ([], DEFAULT.memory.sidecar + DEFAULT.memory.linker + 268_435_456),
        (["--set", "config.memory.linker=4294967296"], DEFAULT.memory.sidecar + 4_294_967_296 + 268_435_456),
        (["--set", "resources.limits.memory=8Gi"], "8Gi"),
    ],
    ids=["default", "configured", "given"],
)
def test_the_limit_of_memory_follows_from_the_bounds_of_the_configuration(more, memory):
    found = one(objects([*SHARED, *more]), "Deployment")["spec"]["template"]["spec"]["containers"][0]["resources"]
    assert found == {"requests": {"cpu": "250m", "memory": "512Mi"}, "limits": {"memory": str(memory)}}


def rules(*form):
    """The ports that a network policy opens, and who may reach each; None: everybody."""
    policy = one(objects([*form, *FENCED]), "NetworkPolicy")
    labels = one(objects(form), "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert policy["spec"]["podSelector"]["matchLabels"] == labels
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    return {rule["ports"][0]["port"]: rule.get("from") for rule in policy["spec"]["ingress"]}


def test_a_network_policy_opens_each_port_to_those_who_need_it_and_nobody_else():
    gateways = [{"podSelector": {"matchLabels": {"app": "nginx"}}}]
    operators = [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}]
    assert rules(*SHARED) == {8470: gateways, 8471: operators}
    wide = {9470: gateways, 9471: operators, 9472: gateways, 8473: gateways, 8474: None}
    assert rules(*SHARED, *EVERYTHING) == wide
    assert rules(*ALONE, *SIDECAR, *EVERYTHING) == {8080: None, 9471: operators, 8474: None}
    assert "NetworkPolicy" not in {item["kind"] for item in objects(SHARED)}


def test_a_port_that_no_peer_is_named_for_is_closed():
    """In Kubernetes an empty list of peers opens a port to everybody, so there must be no rule."""
    closed = [*FENCED[:4], *SHARED]
    (rule,) = one(objects(closed), "NetworkPolicy")["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 8470}]


def test_without_more_listeners_there_are_two_ports_and_no_arguments():
    container = one(objects(SHARED), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert [port["containerPort"] for port in container["ports"]] == [8470, 8471]
    assert "args" not in container
    assert "HEADCOUNT_GRPC" not in {item["name"] for item in container["env"]}


def test_the_compose_file_passes_on_what_can_be_set():
    """With nothing set it starts as before: an empty variable is one that is not there."""
    service = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]["headcount-b"]
    for name in ("HEADCOUNT_GRPC", "HEADCOUNT_SPOE", "HEADCOUNT_WEBHOOKS"):
        assert service["environment"][name] == f"${{{name}:-}}"
    assert service["command"] == "headcount serve ${HEADCOUNT_ARGUMENTS:-}"
    empty = dict.fromkeys(("HEADCOUNT_GRPC", "HEADCOUNT_SPOE", "HEADCOUNT_WEBHOOKS"), "")
    run = headcount("serve", "--listen", "nowhere", extra=empty)
    assert (run.returncode, b"nowhere" in run.stderr) == (1, True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([*TOKEN, *SHARED, "--set", "grpc.enabled=true", "--set", "grpc.port=8470"], "two listeners have the same one"),
        ([*ALONE], "needs a token"),
        ([*TOKEN, *SHARED, "--set", "networkPolicy.enabled=true"], "no gateway could ask"),
        ([*TOKEN], "limits multiply"),
        ([*TOKEN, *ALONE, "--set", "mode=x"], "one of service"),
    ],
)
def test_what_would_not_work_is_refused_with_its_mend(options, words):
    rendered = helm(*options)
    assert rendered.returncode != 0
    assert words in rendered.stderr


def nginx_with(**addresses):
    text = (ROOT / "plugins" / "nginx" / "nginx.conf").read_text().split("\n", 2)[2]
    for old, new in addresses.values():
        assert old in text
        text = text.replace(old, new)
    return text


def test_both_nginx_files_are_the_one_that_is_tested_but_for_addresses():
    compose = nginx_with(
        headcount=("server 127.0.0.1:8470;\n", "server headcount-a:8470;\n        server headcount-b:8470;\n"),
        api=("127.0.0.1:8000", "api:8000"),
        listen=("127.0.0.1:8080", "8080"),
    )
    chart = nginx_with(api=("127.0.0.1:8000", "API_ADDRESS"), listen=("127.0.0.1:8080", "GATEWAY_PORT"))
    assert (DEPLOY / "nginx.conf").read_text().split("\n", 1)[1] == compose
    assert (CHART / "files" / "nginx.conf").read_text().split("\n", 1)[1] == chart


def test_the_charts_nginx_is_that_file_with_the_values_addresses():
    """As the real helm renders it, which may not touch nginx's own $ and braces."""
    found = next(item for item in objects([*ALONE, *SIDECAR]) if "nginx.conf" in item.get("data", {}))
    values = yaml.safe_load((CHART / "values.yaml").read_text())["gateway"]
    file = (CHART / "files" / "nginx.conf").read_text()
    expected = file.replace("API_ADDRESS", values["upstream"]).replace("GATEWAY_PORT", str(values["port"]))
    assert found["data"]["nginx.conf"].strip() == expected.strip()


def test_the_compose_file_names_files_and_services_that_are_there(tmp_path):
    found = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    for service in found["services"].values():
        assert set(service.get("depends_on", ())) <= set(found["services"])
        assert {config["source"] for config in service.get("configs", ())} <= set(found["configs"])
    assert (DEPLOY / found["configs"]["nginx"]["file"]).exists()
    assert (DEPLOY / found["services"]["headcount-a"]["build"]["context"] / "Dockerfile").exists()
    file = tmp_path / "headcount.yaml"
    file.write_text(re.sub(r"\$\{[^}]*\}", "0" * 64, found["configs"]["headcount"]["content"].replace("$$", "$")))
    assert load(file, lambda _: None).tokens


def queries():
    board = json.loads((DEPLOY / "grafana" / "headcount.json").read_text())
    found = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    return [query.replace("$__rate_interval", "5m").replace("$job", ".*") for query in found]


def metrics_of(node):
    """The metrics that a parsed query reads."""
    if isinstance(node, promql_parser.VectorSelector):
        return {node.name}
    parts = [getattr(node, name, None) for name in ("expr", "lhs", "rhs", "vector_selector", "vs", "args")]
    flat = itertools.chain.from_iterable(part if isinstance(part, list) else [part] for part in parts)
    return set().union(*(metrics_of(part) for part in flat if part is not None)) if parts else set()


def exposed(text):
    return {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}


def test_every_query_of_the_dashboard_parses_and_names_metrics_that_exist(metrics):
    named = set().union(*(metrics_of(promql_parser.parse(query)) for query in queries()))
    assert named
    assert named <= exposed(metrics)
