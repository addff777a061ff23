"""The layers of the design, read from the imports; and what no file of the repository may cite."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LAYERS = (
    {"errors", "types"},
    {
        "masks",
        "occlusion",
        "opencv",
        "work",
        "hypotheses",
        "scene_edits",
        "boxes",
        "video",
        "drawing",
        "files",
        "stamps",
        "stamp_index",
        "picture_codecs",
        "storage",
        "run_warnings",
        "wording",
        "time_left",
        "planning.fingerprint",
        "project.history",
        "project.truth",
        "project.depth_order",
        "project.picks",
        "project.templates",
    }
    | {"project.mask_measurements", "project.layer_folders"}
    | {
        "project.object_layers",
        "project.window_cache",
        "project.agreed_trackers",
        "project.worktime",
        "project.attention",
    }
    | {"project.object_stamps"}
    | {"engines.base", "engines.settings"},
    {"engines"},
    {"project"},
    {"planning"},
    {"stores", "pipeline", "project_store", "finding", "second_opinion"},
    {"formats", "evaluation"},
    {"session", "exports", "imports", "batch", "training", "scene"},
    {"cli", "commands", "sample", "ui"},
)
"""From the left to the right: a module may import its own layer and those before it."""
ONLY_IN = {
    "gradio": ("vas_tool.ui",),
    "fastapi": ("vas_tool.ui",),
    "torch": ("vas_tool.engines", "vas_tool.training", "sam_integration"),
    "diffusers": ("vas_tool.engines", "vas_tool.training"),
    "transformers": ("vas_tool.engines", "vas_tool.training"),
    "peft": ("vas_tool.engines",),
    "sam2": ("sam_integration",),
    "ray": ("vas_tool.batch",),
    "pyarrow": ("vas_tool.batch",),
}


@cache
def modules() -> dict[str, Path]:
    paths = [p for top in ("vas_tool", "sam_integration") for p in (ROOT / top).rglob("*.py")]
    return {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in paths}


@cache
def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer_of(name: str) -> int | None:
    inner = name.removeprefix("vas_tool.")
    known = [(len(part), level, part) for level, parts in enumerate(LAYERS) for part in parts]
    places = [(length, level) for length, level, part in known if f"{inner}.".startswith(f"{part}.")]
    return max(places)[1] if places else None


@pytest.mark.parametrize("name", [n for n in modules() if n.startswith("vas_tool.")])
def test_imports_point_to_the_left(name: str) -> None:
    own = layer_of(name)
    assert own is not None, f"{name} has no layer: add it to LAYERS"
    above = {i for i in imports(modules()[name]) if i.startswith("vas_tool.") and (layer_of(i) or 0) > own}
    assert not above, f"{name} imports {above} from a later layer"


@pytest.mark.parametrize("name", list(modules()))
def test_heavy_packages_stay_in_their_place(name: str) -> None:
    for package, allowed in ONLY_IN.items():
        used = any(i == package or i.startswith(f"{package}.") for i in imports(modules()[name]))
        assert not used or name.startswith(allowed), f"{name} imports {package}"


def test_sam_integration_knows_nothing_of_the_tool() -> None:
    assert not [n for n, p in modules().items() if n.startswith("sam_") and any("vas_tool" in i for i in imports(p))]


def test_no_import_cycles() -> None:
    known = modules()
    graph = {n: {i for i in imports(p) if i in known and i != n} for n, p in known.items()}
    while leaves := {n for n, needs in graph.items() if not needs}:
        graph = {n: needs - leaves for n, needs in graph.items() if n not in leaves}
    assert not graph, f"import cycle among {sorted(graph)}"


ABSENT = re.compile(r"\b(spec|ux|style)\.md\b|\bgoldens?/|\.\./shared\b|/(?:work|root)/")
"""What is not in the repository: a reader of a comment could not look it up."""


@pytest.mark.parametrize("top", ["vas_tool", "sam_integration", "tests", "benchmarks", "docs", "assets"])
def test_nothing_cites_a_file_that_is_not_here(top: str) -> None:
    files = [p for suffix in ("py", "js", "md", "css", "html") for p in (ROOT / top).rglob(f"*.{suffix}")]
    citing = {str(p.relative_to(ROOT)) for p in files if ABSENT.search(p.read_text())} - {"tests/test_architecture.py"}
    assert not citing


NAMED_BY_ROLE = {"train", "amodal", "content", "engine", "checkpoints", "released", "settable", "errors"}
"""Modules that do the same for several engines."""
NAMED_BY_FORMAT = {"diffusion_vas", "kitti", "tao_amodal", "movi"}
NAMED_BY_COMMAND = {"agreement", "bench", "protocols"}


def test_no_two_modules_have_one_name() -> None:
    names = Counter(name.rpartition(".")[2] for name, path in modules().items() if path.name != "__init__.py")
    doubled = {name for name, count in names.items() if count > 1} - NAMED_BY_ROLE - NAMED_BY_FORMAT - NAMED_BY_COMMAND
    assert not doubled, "say in the name what the module is about, or list the name above"
