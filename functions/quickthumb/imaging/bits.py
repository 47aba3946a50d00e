"""Numbers that are not whole bytes."""


class EndOfBits(Exception):
    """The bytes end where a number was to be read."""


class Bits:
    """Reads numbers of so many bits from bytes, the highest bit first."""

    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    @property
    def rest(self) -> memoryview:
        """What was not yet read, from the next whole byte on."""
        return self._data[-(-self._at // 8) :]

    def take(self, bits: int) -> int:
        """Read the next number; raises `EndOfBits`."""
        end = self._at + bits
        if end > 8 * len(self._data):
            raise EndOfBits("the bytes end within a number")
        number = int.from_bytes(self._data[self._at // 8 : -(-end // 8)], "big")
        self._at = end
        return number >> (-end % 8) & ((1 << bits) - 1)

    def flag(self) -> bool:
        """Read the next bit; raises `EndOfBits`."""
        return self.take(1) == 1
