"""What engines took on this machine is found again, and a broken file hurts nobody."""

from pathlib import Path

import pytest

from vas_tool.planning import speeds


def test_what_was_measured_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAS_TOOL_SPEEDS", str(tmp_path / "deep" / "speeds.json"))
    assert speeds.all_seconds().get("amodal") is None
    speeds.remember("amodal", 2.5)
    speeds.remember("depth", 0.25)
    speeds.remember("amodal", 1.5)
    assert (speeds.all_seconds().get("amodal"), speeds.all_seconds().get("depth")) == (1.5, 0.25)


@pytest.mark.parametrize("text", ["", "[1]", '{"amodal": "fast"}', '{"amodal": -1}', '{"amodal": NaN}'])
def test_a_broken_file_says_nothing_and_is_replaced(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "speeds.json"
    file.write_text(text)
    monkeypatch.setenv("VAS_TOOL_SPEEDS", str(file))
    assert speeds.all_seconds().get("amodal") is None
    speeds.remember("amodal", 2)
    assert speeds.all_seconds().get("amodal") == 2


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VAS_TOOL_SPEEDS", str(tmp_path / "file" / "speeds.json"))
    speeds.remember("amodal", 2)
    assert speeds.all_seconds().get("amodal") is None
