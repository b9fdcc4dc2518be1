"""The script in Redis and the embedded take are one and the same arithmetic, to the last digit."""

import pytest
from redis_process import RedisServer
from take_story import FOREVER, NOW, PureBuckets, Story, result

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
