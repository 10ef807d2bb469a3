"""The measure itself: a perfect model scores full marks, and every kind of error costs its own mark."""

from dataclasses import replace
from pathlib import Path

import pytest
from benchmarks.accuracy.comparing import compare
from benchmarks.accuracy.handlers import WEBSOCKET, Handler, Layer, Told, model_of, truth_of
from benchmarks.corpus import WITH_TRUTH

ROUTE = Handler("GET", "/users", "shop.users.read", "shop/users.py", 4, is_async=True, dependencies=frozenset({"db"}))
OTHER = replace(ROUTE, path="/orders", endpoint="shop.users.orders", line=9)
TRUTH = Told((ROUTE, OTHER), (Layer("GZipMiddleware"), Layer("CORSMiddleware")))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/users.py").touch()
    return tmp_path


@pytest.mark.parametrize("name", [each.name for each in WITH_TRUTH])
def test_the_truth_agrees_with_itself(name: str, tmp_path: Path) -> None:
    truth = truth_of(name)
    for handler in truth.handlers:
        place = tmp_path / handler.file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    compared = compare(truth, truth, tmp_path)
    assert compared.found.ratio == 1
    assert compared.found.whole > 5
    assert not compared.extra
    assert compared.placed.ratio == compared.async_right.ratio == compared.dependencies_found.ratio == 1
    assert compared.order_right


def test_a_route_that_the_model_lacks_is_missing(tree: Path) -> None:
    compared = compare(TRUTH, replace(TRUTH, handlers=(ROUTE,)), tree)
    assert compared.missing == (OTHER,)
    assert (compared.found.part, compared.found.whole) == (1, 2)


def test_a_route_that_only_the_model_has_is_surplus(tree: Path) -> None:
    invented = replace(ROUTE, path="/ghosts")
    compared = compare(TRUTH, replace(TRUTH, handlers=(ROUTE, OTHER, invented)), tree)
    assert compared.extra == (invented,)
    assert (compared.real.part, compared.real.whole) == (2, 3)


def test_a_route_told_twice_is_surplus_once(tree: Path) -> None:
    assert len(compare(TRUTH, replace(TRUTH, handlers=(ROUTE, ROUTE, OTHER)), tree).extra) == 1


def test_a_route_under_a_condition_is_not_surplus(tree: Path) -> None:
    perhaps = replace(ROUTE, path="/debug", condition="settings.debug")
    compared = compare(TRUTH, replace(TRUTH, handlers=(ROUTE, OTHER, perhaps)), tree)
    assert not compared.extra
    assert (compared.conditional.part, compared.conditional.whole) == (0, 1)


def test_line_async_flag_and_dependencies_are_counted_apart(tree: Path) -> None:
    wrong = replace(ROUTE, line=5, is_async=False, dependencies=frozenset({"cache"}))
    compared = compare(TRUTH, replace(TRUTH, handlers=(wrong, OTHER)), tree)
    assert compared.placed.part == compared.async_right.part == 1
    assert compared.dependencies_found.part == compared.dependencies_real.part == 1


def test_a_name_of_another_package_counts_under_that_package(tree: Path) -> None:
    defined = replace(ROUTE, dependencies=frozenset({"auth.http.Bearer", "shop.deps.db"}))
    imported = replace(ROUTE, dependencies=frozenset({"auth.Bearer", "shop.db"}))
    compared = compare(replace(TRUTH, handlers=(defined,)), replace(TRUTH, handlers=(imported,)), tree)
    assert (compared.dependencies_found.part, compared.dependencies_found.whole) == (1, 2)


def test_the_dependencies_of_a_websocket_are_not_judged(tree: Path) -> None:
    socket = replace(ROUTE, method=WEBSOCKET, path="", dependencies=frozenset())
    compared = compare(
        replace(TRUTH, handlers=(socket,)),
        replace(TRUTH, handlers=(replace(socket, path="/ws", dependencies=frozenset({"db"})),)),
        tree,
    )
    assert (len(compared.matched), compared.dependencies_real.whole) == (1, 0)


def test_code_outside_the_tree_is_not_the_application_s_own(tree: Path) -> None:
    plugin = replace(ROUTE, path="/plugin", file="plugin/routes.py")
    assert not compare(replace(TRUTH, handlers=(*TRUTH.handlers, plugin)), TRUTH, tree).missing


def test_only_layers_under_a_condition_may_be_absent_from_the_stack(tree: Path) -> None:
    outer, inner = TRUTH.middleware
    optional = Layer("ProxyMiddleware", condition="settings.proxy")
    assert compare(TRUTH, replace(TRUTH, middleware=(outer, optional, inner)), tree).order_right
    assert not compare(
        TRUTH, replace(TRUTH, middleware=(outer, replace(optional, condition=None), inner)), tree
    ).order_right
    assert not compare(TRUTH, replace(TRUTH, middleware=(inner, outer)), tree).order_right
    assert not compare(TRUTH, replace(TRUTH, middleware=(outer,)), tree).order_right


@pytest.mark.parametrize("label", ["shop:app", "shop.factory:create()"])
def test_another_application_in_the_tree_is_not_judged(label: str, tree: Path) -> None:
    worker = [replace(ROUTE, path=f"/worker/{each}", line=each, app="shop.worker:app") for each in range(20, 23)]
    handlers = (replace(ROUTE, app=label), replace(OTHER, app=label), *worker)
    layers = tuple(replace(each, app=label) for each in TRUTH.middleware)
    model = replace(TRUTH, handlers=handlers, middleware=(Layer("GZipMiddleware", app="shop.worker:run"), *layers))
    compared = compare(replace(TRUTH, target="shop:app"), model, tree)
    assert (len(compared.matched), compared.extra, compared.elsewhere) == (2, (), 3)
    assert compared.order_right


def test_the_printed_json_is_read() -> None:
    printed = {
        "routes": [
            {
                "methods": ["GET", "HEAD"],
                "path": "/users",
                "endpoint": "shop.users.read",
                "location": {"path": "shop/users.py", "line": 4, "column": 1},
                "is_async": True,
                "dependencies": ["db"],
                "auth": [],
                "condition": None,
                "app": "",
                "kind": "http",
            }
        ],
        "middleware": [{"class": "starlette.middleware.gzip.GZipMiddleware", "location": None, "condition": None}],
        "unresolved": [{"kind": "router", "message": "built from a dict", "location": None}],
    }
    assert model_of(printed) == Told((ROUTE,), (Layer("GZipMiddleware"),), ("router: built from a dict",))
