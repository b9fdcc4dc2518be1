"""Recorded decisions: who is sampled, what bounds them, and that they survive packing, files and restarts."""

import asyncio

import pytest
from small_engine import DAY, NOW, PAYER, SECRET, ask, push, report, tenant
from traffic import ALL, decisions, live, recorded

from reputation.config.file import RecordingSettings
from reputation.recordings.decisions import pack, unpack
from reputation.recordings.recorder import Recording
from reputation.recordings.tenant_recorder import MOST_OPEN, SEGMENT
from reputation.wire.ids import pseudonym


class TestWhoIsSampled:
    def test_an_account_is_recorded_whole_or_not_at_all(self, addresses):
        engine = tenant(addresses)
        recorder = recorded(engine, RecordingSettings(others=0.3))
        for _ in range(3):
            for i in range(400):
                ask(engine, f"a{i}")
        accounts = unpack_all(recorder).tolist()
        assert 0.2 < len(set(accounts)) / 400 < 0.4
        assert all(accounts.count(name) == 3 for name in set(accounts))

    def test_payers_and_accounts_with_an_outcome_have_a_share_of_their_own(self, addresses):
        engine = tenant(addresses)
        recorder = recorded(engine, RecordingSettings(payers=1.0, others=0.0))
        push(engine, "payer", **PAYER)
        report(engine, "abuser", "abuse")
        for name in ("payer", "abuser", "nobody"):
            ask(engine, name)
        assert sorted(unpack_all(recorder).tolist()) == sorted(hashed("payer", "abuser"))

    def test_names_are_keyed_hashes(self, addresses):
        engine = tenant(addresses)
        recorder = recorded(engine)
        ask(engine, "secret-name", "12.0.0.7")
        data = pack(recorder.open_segment()).data
        assert b"secret-name" not in b"".join(unpack(data).columns.values())
        assert unpack_all(recorder).tolist() == hashed("secret-name")


class TestBounds:
    def test_in_rate(self, addresses):
        engine = tenant(addresses)
        recorder = recorded(engine, RecordingSettings(others=1.0, per_second=10))
        for i in range(25):
            ask(engine, f"a{i}", now=NOW + 0.5)
        ask(engine, "later", now=NOW + 1)
        assert (recorder.written, recorder.dropped) == (11, 15)

    def test_in_number_while_nobody_packs(self, addresses):
        engine = tenant(addresses)
        recorder = recorded(engine)
        verdict = ask(engine, "a")
        assessed = assessed_of(engine)
        for _ in range((MOST_OPEN + 2) * SEGMENT):
            recorder.watch(assessed, verdict)
        assert len(recorder) <= (MOST_OPEN + 1) * SEGMENT
        assert recorder.dropped > 0

    def test_in_number_and_age_of_what_is_kept(self, addresses):
        engine = tenant(addresses)
        recorder = recorded(engine, RecordingSettings(others=1.0, most=50, days=1))
        for day in range(4):
            for i in range(30):
                ask(engine, f"a{i}", now=NOW + day * DAY / 4)
            recorder.close_open()
            recorder.keep(recorder.pack_waiting(), NOW + day * DAY / 4)
        assert len(recorder) == 30
        recorder.keep([], NOW + 3 * DAY)
        assert len(recorder) == 0


class TestPacking:
    def test_a_segment_comes_back_as_it_was(self, addresses):
        engine = tenant(addresses)
        recorder = recorded(engine)
        ask(engine, "a", "12.0.0.7")
        segment = recorder.open_segment()
        assert unpack(pack(segment).data) == segment

    @pytest.mark.parametrize("data", [b"", b"no segment", b"\x28\xb5\x2f\xfd"])
    def test_what_is_no_segment_is_a_value_error(self, data):
        with pytest.raises(ValueError, match="segment"):
            unpack(data)

    def test_a_decision_has_few_bytes(self, addresses):
        engine = tenant(addresses)
        recorder = recorded(engine)
        live(engine, 5000, 1, recorder)
        kept = recorder.segments(0.0)
        assert sum(len(s.data) for s in kept) / sum(s.decisions for s in kept) < 100


class TestFiles:
    """With a directory what was recorded outlives the process."""

    @staticmethod
    def recording(directory, engine, settings=ALL):
        found = Recording(lambda: settings, lambda: NOW, lambda *_, **__: None)
        found.directory = directory
        found.attach(engine)
        return found

    def test_are_read_again_by_the_next_process(self, addresses, tmp_path):
        engine = tenant(addresses)
        first = self.recording(tmp_path, engine)
        for i in range(20):
            ask(engine, f"a{i}")

        async def life():
            task = asyncio.create_task(first.run())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        asyncio.run(life())
        second = self.recording(tmp_path, tenant(addresses))
        (segment,) = asyncio.run(second.segments("default", 0.0))
        assert segment.decisions == 20
        assert unpack(segment.read()).decisions == 20

    def test_are_deleted_when_they_are_forgotten(self, addresses, tmp_path):
        engine = tenant(addresses)
        settings = RecordingSettings(others=1.0, most=10)
        recording = self.recording(tmp_path, engine, settings)
        for turn in range(3):
            for i in range(8):
                ask(engine, f"a{i}", now=NOW + turn)
            recording.recorders["default"].close_open()
            asyncio.run(recording.segments("default", 0.0))
        assert len(list(tmp_path.rglob("*.decisions"))) == 1

    def test_one_that_cannot_be_written_stays_in_memory(self, addresses, tmp_path):
        (tmp_path / "file").write_bytes(b"")
        engine = tenant(addresses)
        recording = self.recording(tmp_path / "file", engine)
        ask(engine, "a")
        recording.recorders["default"].close_open()
        (segment,) = asyncio.run(recording.segments("default", 0.0))
        assert unpack(segment.read()).decisions == 1


def hashed(*names):
    return [int(pseudonym(name, SECRET), 16) for name in names]


def unpack_all(recorder):
    recorder.close_open()
    recorder.keep(recorder.pack_waiting(), NOW)
    (part,) = decisions(recorder)
    return part.numbers["account"]


def assessed_of(engine):
    kept = []
    engine.verdict_hooks = (lambda assessed, _: kept.append(assessed),)
    ask(engine, "a")
    return kept[0]
