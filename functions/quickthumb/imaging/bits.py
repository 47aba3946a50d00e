"""Reads bit fields."""


class EndOfBits(Exception):
    """The data ended within a field."""


class Bits:
    """Reads bit fields from bytes, most significant bit first."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    @property
    def rest(self) -> memoryview:
        """The unread data, from the next whole byte on."""
        return self._data[-(-self._at // 8) :]

    def take(self, bits: int) -> int:
        """Read an unsigned number of that many bits; raises `EndOfBits`."""
        end = self._at + bits
        if end > 8 * len(self._data):
            raise EndOfBits("truncated field")
        number = int.from_bytes(self._data[self._at // 8 : -(-end // 8)], "big")
        self._at = end
        return number >> (-end % 8) & ((1 << bits) - 1)

    def flag(self) -> bool:
        """Read the next bit; raises `EndOfBits`."""
        return self.take(1) == 1
