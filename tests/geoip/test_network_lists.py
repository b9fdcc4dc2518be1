"""Lists of networks become a database, and bad lines are named."""

import pytest

from geoip.book import EMBEDDED, AddressBook
from geoip.lists import ListError, compile_lists, read_list
from geoip.losses import LossError

NOW = 1_790_812_800.0


@pytest.fixture
def text(tmp_path):
    """A function that puts lines into a new file."""

    def make(*lines):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.txt"
        path.write_text("\n".join(lines) + "\n")
        return path

    return make


def test_all_usual_forms_of_a_line_are_read(text):
    """Networks, addresses, AS numbers, comments of both sorts, empty lines, host bits."""
    path = text("# head", "", "1.2.3.0/24", " 1.2.3.4 ; one", "2001:db8::/32 # six", "as64500#x", "10.1.2.3/8")
    found = read_list(path)
    assert [str(net) for net in found.networks] == ["1.2.3.0/24", "1.2.3.4/32", "2001:db8::/32", "10.0.0.0/8"]
    assert found.systems == {64500}


@pytest.mark.parametrize(
    "line", ["1.2.3", "1.2.3.0/33", "example.org", "1.2.3.0-1.2.3.9", "AS", "ASx", "AS" + "9" * 5000, "1.2.3.4 x"]
)
def test_a_bad_line_is_named_with_its_number(text, line):
    """Nothing is skipped in silence, and nothing is written."""
    path = text("1.2.3.4", line)
    with pytest.raises(ListError, match="line 2") as raised:
        read_list(path)
    assert (raised.value.path, raised.value.line) == (path, 2)


def test_a_compiled_list_answers_like_any_database(text, tmp_path):
    """The kind of the list, with the list's confidence, for IPv4 and IPv6, in addition to other sources."""
    out = tmp_path / "lists.mmdb"
    done = compile_lists([("vpn", text("8.8.0.0/16", "2001:db8::/32"))], out, NOW, confidence=75)
    assert done == (2, 2, [])
    book = AddressBook.open([out], NOW)
    facts = book.lookup("8.8.8.8")
    assert (facts.kind, facts.kind_confidence, facts.asn, facts.stale) == ("vpn", 0.75, 15169, False)
    assert book.lookup("2001:db8::1").kind == "vpn"
    assert book.lookup("8.9.0.1").kind != "vpn"


def test_the_narrowest_entry_wins_then_the_later_list(text, tmp_path):
    """One address of a hosting network can be a Tor exit."""
    lists = [("tor", text("203.0.113.7")), ("hosting", text("203.0.113.0/24", "198.51.100.0/24"))]
    out = tmp_path / "lists.mmdb"
    compile_lists([*lists, ("mobile", text("198.51.100.0/24"))], out, NOW)
    book = AddressBook.open([out], NOW, embedded=None)
    assert book.lookup("203.0.113.7").kind == "tor"
    assert book.lookup("203.0.113.8").kind == "hosting"
    assert book.lookup("198.51.100.1").kind == "mobile"


def test_an_as_number_stands_for_its_networks(text, tmp_path, database):
    """The embedded database tells which they are."""
    embedded = database(
        "Headcount-Networks", {"8.0.0.0/8": {"asn": 64500}, "9.0.0.0/8": {"asn": 64501}, "2600::/16": {"asn": 64500}}
    )
    out = tmp_path / "lists.mmdb"
    compile_lists([("proxy", text("AS64500"))], out, NOW, embedded=embedded)
    book = AddressBook.open([out], NOW, embedded=None)
    assert book.lookup("8.1.2.3").kind == "proxy"
    assert book.lookup("2600::1").kind == "proxy"
    assert book.lookup("9.1.2.3").kind is None


def test_a_bad_list_leaves_the_old_database(text, tmp_path):
    """The file is replaced in one step, or not at all."""
    out = tmp_path / "lists.mmdb"
    compile_lists([("vpn", text("8.8.8.8"))], out, NOW)
    before = out.read_bytes()
    with pytest.raises(ListError):
        compile_lists([("vpn", text("oops"))], out, NOW)
    assert out.read_bytes() == before
    assert not list(tmp_path.glob(".lists*"))


def test_the_same_lists_give_the_same_bytes(text, tmp_path):
    """A build can be checked by building again."""
    path = text("8.8.8.8", "9.9.9.0/24", "2001:db8::/32")
    outs = [tmp_path / "one.mmdb", tmp_path / "two.mmdb"]
    for out in outs:
        compile_lists([("vpn", path)], out, NOW)
    assert outs[0].read_bytes() == outs[1].read_bytes()


class TestNothingGoodIsLost:
    """A failed download must not cost the database that is there."""

    @pytest.fixture
    def there(self, text, tmp_path):
        """A database of 100 networks, and its bytes."""
        out = tmp_path / "lists.mmdb"
        compile_lists([("tor", text(*[f"10.{n}.0.0/24" for n in range(100)]))], out, NOW)
        return out, out.read_bytes()

    @pytest.mark.parametrize("lines", [(), ("# nothing today",), ("",), ("2002::/16",)])
    def test_an_empty_list_replaces_nothing(self, there, text, lines):
        out, before = there
        for lists in ([("tor", text(*lines))], [("vpn", text("8.8.8.8")), ("tor", text(*lines))]):
            with pytest.raises(LossError, match="--force"):
                compile_lists(lists, out, NOW)
        assert out.read_bytes() == before

    @pytest.mark.parametrize(("left", "kept"), [(1, False), (5, False), (19, False), (20, True), (100, True)])
    def test_a_list_that_shrank_to_less_than_a_fifth_replaces_nothing(self, there, text, left, kept):
        out, before = there
        lists = [("tor", text(*[f"10.{n}.0.0/24" for n in range(left)]))]
        if kept:
            compile_lists(lists, out, NOW + 1)
            return
        with pytest.raises(LossError, match=f"has 100 tor networks, and would keep only {left}; --force"):
            compile_lists(lists, out, NOW + 1)
        assert out.read_bytes() == before
        compile_lists(lists, out, NOW + 1, force=True)
        assert out.read_bytes() != before

    def test_one_kind_may_not_vanish_while_another_grows(self, there, text):
        out, _ = there
        with pytest.raises(LossError, match="100 tor networks, and would keep only 0"):
            compile_lists([("vpn", text(*[f"11.{n}.0.0/24" for n in range(200)]))], out, NOW)

    @pytest.mark.parametrize("content", [b"notes of mine", EMBEDDED.read_bytes()[:9000]])
    def test_a_file_of_something_else_is_not_written_over(self, tmp_path, text, content):
        out = tmp_path / "mine.txt"
        out.write_bytes(content)
        with pytest.raises(LossError, match="name another file"):
            compile_lists([("vpn", text("8.8.8.8"))], out, NOW)
        assert out.read_bytes() == content

    def test_an_empty_file_such_as_mktemp_makes_is_nothing_to_lose(self, tmp_path, text):
        out = tmp_path / "new.mmdb"
        out.touch()
        assert compile_lists([("vpn", text("8.8.8.8"))], out, NOW).entries == 1


def test_ipv6_forms_of_ipv4_networks_match_as_clients_are_counted(text, tmp_path):
    """A mapped, translated or 6to4 network stands for its IPv4 one; what stands for all of them is left out."""
    out = tmp_path / "lists.mmdb"
    lines = "\ufeff::ffff:9.9.9.0/120", "64:ff9b::9.9.8.0/120", "2002:909:700::/40", "2002::/16", "2001::/32"
    done = compile_lists([("vpn", text(*lines))], out, NOW)
    assert (done.entries, done.left_out) == (3, ["2002::/16", "2001::/32"])
    book = AddressBook.open([out], NOW, embedded=None)
    for client in ("9.9.9.9", "::ffff:9.9.9.9", "9.9.8.1", "64:ff9b::9.9.8.1", "9.9.7.1", "2002:909:701::1"):
        assert book.lookup(client).kind == "vpn"
    assert book.lookup("9.9.6.1").kind is None
