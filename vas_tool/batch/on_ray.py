"""Runs the rows of a batch on Ray Data: one block for each clip, one operator for each pool of processes.

Paths and prompts are sent between processes, not pixels. Every process opens the clip's project on the shared disk,
runs its stages, and closes the project for the next process. Events are sent to one actor on the driver's node, which
the driver asks for new ones.
"""

from __future__ import annotations

import logging
import pickle
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any
from uuid import uuid4

import cv2
import ray
import ray.data
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from vas_tool.batch.clip_work import ClipState, ClipWork, Event
from vas_tool.batch.event_list import EventList
from vas_tool.batch.manifest import ClipTask
from vas_tool.batch.pools import Cluster, Pool, pools_of
from vas_tool.batch.ray_connection import connected
from vas_tool.engines import registry
from vas_tool.engines.onnx_session import allowed_threads
from vas_tool.errors import EngineError, InputError
from vas_tool.types import Stage

ASK_SECONDS = 0.5
"""Seconds between two requests for new events."""

STATE = "state"
"""Name of the only column: the pickled ``ClipState``."""


def answer(ask: Callable[[], Any]) -> Any:
    """Return an actor's answer to ``ask``. Ask again, for up to 16 s, while the actor cannot be reached.

    Raises RayError if it still cannot be reached.
    """
    for pause in (0.2, 1.0, 5.0, 10.0):
        try:
            return ray.get(ask())
        except ray.exceptions.ActorUnavailableError:  # a node that dies resets connections
            time.sleep(pause)
    return ray.get(ask())


class Stages:
    """The function of one operator: runs some stages on a clip."""

    def __init__(self, work: ClipWork, stages: Sequence[Stage], event_list: Any, *, first: bool, last: bool) -> None:
        self._work, self._stages, self._event_list = work, tuple(stages), event_list
        self._first, self._last = first, last
        self._sent: list[tuple[str, bytes]] = []
        """The pickled events of the present clip, with their keys."""

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Run the operator's stages on the clip in ``row["state"]``, and return the new state in a row."""
        cv2.setNumThreads(allowed_threads())
        state: ClipState = pickle.loads(row[STATE])
        self._sent = []
        if self._first:
            self._work.enter(state, self._add)
        self._work.run(state, self._stages, self._add, last=self._last)
        for key, event in self._sent:  # one that has arrived counts once
            answer(partial(self._event_list.add.remote, key, event))
        return {STATE: pickle.dumps(state)}

    def _add(self, event: Event) -> None:
        self._sent.append((uuid4().hex, pickle.dumps(event)))
        self._event_list.add.remote(*self._sent[-1])


class KeepingStages(Stages):
    """The function of one operator in an actor, which loads the engines when it starts and keeps them loaded."""

    def __init__(self, work: ClipWork, stages: Sequence[Stage], event_list: Any, *, first: bool, last: bool) -> None:
        super().__init__(work, stages, event_list, first=first, last=last)
        for stage in stages:
            try:
                registry.load(stage, work.options.engines.get(stage, registry.AUTO))
            except EngineError:  # told of every row that needs it
                logging.getLogger(__name__).exception("the engine of the stage %s does not load", stage)


def event_list_beside_the_driver() -> Any:
    """Start the ``EventList`` actor on the driver's node, so that the loss of another node does not end the batch.

    Ray may ask a node that has just joined to place the actor, and that node may not know the driver's node yet. The
    start is therefore tried again, for up to 19 s; then the actor may start on any node.
    """
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    for pause in (0.5, 1.0, 2.0, 5.0, 10.0):
        event_list = ray.remote(EventList).options(num_cpus=0, scheduling_strategy=here).remote()
        try:
            ray.get(event_list.since.remote(0))
            return event_list
        except ray.exceptions.RayError:
            time.sleep(pause)
    return ray.remote(EventList).options(num_cpus=0).remote()


def run_on_ray(
    tasks: Sequence[ClipTask], work: ClipWork, cluster: Cluster, *, on_event: Callable[[Event], None], status: Any
) -> None:
    """Run all clips. Call ``on_event`` with every event, in the thread of the caller.

    ``status.workers`` is set to a description of the cluster. Raises InputError if no cluster answers, or if Ray ends
    before the rows do.
    """
    with connected(cluster.address):
        found = ray.cluster_resources()
        pools = pools_of(work.options, cluster, num_gpus=found.get("GPU", 0.0))
        num_cpus, num_gpus = int(found.get("CPU", 1)), found.get("GPU", 0.0)
        status.workers = f"on Ray with {num_cpus} CPUs and {num_gpus:g} GPUs on {len(ray.nodes())} nodes"
        event_list = event_list_beside_the_driver()
        with _quiet():
            workers = min(cluster.workers or num_cpus, len(tasks))
            _run(_dataset(tasks, work, pools, event_list=event_list, workers=workers), event_list, on_event)


@contextmanager
def _quiet() -> Iterator[None]:
    """Turn off the output of data sets in the block. A lost block does not end the others; its rows are reported as
    lost.
    """
    context = ray.data.DataContext.get_current()
    former = context.enable_progress_bars, context.max_errored_blocks
    context.enable_progress_bars, context.max_errored_blocks = False, -1
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.enable_progress_bars, context.max_errored_blocks = former


def _dataset(tasks: Sequence[ClipTask], work: ClipWork, pools: Sequence[Pool], *, event_list: Any, workers: int) -> Any:
    items = [{STATE: pickle.dumps(ClipState(task))} for task in tasks]
    data = ray.data.from_items(items, override_num_blocks=len(items))
    for place, pool in enumerate(pools or [Pool(())]):
        keywords = {"first": place == 0, "last": place == len(pools) - 1 or not pools}
        if pool.keeps_engine:
            data = data.map(
                KeepingStages,
                fn_constructor_args=(work, pool.stages, event_list),
                fn_constructor_kwargs=keywords,
                concurrency=(1, max(1, _most(pool))),
                num_gpus=pool.num_gpus or None,
                num_cpus=0 if pool.num_gpus else 1,
            )
        else:
            data = data.map(
                Stages(work, pool.stages, event_list, **keywords),
                compute=ray.data.TaskPoolStrategy(workers),
                num_cpus=1,
            )
    return data


def _most(pool: Pool) -> int:
    """Return the largest number of processes of a pool that fits the cluster."""
    found = ray.cluster_resources()
    if pool.num_gpus:
        return int(found.get("GPU", 0.0) / pool.num_gpus)
    return int(found.get("CPU", 1))


def _run(data: Any, event_list: Any, on_event: Callable[[Event], None]) -> None:
    """Run the operators in a second thread, and call ``on_event`` with new events in this one."""
    errors: list[BaseException] = []

    def consume() -> None:
        try:
            for _ in data.iter_batches(batch_size=None, prefetch_batches=0):
                pass
        except BaseException as error:
            errors.append(error)

    def pass_on(count: int) -> int:
        events = answer(partial(event_list.since.remote, count))
        for event in events:
            on_event(pickle.loads(event))
        return count + len(events)

    running, count = threading.Thread(target=consume, daemon=True), 0
    running.start()
    try:
        while running.is_alive():
            running.join(ASK_SECONDS)
            count = pass_on(count)
        pass_on(count)
    except ray.exceptions.RayError as error:  # the node of the driver is gone
        errors.append(error)
    if errors:
        raise InputError(f"Ray gave up: {errors[0]}; run the same command again, it goes on") from errors[0]
