"""Hot loops as machine code: what is counted, and that registers suffice for the tiles of every CPU."""

from __future__ import annotations

import pytest

from bench import assembly

X86 = """
	pushq	%rbp
.LBB0_1:
	vmovups	%ymm1, -32(%rsp)
.LBB0_2:
	vbroadcastss	(%rax,%rdi,4), %ymm2
	vfmadd231ps	%ymm2, %ymm3, %ymm4
	vfmadd231ps	64(%rsp), %ymm3, %ymm5
	vmovaps	%ymm6, 96(%rsp)
	vmulss	%xmm1, %xmm2, %xmm3
	jne	.LBB0_2
	vmovups	(%rsp), %ymm1
	vaddps	(%rbp), %ymm1, %ymm1
	cmpq	$4, %rax
	jl	.LBB0_1
	vmovups	%ymm1, -32(%rsp)
	retq
"""
ARM = """
	stp	d9, d8, [sp, #-64]!
.LBB0_1:
	str	q1, [sp, #16]
.LBB0_2:
	ldp	q2, q3, [x8], #32
	fmla	v0.4s, v2.4s, v3.s[0]
	fmla	v1.4s, v2.4s, v3.s[1]
	stp	q4, q5, [sp, #32]
	ldr	q6, [sp, #64]
	fmul	s1, s2, s3
	b.ne	.LBB0_2
	ldr	q1, [sp, #16]
	cbnz	x9, .LBB0_1
	ret
"""


@pytest.mark.parametrize("text", [X86, ARM])
def test_what_is_counted(text: str) -> None:
    """In the inner loop two multiply-adds, a spill, a reload and a product of single elements; a pair around it."""
    lines = [line.strip() for line in text.strip().splitlines()]
    assert assembly.count("kernel", (1, 2), lines) == ("kernel", (1, 2), 2, 1, 1, 1, 1, 1)


def test_a_frame_is_the_stack_too() -> None:
    lines = ["movq	%rsp, %rbp", ".LBB0_1:", "vfmadd231ps	-64(%rbp), %ymm1, %ymm2", "jne	.LBB0_1"]
    assert assembly.count("kernel", (), lines).loaded == 1


@pytest.mark.compiled
@pytest.mark.parametrize("level", ["x86-64-v3", "aarch64"])
def test_registers_suffice(level: str) -> None:
    """In the hot loops of all tiles nothing goes to the stack, and whole vectors are multiplied."""
    found = assembly.counts(level, "float32")
    assert {one.kernel for one in found} == {"microkernel", "fused_update_forward"}
    assert len(found) > 10
    assert all(one.fmas > 0 for one in found)
    assert [one for one in found if one.stored or one.stored_around > 2 or one.single] == []
