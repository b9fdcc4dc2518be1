"""Limits of one connection of HTTP/2."""

from typing import Final

CALLS: Final = 1024
"""Calls at once, together with those that the peer gave up and that are still being answered."""
METADATA: Final = 16_384
"""Bytes of a call's fields, as RFC 9113, 10.5.1 counts them; also of a header block."""
STREAM_WINDOW: Final = 131_072
WINDOW: Final = 1_048_576
HELD: Final = 8_388_608
"""Bytes kept for the calls in flight: metadata, incomplete messages, and answers that wait for the peer."""
UNSENT: Final = 1_048_576
"""Bytes of one stream's messages that wait for the peer; a message above it is dropped."""
IDLE_FRAMES: Final = 4000
"""Control frames, resets and empty frames, above the number of answers, from one look at the clock to the next."""
