"""What the deployment files say, with exact lines; nothing is run."""

from collections.abc import Callable, Mapping, Sequence

from fastapi_audit.evidence.deployment.command_line import CommandLine, EnvVar, Healthcheck
from fastapi_audit.evidence.deployment.compose import Build, DependsOn, Service, ServiceKind
from fastapi_audit.evidence.deployment.datastores import PostgresConf, RedisConf
from fastapi_audit.evidence.deployment.deployment import Deployment, MaxConnections, WorkerTotal
from fastapi_audit.evidence.deployment.dockerfile import Image, Stage
from fastapi_audit.evidence.deployment.dotenv import DotEnv
from fastapi_audit.evidence.deployment.gunicorn import ConfigValue, GunicornConfig
from fastapi_audit.evidence.deployment.image_reference import ImageReference
from fastapi_audit.evidence.deployment.kubernetes import Autoscaler, ConfigData, Container, Ingress, Probe, Workload
from fastapi_audit.evidence.deployment.linking import python_command
from fastapi_audit.evidence.deployment.nginx import Proxy, ProxyLocation, ProxyServer, Upstream
from fastapi_audit.evidence.deployment.nginx_directives import Directive
from fastapi_audit.evidence.deployment.observing import AlertRule, Dashboard, PrometheusConfig, ScrapeJob
from fastapi_audit.evidence.deployment.ports import Port
from fastapi_audit.evidence.deployment.process import ProcessLine
from fastapi_audit.evidence.deployment.reading import read
from fastapi_audit.evidence.deployment.requirements import PythonRequirement, Requirement, Requirements
from fastapi_audit.evidence.deployment.server_command import DecidedBy, Home, Hop, ServerCommand, Setting, Variable
from fastapi_audit.evidence.deployment.server_programs import Program
from fastapi_audit.evidence.deployment.shell import ShellCommand, ShellScript
from fastapi_audit.evidence.deployment.text import Document, Text
from fastapi_audit.evidence.deployment.variables import Reference

SUBJECTS: Mapping[type, Callable[[Deployment], Sequence[object]]] = {
    Deployment: lambda d: [d] if d.files else [],
    Image: lambda d: d.images,
    Service: lambda d: d.services,
    Workload: lambda d: d.workloads,
    Ingress: lambda d: d.ingresses,
    ConfigData: lambda d: d.config_data,
    ProcessLine: lambda d: d.processes,
    ServerCommand: lambda d: d.commands,
    GunicornConfig: lambda d: d.gunicorn_configs,
    ShellScript: lambda d: d.scripts,
    DotEnv: lambda d: d.dotenvs,
    Proxy: lambda d: d.proxies,
    ProxyLocation: lambda d: d.proxy_locations,
    PrometheusConfig: lambda d: d.prometheus,
    AlertRule: lambda d: d.alerts,
    Dashboard: lambda d: d.dashboards,
    RedisConf: lambda d: d.redis_confs,
    PostgresConf: lambda d: d.postgres_confs,
    Requirement: lambda d: d.requirements.all,
    PythonRequirement: lambda d: d.requirements.python,
}
"""What a check may ask for, and where it is; `Deployment` sees everything together."""

__all__ = [
    "SUBJECTS",
    "AlertRule",
    "Autoscaler",
    "Build",
    "CommandLine",
    "ConfigData",
    "ConfigValue",
    "Container",
    "Dashboard",
    "DecidedBy",
    "DependsOn",
    "Deployment",
    "Directive",
    "Document",
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
    "PostgresConf",
    "Probe",
    "ProcessLine",
    "Program",
    "PrometheusConfig",
    "Proxy",
    "ProxyLocation",
    "ProxyServer",
    "PythonRequirement",
    "RedisConf",
    "Reference",
    "Requirement",
    "Requirements",
    "ScrapeJob",
    "ServerCommand",
    "Service",
    "ServiceKind",
    "Setting",
    "ShellCommand",
    "ShellScript",
    "Stage",
    "Text",
    "Upstream",
    "Variable",
    "WorkerTotal",
    "Workload",
    "python_command",
    "read",
]
