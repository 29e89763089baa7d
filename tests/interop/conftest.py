import os
import sys
import warnings
from pathlib import Path

# The clients of these tests speak to loopback only.
for _name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[_name]
sys.path.insert(0, str(Path(__file__).parent))
warnings.filterwarnings("ignore", category=DeprecationWarning)

import pytest  # noqa: E402

import archives  # noqa: E402
import pgstac  # noqa: E402
from program import BINARY, SHARED, Project, Server  # noqa: E402


def pytest_sessionstart(session):
    if not BINARY.is_file():
        raise pytest.UsageError(f"there is no {BINARY}: run `cargo build` first, or set ALTOSTAC_BIN")


@pytest.fixture(scope="session")
def shared():
    """The corpus beside the project, which a fresh clone does not have."""
    if not (SHARED / "corpus/archive").is_dir():
        pytest.skip("needs ../shared")
    return SHARED


@pytest.fixture
def project(tmp_path):
    """A copy of fixtures/cmip6, not built yet."""
    return Project.of_fixture(tmp_path / "cmip6")


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A copy of fixtures/cmip6, built once; tests may only read it."""
    project = Project.of_fixture(tmp_path_factory.mktemp("built") / "cmip6")
    project.build()
    return project


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """`altostac sync recipe.yaml --serve` on a copy of fixtures/cmip6 with one region more: (project, server)."""
    project = Project.of_fixture(tmp_path_factory.mktemp("served") / "cmip6")
    archives.make.make(project.folder / "archive", [archives.PACIFIC])
    with Server("sync", project.folder / project.name, "--serve", "--port", "0", cwd=project.folder) as server:
        yield project, server


@pytest.fixture(scope="session")
def database():
    """A PostgreSQL of our own, with pgstac in it."""
    found = pgstac.Database()
    yield found
    found.stop()


@pytest.fixture(scope="session")
def api(database, tmp_path_factory):
    """stac-fastapi-pgstac on that database."""
    found = pgstac.Api(database, tmp_path_factory.mktemp("api") / "log")
    yield found
    found.stop()


_refused = {}


@pytest.fixture
def record_refusal():
    """Tells the summary of the run which series altostac refused, and why."""
    return _refused.__setitem__


_shown = {}


@pytest.fixture(scope="session")
def show_at_the_end():
    """Puts a text under a title into the summary of the run."""
    return _shown.__setitem__


def pytest_sessionfinish(session):
    # Several processes may share the files of tests: what they found is told by the one that they work for.
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["refused"], output["shown"] = dict(_refused), dict(_shown)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    output = getattr(node, "workeroutput", {})
    _refused.update(output.get("refused", {}))
    _shown.update(output.get("shown", {}))


def pytest_terminal_summary(terminalreporter):
    for title, text in _shown.items():
        terminalreporter.section(title)
        terminalreporter.write_line(text)
    if _refused:
        terminalreporter.section("series refused by name")
        for folder, reason in sorted(_refused.items()):
            terminalreporter.write_line(f"{folder}\n    {reason}")
