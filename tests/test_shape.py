"""The shape of the code that docs/architecture.md states: imports go down one ladder, and nothing grows too large."""

import ast
import re
import statistics
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tools.rooms import ORDER, ROOMS, ROOT, module_of, room_of

PACKAGES = ("reputation", "geoip", "plugins")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
CLIENTS = sorted((ROOT / "clients").rglob("*.py"))
"""Distributions of their own, which import nothing of ours."""
TESTS = sorted((ROOT / "tests").rglob("*.py"))

ABOVE = {"reputation", "reputation.__main__"}
"""What starts the command line."""
FORBIDDEN = re.compile(r"(^|_)(utils?|helpers?|managers?|base|common|misc)(_|$)")
POLLING = {"sidecar_process.py", "gateway_processes.py", "redis_process.py"}
"""Where a process is asked again and again until it is ready, with a deadline."""
BOUNDARIES = {
    "reputation/wire/later.py",
    "reputation/listeners/connection.py",
    "reputation/listeners/http2/connection.py",
    "reputation/listeners/aiohttp_listener.py",
    "reputation/admin/application.py",
    "plugins/haproxy/listener.py",
    "reputation/admin/webhooks.py",
}
"""Where a fault of one request must not end the others'."""


@cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path):
    """Modules of ours that a file imports, relative ones made absolute."""
    return {name for name in imported_anything(path) if name.split(".")[0] in PACKAGES}


def imported_anything(path):
    package = path.relative_to(ROOT).parent.parts
    found = set()
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            start = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            whole = ".".join(filter(None, (start, node.module)))
            found |= {f"{whole}.{alias.name}" if is_package(whole) else whole for alias in node.names}
    return found


def imported_files(path, files):
    """The modules of `files` that a file imports; a name that a package gives on is the package's."""
    found = imported_anything(path)
    return {name if name in files else name.rpartition(".")[0] for name in found} & set(files)


def is_package(name):
    return (ROOT / Path(*name.split("."))).is_dir()


def functions(path):
    return [n for n in ast.walk(tree_of(path)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def length(function):
    return function.end_lineno - function.lineno + 1


def parameters(function):
    """How many a caller gives; a command's are its options."""
    if any("command" in ast.unparse(decorator) for decorator in function.decorator_list):
        return 0
    names = [a.arg for a in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def offences(paths, find):
    """What `find` holds against each file, by the file's name; nothing for those that keep the rule."""
    found = {str(path.relative_to(ROOT)): find(path) for path in paths}
    return {name: wrong for name, wrong in found.items() if wrong}


def test_the_page_lists_every_room_with_its_own_words():
    """Each folder of modules is a row; its docstring is the row's text."""
    folders = {module_of(path) for path in (ROOT / "reputation").glob("*/__init__.py")} | {"plugins", "geoip"}
    assert set(ROOMS) == folders
    said = {name: ast.get_docstring(tree_of(ROOT / name.replace(".", "/") / "__init__.py")) for name in ROOMS}
    assert said == ROOMS


def test_imports_go_down_the_rooms_of_the_architecture_page():
    def upwards(path):
        name = module_of(path)
        if name in ABOVE:
            return set()
        own = ORDER.index(room_of(name))
        rooms = {found: room_of(found) for found in imported(path)}
        return {found for found, room in rooms.items() if room is None or ORDER.index(room) < own}

    assert offences(FILES, upwards) == {}


def test_no_files_import_each_other_in_a_circle():
    """Imports for type checkers alone, and those inside functions, count too."""
    files = {module_of(path): path for path in (*FILES, *sorted((ROOT / "tools").rglob("*.py")))}
    try:
        TopologicalSorter({name: imported_files(path, files) for name, path in files.items()}).prepare()
    except CycleError as error:
        raise AssertionError(" -> ".join(reversed(error.args[1]))) from None


def test_no_file_function_or_signature_is_too_large():
    assert offences((*FILES, *CLIENTS), lambda path: max(len(path.read_text().splitlines()) - 350, 0)) == {}
    assert offences(TESTS, lambda path: max(len(path.read_text().splitlines()) - 600, 0)) == {}
    assert offences((*FILES, *CLIENTS), lambda path: [f.name for f in functions(path) if length(f) > 50]) == {}
    assert offences((*FILES, *CLIENTS), lambda path: [f.name for f in functions(path) if parameters(f) > 7]) == {}


def test_most_functions_are_small():
    lengths = sorted(length(function) for path in FILES for function in functions(path))
    assert statistics.median(lengths) <= 8
    assert lengths[len(lengths) * 9 // 10] < 30


def test_names_say_what_a_thing_is():
    def vague(path):
        names = [path.stem, *(node.name for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef))]
        words = {name: re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() for name in names}
        return [name for name, word in words.items() if FORBIDDEN.search(word)]

    assert offences((*FILES, *CLIENTS), vague) == {}


def test_faults_are_not_concealed():
    """`except Exception` stands at a boundary alone, where one request must not end the others."""

    def concealed(path):
        handlers = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.ExceptHandler)]
        return [h.lineno for h in handlers if h.type is None or ast.unparse(h.type) in ("Exception", "BaseException")]

    assert set(offences(FILES, concealed)) <= BOUNDARIES


def test_every_module_says_what_it_is_for():
    """All but those that only re-export."""
    assert (
        offences((*FILES, *CLIENTS), lambda path: path.stem != "__init__" and not ast.get_docstring(tree_of(path)))
        == {}
    )


def test_tests_do_not_sleep_or_mock_what_is_ours():
    def wrong(path):
        mocks = [found for found in imported_anything(path) if "mock" in found]
        calls = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
        sleeps = [c.lineno for c in calls if ast.unparse(c.func) == "time.sleep" and path.name not in POLLING]
        return mocks + sleeps

    assert offences(TESTS, wrong) == {}


def test_the_request_path_does_not_import_the_linker():
    """Linking runs in a process of its own; what answers checks reads its results alone."""
    modules = "reputation.engine.limiter, reputation.checkapi.routes"
    text = f"import sys, {modules}; print(*(m for m in sys.modules if 'hydra' in m))"
    run = subprocess.run([sys.executable, "-c", text], capture_output=True, check=True, timeout=60)
    links = {"reputation.hydra", "reputation.hydra.links", "reputation.hydra.sightings", "reputation.signals.hydra"}
    assert set(run.stdout.decode().split()) <= links


def test_what_works_over_a_store_knows_none_by_name():
    """So a new store needs no change there: only the table in `stores/places.py` names it."""
    rooms = ("reputation.replicas", "reputation.linking", "reputation.sidecar", "reputation.engine")
    files = [path for path in FILES if room_of(module_of(path)) in rooms]
    stores = ("reputation.stores.redis.", "reputation.stores.sqlite.")
    assert files
    assert offences(files, lambda path: {name for name in imported(path) if name.startswith(stores)}) == {}
