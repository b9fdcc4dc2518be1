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

from geoip.book import AddressBook
from reputation.admin.openapi import description
from reputation.config.file import from_text
from reputation.sidecar.build import build
from reputation.wire.codec import verdict_bytes
from reputation.wire.ids import Ulids
from reputation.wire.messages import Account, Request

DOCUMENT = json.loads(description())
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
