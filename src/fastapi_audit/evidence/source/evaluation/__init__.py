"""Reads a program as Python would compose it, without running it: names, values, what is registered on what.

Module bodies, factories, class constructors and decorators are followed with abstract values; the bodies of
handlers are not. Whatever depends on the environment stays `Unknown`, both branches of an open condition are
read, and every registration keeps the conditions that it stands under. Steps and depth are bounded.
"""

from fastapi_audit.evidence.source.evaluation.budget import STEPS_A_QUESTION, ExhaustedError
from fastapi_audit.evidence.source.evaluation.evaluation import Evaluation

__all__ = ["STEPS_A_QUESTION", "Evaluation", "ExhaustedError"]
