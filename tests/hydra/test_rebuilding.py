"""A book made of links alone: nobody is let go, and no new cluster takes an id that is in use."""

import msgspec
from msgspec import structs

from reputation.hydra.book import Book, LearntDay
from reputation.hydra.clusters import Found, update
from reputation.hydra.links import NOTHING, Cluster
from reputation.hydra.rebuilding import rebuilt

NOW = 1_790_000_000.0


def book_of(count: int) -> Book:
    """A book with as many clusters of two."""
    book = Book()
    update(book, [Found({f"a{n}": 1.0, f"b{n}": 1.0}, ("network",)) for n in range(count)], set(), NOW)
    return book


def links_of(book: Book):
    """Links as far as they matter here."""
    members = {account: (name, 0.97) for account, name in book.home().items()}
    clusters = {
        name: Cluster(name, kept.since, len(kept.members), 0.97, kept.families, "shared", (), 1.0, 1.0)
        for name, kept in book.clusters.items()
    }
    return structs.replace(NOTHING, at=NOW, members=members, clusters=clusters)


def test_members_ids_and_the_counter_are_those_of_the_book_that_was_lost():
    """Also where its clusters are many and some are gone."""
    for count in (1, 2, 500):
        book = book_of(count)
        again = msgspec.msgpack.decode(rebuilt(links_of(book)), type=Book)
        assert again.home() == book.home()
        assert again.made == book.made == count
        assert {name: kept.since for name, kept in again.clusters.items()} == dict.fromkeys(book.clusters, NOW)


def test_a_blessed_cluster_stays_blessed():
    links = links_of(book_of(1))
    (name,) = links.clusters
    allow_listed = structs.replace(links, clusters={name: structs.replace(links.clusters[name], standing="blessed")})
    (ruling,) = msgspec.msgpack.decode(rebuilt(allow_listed), type=Book).rulings
    assert (ruling.ruling, ruling.cluster, ruling.until) == ("bless", name, None)


def test_newcomers_days_go_on_from_what_is_published():
    again = msgspec.msgpack.decode(
        rebuilt(structs.replace(NOTHING, at=NOW, newcomers={"free": 500.0}, voters={"free": 60, "paid": 9})), type=Book
    )
    assert again.days == {"free": LearntDay(500.0, NOW, 60)}


def test_no_links_make_an_empty_book():
    assert msgspec.msgpack.decode(rebuilt(NOTHING), type=Book) == Book()
