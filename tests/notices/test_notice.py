"""A notice in words, in each format, and its signature."""

import hashlib
import hmac
import json
from typing import get_args

import pytest

from reputation.config.file import Event
from reputation.notices.notice import BODIES, SENTENCES, Notice, signature, text_of

DATA = {
    "cluster": "h-1", "size": 261, "standing": "challenged", "families": ["time"], "payers": 1,
    "before": {"size": 20, "standing": "shared"},
    "together": "watch", "accounts": 30, "units": 9000.0, "amount": 500.0,
    "revision": 3, "why": "payers tightened: 4, the limit was 3", "host": "a", "seconds": 12.0,
}  # fmt: skip


def notice(event, **data):
    return Notice("01A", event, "acme", 1e9, DATA | data)


@pytest.mark.parametrize("event", get_args(Event))
def test_every_event_has_a_sentence_and_both_bodies(event):
    said = text_of(notice(event))
    assert said.startswith("acme: ")
    assert said.endswith(".")
    sent = json.loads(BODIES["json"](notice(event)))
    assert (sent["id"], sent["event"], sent["tenant"], sent["text"]) == ("01A", event, "acme", said)
    assert json.loads(BODIES["slack"](notice(event))) == {"text": said}


def test_every_event_of_the_configuration_is_in_the_table():
    assert set(SENTENCES) == set(get_args(Event))


@pytest.mark.parametrize(
    ("payers", "said"), [(0, "No paying customer is"), (1, "1 paying customer is"), (7, "7 paying customers are")]
)
def test_a_cluster_s_notice_says_how_many_pay(payers, said):
    assert f"{said} among them." in text_of(notice("cluster.found", payers=payers))


def test_a_name_cannot_make_a_link_or_a_mention_in_slack():
    body = json.loads(BODIES["slack"](notice("trial.stopped", why="<!channel> <https://x.example|y> &")))
    assert "<" not in body["text"]
    assert "&lt;!channel&gt;" in body["text"]


def test_the_signature_is_an_hmac_of_time_and_body():
    body = b'{"id": "01A"}'
    expected = hmac.new(b"s3", b"1234." + body, hashlib.sha256).hexdigest()
    assert signature("s3", body, 1234.9) == f"t=1234,v1={expected}"
