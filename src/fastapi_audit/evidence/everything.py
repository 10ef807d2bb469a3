"""The names of `fastapi_audit.evidence`, which imports them from here when one of them is asked for."""

from fastapi_audit.evidence.app import Operation, RunningApp, Unavailable, agree, inspect
from fastapi_audit.evidence.collecting import uncollected
from fastapi_audit.evidence.live import Live, Progress, probe
from fastapi_audit.evidence.live.exchange import Exchange
from fastapi_audit.evidence.live.experiments.bursts import Burst, Bursts
from fastapi_audit.evidence.live.experiments.chosen_media_type import ChosenMediaType
from fastapi_audit.evidence.live.experiments.cross_origin_answer import CrossOriginAnswer
from fastapi_audit.evidence.live.experiments.error_answer import ErrorAnswer
from fastapi_audit.evidence.live.experiments.event_stream import EventStream
from fastapi_audit.evidence.live.experiments.examined_operation import ExaminedOperation
from fastapi_audit.evidence.live.experiments.exported_metrics import ExportedMetrics
from fastapi_audit.evidence.live.experiments.foreign_object import ForeignObject
from fastapi_audit.evidence.live.experiments.forged_host_answer import ForgedHostAnswer
from fastapi_audit.evidence.live.experiments.health_answers import HealthAnswers
from fastapi_audit.evidence.live.experiments.large_batch import LargeBatch
from fastapi_audit.evidence.live.experiments.large_page import LargePage
from fastapi_audit.evidence.live.experiments.left_socket import LeftSocket
from fastapi_audit.evidence.live.experiments.listed_entries import ListedEntries
from fastapi_audit.evidence.live.experiments.measured_latency import MeasuredLatency
from fastapi_audit.evidence.live.experiments.metrics_answer import MetricsAnswer
from fastapi_audit.evidence.live.experiments.opened_socket import OpenedSocket
from fastapi_audit.evidence.live.experiments.oversize_bodies import OversizeBodies
from fastapi_audit.evidence.live.experiments.read_answer import ReadAnswer
from fastapi_audit.evidence.live.experiments.rejected_secret import RejectedSecret
from fastapi_audit.evidence.live.experiments.request_id import RequestId
from fastapi_audit.evidence.live.experiments.served_description import ServedDescription
from fastapi_audit.evidence.live.experiments.session_cookie import SessionCookie
from fastapi_audit.evidence.live.experiments.shared_answer import SharedAnswer
from fastapi_audit.evidence.live.experiments.shutdown import Shutdown
from fastapi_audit.evidence.live.experiments.split_limit import SplitLimit
from fastapi_audit.evidence.live.experiments.wait_beside import WaitBeside
from fastapi_audit.evidence.live.probing import (
    BUILT_IN,
    LOCUST,
    Identity,
    Limits,
    Named,
    Permissions,
    Probing,
    Start,
    Target,
    read_identity,
)
from fastapi_audit.evidence.project import SUBJECTS, Comment, Gathering, Project, asked, gather, probed, text_of
from fastapi_audit.evidence.secret_names import SECRET_FIELD, SESSION_COOKIE
from fastapi_audit.evidence.source.blocking import Blocking
from fastapi_audit.evidence.source.body_size import app_limits_body, limits_body, looks_at_size
from fastapi_audit.evidence.source.caches import CachedFunction, caches_of, route_caches
from fastapi_audit.evidence.source.code import (
    UNKNOWN,
    Call,
    Class,
    Expression,
    Field,
    Function,
    Handler,
    Model,
    Module,
    Parameter,
    Settings,
    Statement,
)
from fastapi_audit.evidence.source.composition import (
    App,
    Dependency,
    ExceptionHandler,
    Middleware,
    Registered,
    Route,
    parameter_dependencies,
)
from fastapi_audit.evidence.source.databases import (
    CONNECTS,
    DRIVER_CONNECTS,
    ORM_SESSIONS,
    SESSIONS,
    SQLALCHEMY_SESSIONS,
)
from fastapi_audit.evidence.source.grounds import CONTEXTS, Ground
from fastapi_audit.evidence.source.handing import Holder, holders
from fastapi_audit.evidence.source.keeping import is_kept, is_remembered
from fastapi_audit.evidence.source.limits import LimitedFunction, limits_of, limits_of_app
from fastapi_audit.evidence.source.metrics import Metric
from fastapi_audit.evidence.source.once import fills_a_cache
from fastapi_audit.evidence.source.origins import Origin
from fastapi_audit.evidence.source.reach import Reach
from fastapi_audit.evidence.source.resources import Resource
from fastapi_audit.evidence.source.revisions import Revision
from fastapi_audit.evidence.source.stack import ROLES
from fastapi_audit.evidence.source.streaming import generator_of, streamed_by
from fastapi_audit.evidence.source.variables import Change, Variable, class_changes

__all__ = [
    "BUILT_IN",
    "CONNECTS",
    "CONTEXTS",
    "DRIVER_CONNECTS",
    "LOCUST",
    "ORM_SESSIONS",
    "ROLES",
    "SECRET_FIELD",
    "SESSIONS",
    "SESSION_COOKIE",
    "SQLALCHEMY_SESSIONS",
    "SUBJECTS",
    "UNKNOWN",
    "App",
    "Blocking",
    "Burst",
    "Bursts",
    "CachedFunction",
    "Call",
    "Change",
    "ChosenMediaType",
    "Class",
    "Comment",
    "CrossOriginAnswer",
    "Dependency",
    "ErrorAnswer",
    "EventStream",
    "ExaminedOperation",
    "ExceptionHandler",
    "Exchange",
    "ExportedMetrics",
    "Expression",
    "Field",
    "ForeignObject",
    "ForgedHostAnswer",
    "Function",
    "Gathering",
    "Ground",
    "Handler",
    "HealthAnswers",
    "Holder",
    "Identity",
    "LargeBatch",
    "LargePage",
    "LeftSocket",
    "LimitedFunction",
    "Limits",
    "ListedEntries",
    "Live",
    "MeasuredLatency",
    "Metric",
    "MetricsAnswer",
    "Middleware",
    "Model",
    "Module",
    "Named",
    "OpenedSocket",
    "Operation",
    "Origin",
    "OversizeBodies",
    "Parameter",
    "Permissions",
    "Probing",
    "Progress",
    "Project",
    "Reach",
    "ReadAnswer",
    "Registered",
    "RejectedSecret",
    "RequestId",
    "Resource",
    "Revision",
    "Route",
    "RunningApp",
    "ServedDescription",
    "SessionCookie",
    "Settings",
    "SharedAnswer",
    "Shutdown",
    "SplitLimit",
    "Start",
    "Statement",
    "Target",
    "Unavailable",
    "Variable",
    "WaitBeside",
    "agree",
    "app_limits_body",
    "asked",
    "caches_of",
    "class_changes",
    "fills_a_cache",
    "gather",
    "generator_of",
    "holders",
    "inspect",
    "is_kept",
    "is_remembered",
    "limits_body",
    "limits_of",
    "limits_of_app",
    "looks_at_size",
    "parameter_dependencies",
    "probe",
    "probed",
    "read_identity",
    "route_caches",
    "streamed_by",
    "text_of",
    "uncollected",
]
