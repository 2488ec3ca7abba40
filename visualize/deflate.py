"""Compressed bytes that are the same on every machine; zlib's differ from version to version. RFC 1950 and 1951, with
the fixed code.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right

__all__ = ["deflated"]

LENGTHS = (3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227,
           258)  # fmt: skip
DISTANCES = (1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073,
             4097, 6145, 8193, 12289, 16385, 24577)  # fmt: skip
"""The least length, and the least distance, of each symbol (RFC 1951, 3.2.5)."""

END = 256
LONGEST, FARTHEST = 258, 32768


class _Bits:
    """Bits that become bytes, the lowest first."""

    def __init__(self) -> None:
        self.number, self.count = 0, 0

    def put(self, number: int, count: int) -> None:
        self.number |= number << self.count
        self.count += count

    def put_code(self, code: int, count: int) -> None:
        """A code of the alphabet goes the other way round."""
        self.put(int(f"{code:0{count}b}"[::-1], 2), count)

    def put_symbol(self, symbol: int) -> None:
        """A byte, the end, or a length (RFC 1951, 3.2.6)."""
        if symbol < 144:
            self.put_code(0x30 + symbol, 8)
        elif symbol < END:
            self.put_code(0x190 + symbol - 144, 9)
        elif symbol < 280:
            self.put_code(symbol - END, 7)
        else:
            self.put_code(0xC0 + symbol - 280, 8)

    def put_match(self, length: int, distance: int) -> None:
        """So many bytes as they stand so far back."""
        place = bisect_right(LENGTHS, length) - 1
        self.put_symbol(257 + place)
        self.put(length - LENGTHS[place], 0 if place < 8 or place == 28 else place // 4 - 1)
        place = bisect_right(DISTANCES, distance) - 1
        self.put_code(place, 5)
        self.put(distance - DISTANCES[place], max(place // 2 - 1, 0))


def _alike(data: bytes, k: int, back: int) -> int:
    """How many bytes from k on are as those so far back."""
    length = 0
    while length < LONGEST and k + length < len(data) and data[k + length] == data[k + length - back]:
        length += 1
    return length


def deflated(data: bytes) -> bytes:
    """Data as `zlib.decompress` reads it: what stood there before is referred to, from its last place."""
    bits, seen, k = _Bits(), dict[bytes, int](), 0
    bits.put(0b011, 3)  # the last block, by the fixed code
    while k < len(data):
        back = k - seen.get(data[k : k + 3], -FARTHEST)
        length = _alike(data, k, back) if back < FARTHEST else 0
        if length >= LENGTHS[0]:
            bits.put_match(length, back)
        else:
            bits.put_symbol(data[k])
            length = 1
        for place in range(k, k + length):
            seen[data[place : place + 3]] = place
        k += length
    bits.put_symbol(END)
    body = bits.number.to_bytes((bits.count + 7) // 8, "little")
    return b"\x78\x01" + body + zlib.adler32(data).to_bytes(4, "big")
