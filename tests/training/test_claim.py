import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from sea_pyg.training.atomic import create_text
from sea_pyg.training.claim import OtherRequest, claim


def at_once(count: int, work: Callable[[int], object]) -> list[object]:
    barrier = Barrier(count)

    def start(number: int) -> object:
        barrier.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return [*pool.map(start, range(count))]


def test_the_same_request_at_once(tmp_path: Path) -> None:
    request = {"data": "fake", "modalities": ("text",)}
    for number in range(100):
        path = tmp_path / str(number) / "request.json"
        assert at_once(4, lambda _, path=path: claim(path, request)) == [None] * 4
        assert json.loads(path.read_text()) == {"data": "fake", "modalities": ["text"]}
        assert [*path.parent.iterdir()] == [path]


def test_one_of_several_requests_wins(tmp_path: Path) -> None:
    for number in range(100):
        path = tmp_path / str(number) / "request.json"
        found = at_once(4, lambda i, path=path: claim(path, {"seed": i}))
        before = json.loads(path.read_text())["seed"]
        expected = [OtherRequest("seed", before, i) for i in range(4)]
        assert found == [None if i == before else expected[i] for i in range(4)]


def test_one_writes_where_there_are_no_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*paths: object) -> None:
        raise OSError("not supported")

    monkeypatch.setattr(os, "link", refuse)
    path = tmp_path / "config.yaml"
    assert sorted(at_once(4, lambda i: create_text(path, f"seed: {i}"))) == [0, 0, 0, 1]
    assert path.read_text().startswith("seed: ")
    assert [*tmp_path.iterdir()] == [path]
