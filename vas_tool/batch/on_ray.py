"""The rows of a batch on Ray Data: a block a clip, one operator a pool of processes.

What travels is paths and prompts, no pixels. Every process opens the clip's project on the shared disk, does its
stages, and closes it for the next. What happens to a row is told to one actor beside the driver, who asks for news.
"""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
import ray.data
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from vas_tool.batch.clip_work import ClipState, ClipWork, Event
from vas_tool.batch.manifest import ClipTask
from vas_tool.batch.pools import Cluster, Pool, pools_of
from vas_tool.batch.ray_connection import connected
from vas_tool.engines import registry
from vas_tool.errors import EngineError, InputError
from vas_tool.types import Stage

NEWS_SECONDS = 0.5
"""Pause between two questions for news."""

STATE = "state"
"""Name of the only column: the state of a clip, pickled."""


class News:
    """Collects what happened to rows until the driver asks."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def add(self, event: Event) -> None:
        """Take one event."""
        self._events.append(event)

    def take(self) -> list[Event]:
        """Return the events since the last call."""
        events, self._events = self._events, []
        return events


class Stages:
    """What one operator does with a clip."""

    def __init__(self, work: ClipWork, stages: Sequence[Stage], news: Any, *, first: bool, last: bool) -> None:
        self._work, self._stages, self._news = work, tuple(stages), news
        self._first, self._last = first, last
        self._told: list[Any] = []
        """The last event that was sent, to wait for."""

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Take the state of a clip through the stages."""
        state: ClipState = pickle.loads(row[STATE])
        if self._first:
            self._work.enter(state, self._tell)
        self._work.run(state, self._stages, self._tell, last=self._last)
        ray.get(self._told)  # in order of their sending: when the last has arrived, all have
        return {STATE: pickle.dumps(state)}

    def _tell(self, event: Event) -> None:
        self._told = [self._news.add.remote(event)]


class KeepingStages(Stages):
    """The same in an actor: the engine is loaded when the actor starts, and stays."""

    def __init__(self, work: ClipWork, stages: Sequence[Stage], news: Any, *, first: bool, last: bool) -> None:
        super().__init__(work, stages, news, first=first, last=last)
        for stage in stages:
            try:
                registry.load(stage, work.options.engines.get(stage, registry.AUTO))
            except EngineError:  # told of every row that needs it
                logging.getLogger(__name__).exception("the engine of the stage %s does not load", stage)


def run_on_ray(
    tasks: Sequence[ClipTask], work: ClipWork, cluster: Cluster, *, tell: Callable[[Event], None], status: Any
) -> None:
    """Run all clips; ``tell`` is called in this thread. Raises InputError when the cluster cannot be reached."""
    with connected(cluster.address):
        found = ray.cluster_resources()
        pools = pools_of(work.options, cluster, num_gpus=found.get("GPU", 0.0))
        num_cpus, num_gpus = int(found.get("CPU", 1)), found.get("GPU", 0.0)
        status.workers = f"on Ray with {num_cpus} CPUs and {num_gpus:g} GPUs on {len(ray.nodes())} nodes"
        here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
        news = ray.remote(News).options(num_cpus=0, scheduling_strategy=here).remote()
        with _quiet():
            workers = min(cluster.workers or num_cpus, len(tasks))
            _run(_dataset(tasks, work, pools, news=news, workers=workers), news, tell)


@contextmanager
def _quiet() -> Iterator[None]:
    """Within it, data sets print nothing, and a block that is lost costs its rows alone, which are told as lost."""
    context = ray.data.DataContext.get_current()
    former = context.enable_progress_bars, context.max_errored_blocks
    context.enable_progress_bars, context.max_errored_blocks = False, -1
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.enable_progress_bars, context.max_errored_blocks = former


def _dataset(tasks: Sequence[ClipTask], work: ClipWork, pools: Sequence[Pool], *, news: Any, workers: int) -> Any:
    items = [{STATE: pickle.dumps(ClipState(task))} for task in tasks]
    data = ray.data.from_items(items, override_num_blocks=len(items))
    for place, pool in enumerate(pools or [Pool(())]):
        keywords = {"first": place == 0, "last": place == len(pools) - 1 or not pools}
        if pool.keeps_engine:
            data = data.map(
                KeepingStages,
                fn_constructor_args=(work, pool.stages, news),
                fn_constructor_kwargs=keywords,
                concurrency=(1, max(1, _most(pool))),
                num_gpus=pool.num_gpus or None,
                num_cpus=0 if pool.num_gpus else 1,
            )
        else:
            data = data.map(
                Stages(work, pool.stages, news, **keywords),
                compute=ray.data.TaskPoolStrategy(workers),
                num_cpus=1,
            )
    return data


def _most(pool: Pool) -> int:
    """Most processes of a pool: as many as there is room for in the cluster."""
    found = ray.cluster_resources()
    if pool.num_gpus:
        return int(found.get("GPU", 0.0) / pool.num_gpus)
    return int(found.get("CPU", 1))


def _run(data: Any, news: Any, tell: Callable[[Event], None]) -> None:
    """Run the operators in a thread, and tell the news in this one."""
    trouble: list[BaseException] = []

    def consume() -> None:
        try:
            for _ in data.iter_batches(batch_size=None, prefetch_batches=0):
                pass
        except BaseException as error:
            trouble.append(error)

    running = threading.Thread(target=consume, daemon=True)
    running.start()
    try:
        while running.is_alive():
            running.join(NEWS_SECONDS)
            for event in ray.get(news.take.remote()):
                tell(event)
        for event in ray.get(news.take.remote()):
            tell(event)
    except ray.exceptions.RayError as error:  # the node of the driver is gone
        trouble.append(error)
    if trouble:
        raise InputError(f"Ray gave up: {trouble[0]}; run the same command again, it goes on") from trouble[0]
