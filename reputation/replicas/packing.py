"""Compressed bytes of other replicas, unpacked within a bound."""

import zstandard


def decompressed(data: bytes, most: int) -> bytes:
    """Return the original bytes. Raises ValueError for malformed data, or for more than `most` bytes."""
    try:
        if zstandard.frame_content_size(data) > most:
            raise ValueError(f"this unpacks to more than {most:,} bytes")
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=most)
    except zstandard.ZstdError as error:
        raise ValueError("this was not compressed by a replica") from error


def compressed(data: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(data)
