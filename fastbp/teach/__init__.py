"""The teaching room: every term with its number, a learner's own function, a learner's own numbers."""

from __future__ import annotations

from fastbp.teach.catalogue import MISTAKES, Mistake
from fastbp.teach.check import Check, Counterexample, check_backprop
from fastbp.teach.diagnosis import Diagnosis, diagnose
from fastbp.teach.explanation import Explanation, explain
from fastbp.teach.flow import FlowRecorder, GradientFlow, gradient_flow
from fastbp.teach.overview import Overview, overview
from fastbp.teach.page import page
from fastbp.teach.playground import Playground, play
from fastbp.teach.training.diagnosis import TrainingDiagnosis
from fastbp.teach.training.watching import TrainingRecorder, diagnose_training

__all__ = [
    "MISTAKES",
    "Check",
    "Counterexample",
    "Diagnosis",
    "Explanation",
    "FlowRecorder",
    "GradientFlow",
    "Mistake",
    "Overview",
    "Playground",
    "TrainingDiagnosis",
    "TrainingRecorder",
    "check_backprop",
    "diagnose",
    "diagnose_training",
    "explain",
    "gradient_flow",
    "overview",
    "page",
    "play",
]
