"""The commands that measure: functions of the parsed arguments that return the exit status."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from vas_tool.commands.box_figures import box_figures
from vas_tool.commands.evaluation_output import print_evaluation
from vas_tool.commands.protocols import protocols_
from vas_tool.commands.terminal import ProgressBar
from vas_tool.engines import registry
from vas_tool.errors import InputError
from vas_tool.evaluation import Order, evaluate
from vas_tool.evaluation.bench import KNOWN_DEPTH, answer_case
from vas_tool.evaluation.case_files import read_cases, write_answer
from vas_tool.evaluation.dataset import Truth
from vas_tool.evaluation.engine_protocols import EngineProtocol, protocol_of
from vas_tool.evaluation.predicting import SIMPLE, ClipAnswer, ProjectAnswer, Task, clip_answers, project_answers
from vas_tool.evaluation.reading import pictures_of, read_truth
from vas_tool.evaluation.records import is_project_export
from vas_tool.evaluation.result_files import RESULTS
from vas_tool.run_warnings import collected_warnings
from vas_tool.wording import counted

CASES = "cases"
"""Name for cases in a folder, as ``vas-tool bench --write`` and ``compose`` make them."""

TAO_BOXES = "tao-amodal-boxes"
"""Name of TAO-Amodal's own evaluation of boxes (Hsieh et al., arXiv 2312.12433)."""

PROTOCOLS = "protocols"
"""Name of the command that measures one set of predictions under the protocols of all papers."""


def evaluate_(options: Namespace) -> int:
    """Run ``vas-tool evaluate``. Returns 0 when nothing is wrong with the files, else 1 after printing every
    problem. Raises InputError when a file does not exist, FormatError when it has another form.
    """
    for path in (options.truth, *options.predictions):
        if not path.exists():
            raise InputError(f"{path} does not exist; check the spelling")
    if options.benchmark == TAO_BOXES:
        return box_figures(options)
    bar = ProgressBar()
    order = Order(
        options.truth,
        tuple(options.predictions),
        track_map=options.tracks,
        baselines=not options.no_baselines,
        kins=options.kins,
        printed=options.printed,
        restricted=options.restricted,
        buckets=_visibilities(options.visibility),
        progress=bar,
    )
    if options.benchmark == PROTOCOLS:
        return protocols_(options, order, bar=bar)
    compared = evaluate(options.benchmark, order)
    bar.close()
    return print_evaluation(compared, options, frames=_pictures(options))


def _pictures(options: Namespace) -> Path | None:
    """Return the folder of the truth's pictures, where it is known."""
    return pictures_of("kitti" if options.benchmark == "kitti-savos" else options.benchmark, options.truth)


def predict_(options: Namespace) -> int:
    """Run ``vas-tool predict``: write the result file. Returns 0 when every frame was answered, else 1.

    Raises InputError and EngineError.
    """
    if options.benchmark == CASES:
        return _predict_cases(options)
    bar = ProgressBar()
    form = RESULTS[options.benchmark]
    truth = read_truth(options.benchmark, options.truth, options.tracks)
    problems = list(truth.problems)
    projects = [ProjectAnswer(Path(project), _number(obj), clip) for project, obj, clip in options.project]
    task = Task(
        engine=options.engine,
        depth=options.depth,
        protocol=_protocol(options),
        frames=options.frames or pictures_of(options.benchmark, options.truth),
        padding=form.padding,
        problems=problems,
        progress=bar,
    )
    with collected_warnings() as collected:
        answers = project_answers(truth, projects, task) if projects else _answers(truth, task, options)
        count = form.write(answers, options.out)
    bar.close()
    print(f"{options.out}: {count} of {counted(truth.num_frames, 'frame')}")
    for text in collected.texts:
        print(f"{text}.")
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


def _predict_cases(options: Namespace) -> int:
    """Write answers to the cases of a folder, in the layout that ``bench --import`` reads. Returns the exit status."""
    if options.project or options.set or options.tracks:
        raise InputError("cases take an engine, a depth engine and a seed; leave out --project, --set and --tracks")
    depth = KNOWN_DEPTH if options.depth == registry.AUTO else options.depth
    bar, count, frames = ProgressBar(), 0, 0
    for case in read_cases(options.truth):
        bar(count, 0, f"predict: {case.name}")
        engine = registry.spec_of("amodal", options.engine).name
        masks = answer_case(case, engine, depth=depth, seed=options.seed or 0)
        count, frames = count + 1, frames + write_answer(options.out, case, masks)
    bar.close()
    print(f"{options.out}: {counted(count, 'case')}, {counted(frames, 'frame')}")
    return 0


def _answers(truth: Truth, task: Task, options: Namespace) -> Iterator[ClipAnswer]:
    """Yield an engine's answers. EoRaS reads the boxes and cameras of its own benchmarks, as its test scripts do."""
    reads_itself = task.engine not in SIMPLE and registry.spec_of("amodal", task.engine).name in OWN_DATA
    if not reads_itself or options.benchmark not in ("movi", "kitti") or is_project_export(options.truth):
        return clip_answers(truth, task)
    from vas_tool.engines.eoras.engine import EorasAmodal
    from vas_tool.training.eoras.split_answers import answers_to_samples

    engine = cast(registry.LoadedEngine[EorasAmodal], registry.load("amodal", task.engine))
    return answers_to_samples(options.benchmark, options.truth, truth, engine=engine, task=task)


OWN_DATA = ("eoras-movi-b", "eoras-movi-d", "eoras-kitti")
"""Engines that read the files of MOVi and KITTI themselves."""


def _protocol(options: Namespace) -> EngineProtocol:
    """Return and print the engine's protocol: its authors', with the user's changes."""
    if options.engine in SIMPLE or options.project:
        if options.set:
            raise InputError("--set is for an engine of the amodal stage, and none is asked here; leave it out")
        return EngineProtocol()
    known = protocol_of(options.benchmark, options.engine)
    protocol = known.with_settings(seed=options.seed, texts=options.set, engine=options.engine)
    name = registry.spec_of("amodal", options.engine).name
    whose = f"the protocol of {name} for {options.benchmark}" if known != EngineProtocol() else name
    print(f"{whose}: {', '.join(protocol.words())}")
    return protocol


def _visibilities(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--visibility needs numbers like 0,0.1,0.8,1; got {text!r}") from error


def _number(text: str) -> int:
    if not text.isdigit():
        raise InputError(f"--project needs PROJECT OBJECT CLIP with the object's number, got {text!r}")
    return int(text)
