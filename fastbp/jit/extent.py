"""How long a shared library's file has to be, by what stands in it: loading one that was cut off ends the process."""

from __future__ import annotations

import struct


def extent(data: bytes) -> int:
    """Where the last part ends that the beginning of the file names, of ELF, Mach-O or PE with 64 bits.

    Raises
    ------
    ValueError
        It is none of these, or ends before all parts are named.
    """
    try:
        if data[:6] == b"\x7fELF\x02\x01":
            return max(_of_elf(data))
        if data[:4] == struct.pack("<I", 0xFEED_FACF):
            return max(_of_mach_o(data))
        if data[:2] == b"MZ":
            return max(_of_pe(data))
    except struct.error:
        raise ValueError("it ends before its first part") from None
    raise ValueError("it is no library of ELF, Mach-O or PE")


def _of_elf(data: bytes) -> list[int]:
    """The ends of segments, and of the table of sections, which stands last."""
    segments, sections = struct.unpack_from("<QQ", data, 32)
    segment_size, n_segments, section_size, n_sections = struct.unpack_from("<HHHH", data, 54)
    ends = [segments + segment_size * n_segments, sections + section_size * n_sections]
    for i in range(n_segments):
        start, _, _, size = struct.unpack_from("<QQQQ", data, segments + segment_size * i + 8)
        ends.append(start + size)
    return ends


def _of_mach_o(data: bytes) -> list[int]:
    """The ends of segments; in the last one are the symbols and the signature."""
    n_commands, commands_size = struct.unpack_from("<II", data, 16)
    at, ends = 32, [32 + commands_size]
    for _ in range(n_commands):
        command, size = struct.unpack_from("<II", data, at)
        if command == 0x19:
            start, length = struct.unpack_from("<QQ", data, at + 40)
            ends.append(start + length)
        at += size
    return ends


def _of_pe(data: bytes) -> list[int]:
    """The ends of sections."""
    (start,) = struct.unpack_from("<I", data, 60)
    (n_sections,) = struct.unpack_from("<H", data, start + 6)
    (optional,) = struct.unpack_from("<H", data, start + 20)
    at = start + 24 + optional
    ends = [at + 40 * n_sections]
    for i in range(n_sections):
        size, raw = struct.unpack_from("<II", data, at + 40 * i + 16)
        ends.append(raw + size)
    return ends
