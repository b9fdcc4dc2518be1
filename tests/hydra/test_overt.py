"""Overt sharing: who pays one bill together is a company, and who merely shares a card is not."""

from reputation.hydra.ledger import Ledger
from reputation.hydra.overt import invoiced
from reputation.hydra.sightings import Known


def shared(*settled, funding="credit", disputes=0):
    ledger = Ledger()
    for number, usd in enumerate(settled):
        ledger.know(Known(f"a{number}", card="c", funding=funding, settled_usd=usd, disputes=disputes))
    return invoiced(ledger)


def test_one_paid_card_explains_all_accounts_on_it():
    assert shared(25.0, 30.0, 20.0, 40.0, 0.0) == dict.fromkeys(range(5), 0)


def test_cards_that_did_not_pay_for_four_fifths_explain_nobody():
    assert shared(25.0, 30.0, 20.0, 0.0, 0.0) == {}


def test_prepaid_cards_and_disputed_ones_explain_nobody():
    assert shared(25.0, 25.0, funding="prepaid") == {}
    assert shared(25.0, 25.0, disputes=1) == {}


def test_one_account_is_no_company_and_no_cards_are_none():
    assert shared(25.0) == {}
    assert invoiced(Ledger()) == {}
