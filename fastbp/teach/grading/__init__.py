"""Grading: notebooks that learners hand in, run in a child process, judged by the teacher's checks in this one."""

from __future__ import annotations

from fastbp.teach.grading.grade import Row, grade
from fastbp.teach.grading.process import Limits
from fastbp.teach.grading.table import as_csv, summary

__all__ = ["Limits", "Row", "as_csv", "grade", "summary"]
