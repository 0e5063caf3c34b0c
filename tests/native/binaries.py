"""What a shared library tells its loader, read from its bytes: ELF, Mach-O and PE, of 64 bits and little-endian."""

from __future__ import annotations

import struct
from typing import NamedTuple


class Binary(NamedTuple):
    """Of a library."""

    machine: str
    exports: frozenset[str]
    """Names that others may use."""
    imports: frozenset[str]
    """Names that it takes from elsewhere."""
    libraries: tuple[str, ...]
    """Libraries that have to be there."""
    executable_data: bool
    """Whether memory, the stack among it, can be written to and executed."""


MACHINES = {
    0x3E: "x86_64",
    0xB7: "aarch64",
    0x8664: "x86_64",
    0x0100_0007: "x86_64",
    0x0100_000C: "arm64",
}


def read(data: bytes) -> Binary:
    """A library of any of the three kinds.

    Raises
    ------
    ValueError
        It is of none of them.
    """
    if data[:6] == b"\x7fELF\x02\x01":
        return _elf(data)
    if data[:4] == struct.pack("<I", 0xFEED_FACF):
        return _mach_o(data)
    if data[:2] == b"MZ":
        return _pe(data)
    raise ValueError("The file is no library of ELF, Mach-O or PE.")


def _text(data: bytes, at: int) -> str:
    return data[at : data.index(b"\0", at)].decode("ascii")


def _elf(data: bytes) -> Binary:
    (machine,) = struct.unpack_from("<H", data, 18)
    segments_at, sections_at = struct.unpack_from("<QQ", data, 32)
    n_segments, _, n_sections = struct.unpack_from("<HHH", data, 56)
    segments = [struct.unpack_from("<IIQQQQQQ", data, segments_at + 56 * i) for i in range(n_segments)]
    sections = [struct.unpack_from("<IIQQQQIIQQ", data, sections_at + 64 * i) for i in range(n_sections)]
    stack = [flags for kind, flags, *_ in segments if kind == 0x6474_E551]
    writable = [flags for kind, flags, *_ in segments if kind == 1]
    names: dict[bool, set[str]] = {True: set(), False: set()}
    libraries = []
    for _, kind, _, _, at, size, link, *_ in sections:
        strings = sections[link][4] if link < n_sections else 0
        if kind == 11:  # the dynamic symbols
            for i in range(at + 24, at + size, 24):
                name, info, _, section, _, _ = struct.unpack_from("<IBBHQQ", data, i)
                if info >> 4 in (1, 2):
                    names[section != 0].add(_text(data, strings + name))
        elif kind == 6:  # the dynamic section
            entries = [struct.unpack_from("<QQ", data, i) for i in range(at, at + size, 16)]
            libraries = [_text(data, strings + value) for tag, value in entries if tag == 1]
    return Binary(
        MACHINES[machine],
        frozenset(names[True]),
        frozenset(names[False]),
        tuple(libraries),
        not stack or any(flags & 3 == 3 for flags in stack + writable),
    )


def _mach_o(data: bytes) -> Binary:
    machine, _, kind, n_commands = struct.unpack_from("<IIII", data, 4)
    if kind != 6:
        raise ValueError("It is no dynamic library.")
    at = 32
    names: dict[bool, set[str]] = {True: set(), False: set()}
    libraries, executable_data = [], False
    for _ in range(n_commands):
        command, size = struct.unpack_from("<II", data, at)
        if command == 0x2:  # symbols
            symbols, n, strings = struct.unpack_from("<III", data, at + 8)
            for i in range(symbols, symbols + 16 * n, 16):
                name, info, *_ = struct.unpack_from("<IBBHQ", data, i)
                if info & 0x11 == 1 and not info & 0xE0:  # external, in the whole process, not for debuggers
                    names[info & 0x0E != 0].add(_text(data, strings + name).removeprefix("_"))
        elif command == 0xC:
            (name,) = struct.unpack_from("<I", data, at + 8)
            libraries.append(_text(data, at + name))
        elif command == 0x19:
            most, first = struct.unpack_from("<ii", data, at + 56)
            executable_data |= any(protection & 6 == 6 for protection in (most, first))
        at += size
    return Binary(MACHINES[machine], frozenset(names[True]), frozenset(names[False]), tuple(libraries), executable_data)


def _pe(data: bytes) -> Binary:
    (start,) = struct.unpack_from("<I", data, 60)
    machine, n_sections = struct.unpack_from("<HH", data, start + 4)
    (size,) = struct.unpack_from("<H", data, start + 20)
    optional = start + 24
    sections = [struct.unpack_from("<8sIIIIIIHHI", data, optional + size + 40 * i) for i in range(n_sections)]

    def place(address: int) -> int:
        """In the file, of an address in memory."""
        for _, virtual_size, virtual, _, raw, *_ in sections:
            if virtual <= address < virtual + virtual_size:
                return address - virtual + raw
        raise ValueError(f"{address:#x} is in no section.")

    exports, imports, libraries = set(), set(), []
    exported, _, imported, _ = struct.unpack_from("<IIII", data, optional + 112)
    (n_names,) = struct.unpack_from("<I", data, place(exported) + 24)
    (names,) = struct.unpack_from("<I", data, place(exported) + 32)
    for name in struct.unpack_from(f"<{n_names}I", data, place(names)):
        exports.add(_text(data, place(name)))
    at = place(imported) if imported else 0
    while imported and (entry := struct.unpack_from("<IIIII", data, at))[3]:
        libraries.append(_text(data, place(entry[3])))
        known = place(entry[0] or entry[4])
        while (hint := struct.unpack_from("<Q", data, known)[0]) != 0:
            imports.add(_text(data, place(hint) + 2))
            known += 8
        at += 20
    nx_compatible = struct.unpack_from("<H", data, optional + 70)[0] & 0x100
    executable_data = not nx_compatible or any(section[-1] & 0xA000_0000 == 0xA000_0000 for section in sections)
    return Binary(MACHINES[machine], frozenset(exports), frozenset(imports), tuple(libraries), executable_data)
