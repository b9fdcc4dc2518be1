"""What signals see: no signal can change it for the others, and no key is in it."""

import pytest
from msgspec import structs

from reputation.signals.seen import Seen
from reputation.state.facts import NOTHING
from reputation.wire.messages import Account


@pytest.mark.parametrize("field", structs.fields(Seen), ids=lambda field: field.name)
def test_a_signal_cannot_change_what_is_seen(field):
    seen = Seen(NOTHING)
    with pytest.raises(AttributeError):
        setattr(seen, field.name, getattr(seen, field.name))


def test_the_account_part_of_a_request_with_its_key_is_not_seen():
    seen = Seen(NOTHING)
    assert not [name for name in seen.__struct_fields__ if isinstance(getattr(seen, name), Account)]
