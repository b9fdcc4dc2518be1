"""The configuration file: strict, with the line, the key and the fix in every error."""

import json

import jsonschema
import msgspec
import pytest
import yaml
from small_engine import ask, points, tenant

from reputation.config.faults import nearest
from reputation.config.file import DEFAULT, Settings, compile_tenants, from_text, load, schema
from reputation.config.presets import PRESETS
from reputation.config.tenants import in_force
from reputation.sidecar.build import read_settings
from reputation.wire.errors import ConfigError

SHA = "a" * 64

# what is wrong: (the file, the line of the fault, what the error must say)
WRONG = {
    "half a surrogate pair": ('tenants:\n  acme: {payer_plan: "\\ud800"}\n', 2, "surrogate"),
    "half a surrogate pair as a key": ('"\\ud800": 1\n', 1, "surrogate"),
    "an unknown key": (
        "tenants:\n  acme:\n    weigths: {asn: 1}\n",
        3,
        "tenants.acme.weigths: unknown key; did you mean weights?",
    ),
    "an unknown key at the top": ("tenant: {}\n", 1, "did you mean tenants?"),
    "a key like no other": ("tenants:\n  acme:\n    zzzz: 1\n", 3, "known are preset, mode, unit, request_cost"),
    "an unknown preset": ("tenants:\n  acme:\n    preset: balancd\n", 3, "did you mean balanced?"),
    "an unknown mode": ("tenants:\n  acme:\n    mode: dry\n", 3, "known are enforce, shadow"),
    "a text for a number": (
        "tenants:\n  acme:\n    hysteresis: much\n",
        3,
        "tenants.acme.hysteresis: Expected `float`, got `str`",
    ),
    "a number in quotes": ("tenants:\n  acme:\n    prior: '1'\n", 3, "got `str`"),
    "a switch for a number": ("tenants:\n  acme:\n    prior: yes\n", 3, "got `bool`"),
    "too large": ("tenants:\n  acme:\n    prior: 9\n", 3, "<= 4"),
    "not a number": ("tenants:\n  acme:\n    prior: .nan\n", 3, "tenants.acme.prior: .nan is no finite"),
    "floor of payers": (
        "tenants:\n  acme:\n    linking: {payer_floor_units: .inf}\n",
        3,
        "payer_floor_units: .inf is no",
    ),
    "infinite, without a bound": ("tenants:\n  acme:\n    standards: {payer_usd: .inf}\n", 3, "write a large one"),
    "infinite, by its digits": ("http:\n  drain: 1e999\n", 2, "http.drain: 1e999 is no finite number"),
    "a token that is there twice": (
        f"tokens:\n  - {{name: a, role: reader, sha256: {SHA}}}\n  - {{name: b, role: admin, sha256: {SHA}}}\n",
        3,
        "tokens.1.sha256: an entry above has the same token",
    ),
    "a rate of zero": (
        "tenants:\n  a:\n    plans:\n      free:\n        standard: {rate: 0, burst: 1, daily: 1}\n",
        5,
        "plans.free.standard.rate: Expected `float` > 0",
    ),
    "an incomplete allowance": (
        "tenants:\n  a:\n    plans:\n      free:\n        standard: {rate: 1}\n",
        5,
        "missing required field `burst`",
    ),
    "an unknown tier": (
        "tenants:\n  a:\n    plans:\n      free:\n        standrad: {rate: 1, burst: 1, daily: 1}\n",
        5,
        "did you mean standard?",
    ),
    "an unknown family": ("tenants:\n  a:\n    weights:\n      velocty: 1\n", 4, "did you mean velocity?"),
    "a module that is not there": (
        "tenants:\n  a:\n    weights:\n      no.such.module: 1\n",
        4,
        "No module named 'no'",
    ),
    "a cap of an unknown family": ("tenants:\n  a:\n    caps: {velocty: 1}\n", 3, "did you mean velocity?"),
    "caps that risk cannot tell apart": (
        "tenants:\n  a:\n    caps: {hydra: 10, velocity: 10}\n",
        3,
        "prior and caps add up to 32.8; the maximum is 26",
    ),
    "tiers in the wrong order": (
        "tenants:\n  a:\n    tiers:\n      limited: {from_risk: 99}\n",
        3,
        "from_risk must rise",
    ),
    "a mildest tier that stops": (
        "tenants:\n  a:\n    tiers:\n      trusted: {from_risk: 0, decision: deny}\n",
        4,
        "mildest",
    ),
    "a decision that is the limits'": (
        "tenants:\n  a:\n    tiers:\n      limited: {from_risk: 70, decision: throttle}\n",
        4,
        "allow, challenge, deny",
    ),
    "an action that is no word": (
        "tenants:\n  a:\n    tiers:\n      limited: {from_risk: 70, actions: ['two words']}\n",
        4,
        "actions.0",
    ),
    "an unknown plan of payers": ("tenants:\n  a:\n    payer_plan: pain\n", 3, "did you mean paid?"),
    "a short digest": ("tokens:\n  - {sha256: abc, name: me}\n", 2, "tokens.0.sha256"),
    "an unknown role": (f"tokens:\n  - sha256: {SHA}\n    name: me\n    role: admn\n", 4, "did you mean admin?"),
    "a key that is there twice": ("tenants:\n  a: {}\n  a: {}\n", 3, "tenants.a occurs twice"),
    "no YAML": ("tenants: [\n", 2, "stream end"),
    "a tab": ("tenants:\n\ta: {}\n", 2, r"'\t'"),
    "a list": ("- a\n", 1, "got `array`"),
    "a text": ("hello\n", 1, "got `str`"),
    "a number as a name": ("tenants:\n  1: {}\n", 2, "Expected `str`, got `int`"),
    "an empty name": ("tenants:\n  '': {}\n", 2, "length >= 1"),
    "nothing where a tenant should be": ("tenants:\n  acme:\n", 2, "got `null`"),
    "an object to be built": (
        "tenants: !!python/object/apply:os.system ['true']\n",
        1,
        "could not determine a constructor",
    ),
    "a key that is no word": ("tenants:\n  ? [a, b]\n  : {}\n", 2, "a key must be a word"),
    "two documents": ("tenants: {}\n---\ntenants: {}\n", 2, "another document"),
    "hops that are negative": ("tenants:\n  a:\n    gateway: {trusted_hops: -1}\n", 3, "trusted_hops"),
    "a fact that no check has": (
        "tenants:\n  a:\n    gateway:\n      facts: {X-Plan: account.plna}\n",
        4,
        "no member account.plna",
    ),
    "money that is negative": ("tenants:\n  a:\n    standards: {payer_usd: -5}\n", 3, "standards.payer_usd"),
    "bounds that are too tight": ("memory: {accounts: 1}\n", 1, "memory.accounts: Expected `int` >= 1000"),
    "a share above one": ("log: {decisions: 2}\n", 1, "log.decisions"),
    "a time that is not positive": ("http: {header_timeout: 0}\n", 1, "http.header_timeout"),
}


def test_a_date_is_a_text_as_in_json():
    """YAML 1.1 makes a date of it, which is no name of a plan."""
    found = from_text("tenants: {2026-12-01: {plans: {2026-01-01: {like: paid}}}}", "headcount.yaml")
    assert list(found.tenants["2026-12-01"].plans) == ["2026-01-01"]


@pytest.mark.parametrize("what", WRONG)
def test_an_error_names_file_line_key_and_mend(what, tmp_path):
    text, line, words = WRONG[what]
    path = tmp_path / "headcount.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        read_settings(path)
    message = str(refused.value)
    assert message.startswith(f"{path}, line {line}: ")
    assert words in message
    assert "Traceback" not in message


# ten aliases to ten aliases to ten aliases: a billion values in a few lines
LAUGHS = "a0: &a0 {x: 1}\n" + "".join(
    f"a{i}: &a{i} {{{', '.join(f'k{j}: *a{i - 1}' for j in range(10))}}}\n" for i in range(1, 10)
)


@pytest.mark.parametrize(
    "text",
    [
        "a: " + "[" * 5000 + "]" * 5000,
        "a: {b: " * 20 + "1" + "}" * 20,
        "tenants: {a\x07: {}}",
        "x" * (5 << 20),
        LAUGHS,
        "tenants: !!timestamp x",
        "http: {connections: " + "9" * 5000 + "}",
    ],
)
def test_what_no_parser_should_be_given_ends_in_an_error_too(text):
    """Nesting, control characters, size, aliases, a time that is none, a number of 5,000 digits."""
    with pytest.raises(ConfigError, match="headcount"):
        from_text(text, "headcount.yaml")


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "latin").write_bytes(b"tenants: {caf\xe9: {}}")
    for name in ("missing.yaml", ".", "latin"):
        with pytest.raises(ConfigError, match="cannot be read"):
            load(tmp_path / name)


@pytest.mark.parametrize("text", ["", "\n", "# nothing yet\n", "---\n", "{}"])
def test_no_settings_are_the_default(text):
    """One tenant, `default`, preset `balanced`."""
    assert from_text(text) == DEFAULT
    (only,) = compile_tenants(DEFAULT).values()
    assert (only.name, only.settings.preset, only.prior) == ("default", "balanced", -2.2)


@pytest.mark.parametrize("number", ["1e6", "1.0e6", "1000000", "+1e+6", "1.e6"])
def test_numbers_are_read_as_people_write_them(number):
    settings = from_text(f"tenants: {{a: {{unconfirmed: {{rate: 5, burst: 50, daily: {number}}}}}}}")
    assert settings.tenants["a"].unconfirmed.daily == 1e6


@pytest.mark.parametrize("preset", PRESETS)
def test_a_presets_limits_are_floats(preset, addresses):
    """Compiled code makes floats of them, plain Python does not, and a verdict's bytes are the same either way."""
    engine = tenant(addresses, preset=preset)
    found = [engine.tenant.unconfirmed, engine.tenant.unconfirmed_network]
    found += [(limits.burst, limits.daily) for rows in engine.tenant.policy.limits.values() for limits in rows]
    assert {type(value) for pair in found for one in pair for value in (one.rate, one.burst)} == {float}


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_shown_as_in_force_is_a_configuration_that_means_the_same(preset, addresses):
    """`config show` lays the preset out; reading that back changes nothing."""
    engine = tenant(addresses, preset=preset, weights={"asn": 0.5}, plans={"gold": {}})
    shown = msgspec.to_builtins(in_force(engine.tenant))
    text = yaml.safe_dump({"tenants": {"default": shown}}, sort_keys=False)
    again = compile_tenants(from_text(text))["default"]
    members = ("bounds", "margin", "rules", "limits", "default_plan", "payer_plan", "strictest_allowing")
    assert [getattr(again.policy, name) for name in members] == [
        getattr(engine.tenant.policy, name) for name in members
    ]
    assert (again.prior, again.families, again.unconfirmed) == (
        engine.tenant.prior,
        engine.tenant.families,
        engine.tenant.unconfirmed,
    )


def test_stricter_presets_allow_less_and_suspect_more():
    lenient, balanced, strict = (PRESETS[name] for name in ("lenient", "balanced", "strict"))
    assert lenient.prior < balanced.prior < strict.prior
    for tier in ("standard", "limited", "restricted", "blocked"):
        risks = [preset.tiers[tier].from_risk for preset in (lenient, balanced, strict)]
        assert risks == sorted(risks, reverse=True)
        for name in ("rate", "burst", "daily"):
            plans = [preset.amounts["requests"].plans["free"] for preset in (lenient, balanced, strict)]
            amounts = [getattr(plan[tier], name) for plan in plans]
            assert amounts == sorted(amounts, reverse=True)


def test_overrides_are_sparse(addresses):
    """What is left out keeps the preset's, down to one tier of one plan."""
    row = {"rate": 7, "burst": 70, "daily": 700}
    engine = tenant(addresses, plans={"free": {"standard": row}})
    limits = engine.tenant.policy.limits
    assert limits["free"][1].burst.burst == 70
    assert limits["free"][0].burst.burst == PRESETS["balanced"].amounts["requests"].plans["free"]["trusted"].burst
    assert ask(engine, "a").limits[0].burst == 70


def test_a_plan_of_the_operators_own_starts_from_the_free_one(addresses):
    engine = tenant(addresses, plans={"gold": {"standard": {"rate": 9, "burst": 90, "daily": 900}}})
    gold, free = (engine.tenant.policy.limits[plan] for plan in ("gold", "free"))
    assert gold[1].burst.burst == 90
    assert gold[2:] == free[2:]


def test_the_prior_is_a_setting(addresses):
    assert points(ask(tenant(addresses, prior=-1.25), "a")) == {"prior": -1.25}


class TestSchema:
    """The JSON Schema for editors."""

    def test_it_is_a_valid_schema(self):
        jsonschema.Draft202012Validator.check_schema(schema())

    @pytest.mark.parametrize("preset", PRESETS)
    def test_it_takes_what_the_reader_takes(self, preset, addresses):
        shown = json.loads(msgspec.json.encode(in_force(tenant(addresses, preset=preset).tenant)))
        jsonschema.validate({"tenants": {"a": shown}}, schema())
        jsonschema.validate(json.loads(msgspec.json.encode(Settings())), schema())

    @pytest.mark.parametrize(
        "what",
        [
            "an unknown key",
            "an unknown preset",
            "a text for a number",
            "too large",
            "an unknown tier",
            "a short digest",
        ],
    )
    def test_it_refuses_what_the_reader_refuses(self, what):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(yaml.safe_load(WRONG[what][0]), schema())

    def test_every_setting_is_described(self):
        """By words of its own, or by those of what it is made of."""
        described = schema()["$defs"]["TenantSettings"]["properties"]
        assert [n for n, s in described.items() if not {"description", "$ref"} & set(json.dumps(s).split('"'))] == []


def test_the_nearest_word_is_offered_or_all_of_them():
    assert nearest("balansed", ["balanced", "strict"]) == "did you mean balanced?"
    assert nearest("xyz", ["balanced", "strict"]) == "known are balanced, strict"
