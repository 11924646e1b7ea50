"""Fixtures of many files."""

import os
import sys
from collections.abc import Iterator

import pytest
from corpora import Corpus, indexed


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    """Six papers, indexed once; who changes them makes an own."""
    made = indexed(tmp_path_factory.mktemp("corpus"))
    yield made
    made.index.close()
    made.catalog.close()


@pytest.fixture(scope="module")
def untraced() -> Iterator[None]:
    """No coverage is taken: for the same steps over and over, which other tests take once."""
    tracer = sys.gettrace()
    sys.settrace(None)
    yield
    sys.settrace(tracer)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test in the browser that fails is run once more, and the summary tells of both runs."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """In CI a skipped test is a failed one, but for data that is kept beside the repository."""
    report = yield
    if (
        os.environ.get("CI")
        and report.skipped
        and "strings are not at hand" not in str(report.longrepr)
    ):
        report.outcome = "failed"
    return report
