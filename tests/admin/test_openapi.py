"""The description of the API, and the running sidecar held to it."""

import json
from urllib.parse import quote

import jsonschema
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from openapi_spec_validator import validate
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    unsupported_method,
)
from sidecar_process import running_sidecar

from geoip.book import AddressBook
from reputation.admin.application import ROUTES
from reputation.admin.openapi import description
from reputation.admin.openapi_examples import EXAMPLES, PARAMETERS
from reputation.config.file import from_text
from reputation.sidecar.build import build
from reputation.wire.codec import verdict_bytes
from reputation.wire.ids import Ulids
from reputation.wire.messages import Account, Request

DOCUMENT = json.loads(description(ROUTES))
api = schemathesis.openapi.from_dict(DOCUMENT)
# path: the checks whose rule it breaks by intention
EXCEPTIONS = {
    # an id may end in "/forget", and other methods take it as one
    "/v1/accounts/{id}/forget": [unsupported_method, allow_header_conformance],
    "/v1/check": [positive_data_acceptance],  # one of three members must be there, wherever
    "/v1/check/batch": [negative_data_rejection],  # a bad item has its error in its place, in a 200
    "/v1/accounts/{id}": [positive_data_acceptance],  # to JSON Schema 4.0 is an integer, here a count is written 4
    "/v1/settle": [positive_data_acceptance],  # a verdict needs its amount, and one of verdict and leases is there
    "/v1/allow": [positive_data_acceptance],  # each kind of exception has its own way to write it
    "/v1/tenants": [positive_data_acceptance],  # a name has to stand in a path, and settings have rules of their own
    "/v1/deny": [positive_data_acceptance],  # each kind of denial too
    "/v1/indicators": [positive_data_acceptance],  # a bundle without an indicator that is read is refused
    "/v1/clusters/{id}/rulings": [positive_data_acceptance],  # pin needs an account, the others may have none
}


@api.parametrize()
@settings(
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_the_running_sidecar_answers_as_described(case, sidecar):
    """Valid and invalid requests of every operation against the listener that it is on."""
    port = sidecar.check if case.path.startswith(("/v1/check", "/v1/settle")) else sidecar.admin
    case.call_and_validate(base_url=f"http://127.0.0.1:{port}", excluded_checks=EXCEPTIONS.get(case.path, []))


def test_the_longest_names_and_reasons_that_are_described_fit_into_a_request(sidecar):
    name, reason = quote("\U0001f40d" * 256), quote("\U0001f40d" * 1024)
    answer = sidecar.tell("DELETE", f"/v1/labels/{name}?tenant=default&reason={reason}")
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")


def test_the_description_is_valid_openapi():
    validate(DOCUMENT)


def test_what_may_be_left_out_may_be_null():
    """What is answered never is, where it is not said."""
    schemas = DOCUMENT["components"]["schemas"]
    for name, member in schemas["Request"]["properties"].items():
        assert {"type": "null"} in member["anyOf"], name
    assert schemas["Outcome"]["properties"]["account"]["type"] == "string"
    assert schemas["Verdict"]["properties"]["degraded"]["type"] == "boolean"


def test_the_sidecar_serves_it(sidecar):
    answer = sidecar.tell("GET", "/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == DOCUMENT


@pytest.mark.parametrize("mode", ["enforce", "shadow"])
def test_verdicts_of_both_modes_are_as_described(mode):
    """Shadow mode has no limit, and a member of its own."""
    schema = {"$ref": "#/components/schemas/Verdict", "components": DOCUMENT["components"]}
    engine = build(from_text(f"tenants: {{default: {{mode: {mode}}}}}"), AddressBook())
    for _ in range(25):
        verdict = engine.check(Request(account=Account(id="a")), 1_790_812_800.0, Ulids())
        jsonschema.validate(json.loads(verdict_bytes(verdict)), schema)


OPERATIONS = {
    operation["operationId"]: (path, method, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}
BODIES = {id_: operation["requestBody"] for id_, (_, _, operation) in OPERATIONS.items() if "requestBody" in operation}


def test_every_route_of_the_api_is_described_with_an_id_a_tag_and_its_role():
    assert len(OPERATIONS) == sum(map(len, DOCUMENT["paths"].values()))  # ids are unique
    known = {tag["name"] for tag in DOCUMENT["tags"]}
    assert {tag for _, _, operation in OPERATIONS.values() for tag in operation["tags"]} == known
    for route in ROUTES:
        path = route.path.replace(":.+", "")
        if path == "/" or path.startswith(("/console", "/docs")):
            continue  # pages
        operation = DOCUMENT["paths"][path][route.method.lower()]
        assert operation["operationId"] == route.handler.__name__
        assert (f"Role: {route.role}." in operation.get("description", "")) is (route.role is not None), route
        assert (operation.get("security") == [{}]) is (route.role is None), route


@pytest.mark.parametrize("id_", BODIES)
def test_each_body_has_an_example_that_is_as_described(id_):
    described = BODIES[id_]["content"]["application/json"]
    jsonschema.validate(described["example"], {**described["schema"], "components": DOCUMENT["components"]})


@pytest.mark.parametrize("id_", ["post_check", "post_batch", "get_session", "get_caller"])
def test_an_example_of_an_answer_has_the_members_of_a_real_one(sidecar, id_):
    path, method, operation = OPERATIONS[id_]
    example = operation["responses"]["200"]["content"]["application/json"]["example"]
    if method == "post":
        answer = sidecar.ask(BODIES[id_]["content"]["application/json"]["example"], path)
    else:
        answer = sidecar.tell("GET", path)
    one, real = (example[0], answer.json[0]) if isinstance(example, list) else (example, answer.json)
    assert answer.status == 200
    assert {*one} <= {*real}  # with an exception it has that too


def test_every_example_belongs_to_an_operation():
    assert {*EXAMPLES, *PARAMETERS} <= {*OPERATIONS}
    for id_, examples in PARAMETERS.items():
        assert {*examples} <= {parameter["name"] for parameter in OPERATIONS[id_][2]["parameters"]}, id_


TAKEN = (
    "put_account", "post_outcome", "post_allow", "post_denial", "post_label", "post_tenant", "post_validate",
    "post_replay", "post_names", "post_revision",
)  # fmt: skip


@pytest.mark.parametrize("id_", TAKEN)
def test_the_sidecar_takes_the_examples(fresh, id_):
    path, method, operation = OPERATIONS[id_]
    for parameter in operation.get("parameters", ()):
        path = path.replace(f"{{{parameter['name']}}}", quote(str(parameter.get("example", "default"))))
    answer = fresh.tell(method.upper(), path, BODIES[id_]["content"]["application/json"]["example"])
    assert answer.status in (200, 201, 204), answer.body


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A sidecar that nobody else asks."""
    settings_ = {"tenants": {"default": {"owner": "api"}}}
    with running_sidecar(tmp_path_factory.mktemp("examples"), settings_) as found:
        yield found
