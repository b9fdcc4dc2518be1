"""A machine's clock that is set while programs run: libfaketime between them and the real one.

Needs Debian's `faketime`. The steady clocks stay the machine's own, as they do where somebody or NTP sets a
real clock.
"""

from pathlib import Path

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


class SteppedClock:
    """The clock of every program that has `environment`; `ahead` seconds before the machine's."""

    def __init__(self, directory: Path, ahead: float = 0.0) -> None:
        if LIBRARY is None:
            raise RuntimeError("libfaketime is missing: apt-get install faketime")
        self._file, self._next = directory / "clock", directory / "clock.next"
        self.environment = {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "NO_FAKE_STAT": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }
        self.set(ahead)

    def set(self, ahead: float) -> None:
        """Set the clock; a program that reads it sees the old time or the new one."""
        self._next.write_text(f"{ahead:+.3f}\n")
        self._next.replace(self._file)
