"""The script in Redis and the embedded take are one and the same arithmetic, to the last digit."""

from itertools import count

import pytest
from redis_process import RedisServer
from take_story import FOREVER, NOW, PureBuckets, Story, result

from reputation.limits.bucket import Bucket, Limit, change_limit, full
from reputation.limits.take import Ask, Charge
from reputation.stores.redis.asks import AskBatch
from reputation.stores.redis.names import Names
from reputation.stores.redis.server import Script

SCRIPT = Script("take.lua").text
OPERATIONS = 100_000
pytestmark = pytest.mark.gateway


def test_the_script_answers_as_the_embedded_store_does(redis_server: RedisServer):
    """100,000 random asks, groups of them too, with limits that change, leases, and a clock that steps both ways."""
    story, embedded, names, number, done = Story(1), PureBuckets(), Names("acme"), 0, 0
    client = redis_server.client()
    script = client.script_load(SCRIPT)
    while done < OPERATIONS:
        pipeline, expected, batches = client.pipeline(transaction=False), [], []
        for _ in range(200):
            story.step()
            batch, number = AskBatch(names, "b", NOW), number + 1
            for _ in range(story.random.randint(1, 20)):
                ask, limits = story.group() if story.random.random() < 0.1 else story.ask()
                batch.add(ask)
                expected.append(embedded.carry_out(ask, limits, story.now))
            packed = batch.packed(story.now, FOREVER)
            keys = [names.single("receipt"), *batch.keys]
            pipeline.execute_command("EVALSHA", script, len(keys), *keys, number, packed)
            batches.append(batch)
        answers = pipeline.execute()
        found = [taken for batch, answer in zip(batches, answers, strict=True) for taken in batch.read(answer)]
        assert [*map(result, found)] == [*map(result, expected)]
        done += len(found)
    client.close()
    assert embedded.reserved.leases.settled > 1000


NUMBERS = count(1)
LARGE, SMALL = Limit(0.01, 1000.0), Limit(1.0, 1.0)


def taken_of(client, account, bucket, cost):
    """Take from a bucket in Redis by one replica's copy; returns its name there, and what it holds afterwards."""
    batch = AskBatch(Names("acme"), "b", NOW)
    batch.add(Ask([[Charge("burst", "account", ("own", account, "burst"), bucket)]], cost))
    (name,) = batch.keys
    keys = [Names("acme").single(f"receipt of {account}"), name]
    (taken,) = batch.read(client.execute_command("EVAL", SCRIPT, 2, *keys, next(NUMBERS), batch.packed(NOW, 60.0)))
    return name, taken.states[0].remaining


def test_a_bucket_with_a_smaller_limit_is_kept_until_it_would_be_full_at_the_larger_one(redis_server: RedisServer):
    """Else an account could have its tier fall and rise to find its bucket gone, and so full."""
    with redis_server.client() as client:
        bucket = Bucket(0.0, 0.0, LARGE)
        taken_of(client, "kept", bucket, 1000.0)
        change_limit(bucket, SMALL, NOW)
        name, _ = taken_of(client, "kept", bucket, 0.0)
        assert client.pttl(name) > 900_000
        slow = full(LARGE, NOW)
        taken_of(client, "slow", slow, 1000.0)
        change_limit(slow, Limit(10 / 86_400, 10.0), NOW)
        name, _ = taken_of(client, "slow", slow, 0.0)
        assert 30 * 86_400 <= client.ttl(name) <= 30 * 86_400 + 60


def test_a_bucket_that_is_not_kept_is_full_at_the_larger_limit_that_the_replica_knows_of(redis_server: RedisServer):
    with redis_server.client() as client:
        bucket = Bucket(1000.0, NOW, LARGE)
        change_limit(bucket, SMALL, NOW)
        assert taken_of(client, "gone", bucket, 1.0)[1] == 0.0
        change_limit(bucket, LARGE, NOW)
        assert taken_of(client, "gone", bucket, 9.0)[1] == 990.0
