"""Code as rules see it: expressions, calls, statements and functions, bound to the scope that gives names a meaning."""

from fastapi_audit.evidence.source.code.bodies import Body
from fastapi_audit.evidence.source.code.calls import Call
from fastapi_audit.evidence.source.code.classes import PLAIN_BASES, Class, ClassBody, Field, Model, Settings
from fastapi_audit.evidence.source.code.expressions import UNKNOWN, Expression
from fastapi_audit.evidence.source.code.functions import LONGEST_KEY, Function
from fastapi_audit.evidence.source.code.handlers import Handler
from fastapi_audit.evidence.source.code.module import Module
from fastapi_audit.evidence.source.code.parameters import Parameter
from fastapi_audit.evidence.source.code.placed import Placed
from fastapi_audit.evidence.source.code.program import Program
from fastapi_audit.evidence.source.code.statements import Statement

__all__ = [
    "LONGEST_KEY",
    "PLAIN_BASES",
    "UNKNOWN",
    "Body",
    "Call",
    "Class",
    "ClassBody",
    "Expression",
    "Field",
    "Function",
    "Handler",
    "Model",
    "Module",
    "Parameter",
    "Placed",
    "Program",
    "Settings",
    "Statement",
]
