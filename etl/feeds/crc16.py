"""The table of the CRC-16 that HJ 212 and SL 651 both compute, each in its own way."""

POLYNOMIAL = 0xA001
"""x16 + x15 + x2 + 1, reflected."""


def _shifted(register: int) -> int:
    for _ in range(8):
        register = (register >> 1) ^ POLYNOMIAL if register & 1 else register >> 1
    return register


CRC16 = tuple(_shifted(byte) for byte in range(256))
"""What eight shifts make of a byte."""
