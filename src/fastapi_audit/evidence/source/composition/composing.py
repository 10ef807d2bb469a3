"""Turns the registrations on application objects into applications."""

from fastapi_audit.evidence.source.code import Program
from fastapi_audit.evidence.source.composition.applications import App
from fastapi_audit.evidence.source.composition.dependencies import listed_dependencies
from fastapi_audit.evidence.source.composition.routing import Routing, Way
from fastapi_audit.evidence.source.composition.wrapping import Wrapping
from fastapi_audit.evidence.source.values import Instance


def compose(instance: Instance, source: Program) -> App:
    """Flattens what was registered on an application."""
    app = App(instance, source)
    wrapping = Wrapping(app, source)
    wrapping.constructor()
    dependencies = tuple(listed_dependencies(instance.keywords.get("dependencies"), "app", source))
    Routing(app, source, wrapping).registrations(instance, Way("", dependencies, (), "import", (instance,)))
    wrapping.order_middleware()
    for position, route in enumerate(app.routes):
        route.position = position
    return app


def mount_applications(apps: list[App]) -> None:
    """Connects mounted applications with the one that mounts them."""
    by_instance = {id(a.instance): a for a in apps}
    for app in apps:
        for route in app.routes:
            handler = route.handler
            if route.kind != "mount" or not isinstance(handler, Instance):
                continue
            child = by_instance.get(id(handler))
            if child is not None and child is not app and child.parent is None and app.parent is not child:
                child.mounted_at, child.parent = route.path, app
                child.mounted_under = route.conditions
                app.mounts.append(child)
