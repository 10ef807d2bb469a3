"""What the deployment files say, with exact lines; nothing is run."""

from fastapi_audit.evidence.deployment.command_line import CommandLine, EnvVar, Healthcheck
from fastapi_audit.evidence.deployment.compose import Build, Dependency, Service, ServiceKind
from fastapi_audit.evidence.deployment.deployment import Deployment, MaxConnections, WorkerTotal
from fastapi_audit.evidence.deployment.dockerfile import Image, Stage
from fastapi_audit.evidence.deployment.dotenv import DotEnv
from fastapi_audit.evidence.deployment.gunicorn import ConfigValue, GunicornConfig
from fastapi_audit.evidence.deployment.image_reference import ImageReference
from fastapi_audit.evidence.deployment.kubernetes import Autoscaler, Container, Ingress, Probe, Settings, Workload
from fastapi_audit.evidence.deployment.ports import Port
from fastapi_audit.evidence.deployment.process import ProcessLine
from fastapi_audit.evidence.deployment.reading import read
from fastapi_audit.evidence.deployment.requirements import PythonRequirement, Requirement, Requirements
from fastapi_audit.evidence.deployment.server_command import DecidedBy, Home, Hop, ServerCommand, Setting, Variable
from fastapi_audit.evidence.deployment.server_programs import Program
from fastapi_audit.evidence.deployment.shell import ShellCommand, ShellScript
from fastapi_audit.evidence.deployment.text import Text
from fastapi_audit.evidence.deployment.variables import Reference

SUBJECTS: tuple[type, ...] = (
    Deployment,
    Image,
    Service,
    Workload,
    Ingress,
    Settings,
    ProcessLine,
    ServerCommand,
    GunicornConfig,
    ShellScript,
    DotEnv,
    Requirement,
    PythonRequirement,
)
"""What a check may ask for; `Deployment` is one, and there whenever any deployment file is."""

__all__ = [
    "SUBJECTS",
    "Autoscaler",
    "Build",
    "CommandLine",
    "ConfigValue",
    "Container",
    "DecidedBy",
    "Dependency",
    "Deployment",
    "DotEnv",
    "EnvVar",
    "GunicornConfig",
    "Healthcheck",
    "Home",
    "Hop",
    "Image",
    "ImageReference",
    "Ingress",
    "MaxConnections",
    "Port",
    "Probe",
    "ProcessLine",
    "Program",
    "PythonRequirement",
    "Reference",
    "Requirement",
    "Requirements",
    "ServerCommand",
    "Service",
    "ServiceKind",
    "Setting",
    "Settings",
    "ShellCommand",
    "ShellScript",
    "Stage",
    "Text",
    "Variable",
    "WorkerTotal",
    "Workload",
    "read",
]
