"""When a configuration file counts as changed."""

import os
import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from corsproxy.config.watch import Glance, Watch, fingerprint

LONG_AGO = 1_000_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "corsproxy.yaml"
    path.write_text("one")
    return path


def put(path: Path, text: str) -> None:
    """Write in one step, so that nobody sees half of it."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


class TestGlance:
    def test_gives_the_digest_of_the_content(self, path: Path) -> None:
        # printf one | sha256sum
        assert (
            Glance(path).fingerprint() == "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
        )

    def test_a_file_that_is_away_has_none(self, tmp_path: Path) -> None:
        assert Glance(tmp_path / "nowhere").fingerprint() == ""

    def test_a_directory_has_none(self, tmp_path: Path) -> None:
        assert Glance(tmp_path).fingerprint() == ""

    def test_what_is_no_file_has_none_and_is_not_waited_for(self, tmp_path: Path) -> None:
        before = len([*Path("/proc/self/fd").iterdir()])
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "device").symlink_to("/dev/zero")
        for name in ("pipe", "device", "."):
            assert Glance(tmp_path / name).fingerprint() == "", name
        assert len([*Path("/proc/self/fd").iterdir()]) == before

    def test_of_a_huge_file_no_more_is_read_than_would_be_loaded(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("corsproxy.config.watch.LARGEST_FILE", 2)
        huge = path.with_name("huge")
        huge.write_text("one, and so on")
        assert Glance(huge).fingerprint() == Glance(path).fingerprint() != ""

    def test_a_touched_file_is_the_same(self, path: Path) -> None:
        glance = Glance(path)
        before = glance.fingerprint()
        os.utime(path, (LONG_AGO, LONG_AGO))
        assert glance.fingerprint() == before

    def test_an_old_file_is_read_once(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        # The change time cannot be set back, so the clock is set ahead instead.
        now = path.stat().st_ctime_ns
        monkeypatch.setattr("corsproxy.config.watch.time.time_ns", lambda: now + 3_000_000_000)
        reads: list[Path] = []

        def count(read: Path) -> str:
            reads.append(read)
            return "digest"

        monkeypatch.setattr("corsproxy.config.watch.fingerprint", count)
        glance = Glance(path)
        assert [glance.fingerprint() for _ in range(3)] == ["digest"] * 3
        assert reads == [path]

    def test_a_young_file_is_read_each_time_for_its_time_stamp_proves_nothing(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        found = path.stat()
        glance = Glance(path)
        assert glance.fingerprint() == fingerprint(path)
        # Two writes within one tick of the file system's clock leave the same stat.
        monkeypatch.setattr(Path, "stat", lambda _self, **_: found)
        with path.open("r+") as same_file:
            same_file.write("two")
        assert glance.fingerprint() == fingerprint(path) != ""

    def test_a_file_that_came_back_is_read_again(self, path: Path) -> None:
        glance = Glance(path)
        before = glance.fingerprint()
        path.unlink()
        assert glance.fingerprint() == ""
        path.write_text("two")
        assert glance.fingerprint() not in {"", before}
        path.write_text("one")
        assert glance.fingerprint() == before


class TestWatch:
    @pytest.fixture
    def changes(self) -> "queue.Queue[str]":
        return queue.Queue()

    @pytest.fixture
    def watch(self, path: Path, changes: "queue.Queue[str]") -> Iterator[Watch]:
        watch = Watch(path, fingerprint(path), changes.put, interval=0.01)
        watch.start()
        yield watch
        watch.stop()

    @pytest.mark.usefixtures("watch")
    def test_reports_a_write_and_the_way_back(self, path: Path, changes: "queue.Queue[str]") -> None:
        before = fingerprint(path)
        put(path, "two")
        assert changes.get(timeout=60) == fingerprint(path)
        put(path, "one")
        assert changes.get(timeout=60) == before

    @pytest.mark.usefixtures("watch")
    def test_reports_an_editors_rename(self, path: Path, changes: "queue.Queue[str]") -> None:
        path.rename(path.with_suffix(".bak"))
        new = path.with_suffix(".new")
        new.write_text("two")
        new.rename(path)
        assert changes.get(timeout=60) == fingerprint(path)

    @pytest.mark.usefixtures("watch")
    def test_the_same_content_again_is_no_change(self, path: Path, changes: "queue.Queue[str]") -> None:
        put(path, "one")
        path.unlink()
        put(path, "one")
        put(path, "two")
        assert changes.get(timeout=60) == fingerprint(path)
        assert changes.empty()

    def test_reports_a_config_maps_symlink_swap(self, tmp_path: Path, changes: "queue.Queue[str]") -> None:
        # As kubelet lays it out: corsproxy.yaml -> ..data/corsproxy.yaml, ..data -> ..<time stamp>
        for version, text in {"..1": "one", "..2": "two"}.items():
            (tmp_path / version).mkdir()
            (tmp_path / version / "corsproxy.yaml").write_text(text)
        (tmp_path / "..data").symlink_to("..1")
        path = tmp_path / "corsproxy.yaml"
        path.symlink_to("..data/corsproxy.yaml")
        watch = Watch(path, fingerprint(path), changes.put, interval=0.01)
        watch.start()
        (tmp_path / "..data_tmp").symlink_to("..2")
        (tmp_path / "..data_tmp").rename(tmp_path / "..data")
        found = changes.get(timeout=60)
        watch.stop()
        assert path.read_text() == "two"
        assert found == fingerprint(path)

    def test_a_file_still_being_written_is_not_taken(
        self, path: Path, changes: "queue.Queue[str]", monkeypatch: pytest.MonkeyPatch
    ) -> None:
        looks = iter(["known", "hal", "half", "whole", "whole", "whole"])
        monkeypatch.setattr(Glance, "fingerprint", lambda _self: next(looks, "whole"))
        watch = Watch(path, "known", changes.put, interval=0.001)
        watch.start()
        assert changes.get(timeout=60) == "whole"
        watch.stop()
        assert changes.empty()
