"""The workbench's routes: pictures, state and actions, beside Gradio. Every route needs a tab's token.

    GET  /api/{token}/events?since=V           everything but pictures (``views.state_view``) after every change: a
                                               stream of server-sent events that ends with the page (``events``)
    GET  /api/{token}/frames/{i}.jpg           a frame of the clip; ?w= asks for a smaller one
    GET  /api/{token}/masks/{i}                every object's masks on a frame, as row-major runs
    GET  /api/{token}/content/{object}/{i}.png the object's colours, RGBA, the canvas's size
    GET  /api/{token}/hypotheses/{object}/{i}  an object's hypotheses on a frame, as row-major runs of the canvas
    GET  /api/{token}/templates/{object}/{n}   the outline of an object's template, as runs of its box
    GET  /api/{token}/open/{object}/{i}        where nothing could hide an object on a frame, as runs of the canvas
    GET  /api/{token}/order/{i}                who is in front of whom on a frame (``views.order_view``)
    GET  /api/{token}/cost?object_id=&count=     what completing would make (count: that many hypotheses), in words
    GET  /api/{token}/training                   the ways to train on what was accepted, and the last run
    GET  /api/{token}/second-looks               the blind second looks, and whether one is being asked
    GET  /api/{token}/compositions               the composed clip, whether one is made, and what can be in front
    GET  /api/{token}/find                       which engine finds by words, and what it found (``find_views``)
    GET  /api/{token}/find/{number}.jpg          a picture of one found object
    GET  /api/{token}/depth/{i}.png            relative depth, 8 bit, nearer is brighter
    GET  /api/{token}/scene/{i}.jpg            a frame of the scene
    GET  /api/{token}/exports/{name}           a file that was exported
    POST /api/{token}/do                       {"action", "seq", "since", ...} -> {"ok", "seq", "state", "masks", ...}

A failed action answers ``{"ok": false, "error": "what to do", "calm": whether nothing is wrong}``. An unknown token
answers 404.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Body, FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from fastapi.staticfiles import StaticFiles

from vas_tool.errors import NothingToDo, VasToolError
from vas_tool.files import is_plain
from vas_tool.session import Session
from vas_tool.storage import LayerFolder
from vas_tool.types import Content
from vas_tool.ui.actions import perform
from vas_tool.ui.choice_views import cost_view, hypotheses_view
from vas_tool.ui.events import HEADERS, state_events
from vas_tool.ui.find_views import find_view, found_picture
from vas_tool.ui.open_projects import OpenProjects
from vas_tool.ui.reports import error_message
from vas_tool.ui.views import masks_view, open_view, order_view, state_view, template_view

View = TypeVar("View")

logger = logging.getLogger(__name__)

WORKBENCH = Path(__file__).parent / "workbench"
"""The page's own JavaScript, style sheet and markup."""

ANSWERS_KEPT = 128
"""Number of actions whose answers are kept for repeated requests."""

FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
FRESH = {"Cache-Control": "no-store"}


def add_routes(app: FastAPI, open_projects: OpenProjects) -> None:
    """Serve the workbench's files and its routes on ``app``."""
    router = APIRouter(prefix="/api/{token}")
    repeats = Repeats()

    def session_of(token: str) -> Session:
        try:
            return open_projects.session(token)
        except KeyError:
            raise HTTPException(404, "this tab is not known any more; reload the page") from None

    @router.get("/events")
    async def events(token: str, since: int | None = None) -> StreamingResponse:
        session_of(token)
        return StreamingResponse(
            state_events(open_projects, token, since), media_type="text/event-stream", headers=HEADERS
        )

    @router.get("/frames/{frame_index}.jpg")
    def frame(token: str, frame_index: int, w: int | None = None) -> Response:
        return _frame_response(session_of(token), frame_index, w)

    @router.get("/masks/{frame_index}")
    def masks(token: str, frame_index: int, response: Response) -> dict[str, Any]:
        response.headers.update(FRESH)
        return _or_404(lambda: masks_view(session_of(token), frame_index))

    @router.get("/hypotheses/{object_id}/{frame_index}")
    def hypotheses(token: str, object_id: int, frame_index: int, *, response: Response) -> dict[str, Any]:
        response.headers.update(FRESH)
        return _or_404(lambda: hypotheses_view(session_of(token), object_id, frame_index))

    @router.get("/cost")
    def cost(
        token: str, *, response: Response, object_id: int | None = None, count: int | None = None
    ) -> dict[str, Any]:
        response.headers.update(FRESH)
        return _or_404(lambda: cost_view(session_of(token), object_id, count))

    @router.get("/exports/{name}")
    def export(token: str, name: str) -> Response:
        path = session_of(token).exports / Path(name).name
        return FileResponse(path, filename=path.name) if is_plain(path) else Response(status_code=404)

    @router.post("/do")
    def do(token: str, request: Annotated[dict[str, Any], Body()]) -> dict[str, Any]:
        session = session_of(token)
        client, seq = request.get("client"), request.get("seq")
        known = isinstance(client, str) and isinstance(seq, int)
        return repeats.once((token, client, seq) if known else (token, None, None), lambda: answer_to(session, request))

    _add_layers(router, session_of)
    _add_panels(router, session_of)
    _add_occlusion(router, session_of)
    _send_failures(app)
    app.include_router(router)
    app.mount("/workbench", StaticFiles(directory=WORKBENCH), name="workbench")


def _add_layers(router: APIRouter, session_of: Callable[[str], Session]) -> None:
    """Serve the pictures that lie over a frame."""

    @router.get("/content/{object_id}/{frame_index}.png")
    def content(token: str, object_id: int, frame_index: int) -> Response:
        return _content_response(session_of(token).project.layers(object_id).content, frame_index)

    @router.get("/templates/{object_id}/{index}")
    def template(token: str, object_id: int, index: int, *, response: Response) -> dict[str, Any]:
        response.headers.update(FRESH)
        return _or_404(lambda: template_view(session_of(token), object_id, index))

    @router.get("/depth/{frame_index}.png")
    def depth(token: str, frame_index: int) -> Response:
        return _depth_response(session_of(token), frame_index)

    @router.get("/scene/{frame_index}.jpg")
    def scene(token: str, frame_index: int) -> Response:
        return _or_404(lambda: jpeg(session_of(token).scene.frame(frame_index), FRESH))


def _add_panels(router: APIRouter, session_of: Callable[[str], Session]) -> None:
    """Serve the data of the panels beside the picture."""

    @router.get("/second-looks")
    def second_looks(token: str, *, response: Response) -> dict[str, Any]:
        response.headers.update(FRESH)
        return _or_404(session_of(token).second_looks.state)

    @router.get("/compositions")
    def compositions(token: str, *, response: Response) -> dict[str, Any]:
        response.headers.update(FRESH)
        return session_of(token).compositions.state()

    @router.get("/training")
    def training(token: str, *, response: Response) -> dict[str, Any]:
        response.headers.update(FRESH)
        runs = session_of(token).training
        state = runs.state()
        return {"offers": [asdict(offer) for offer in runs.offers()], "run": asdict(state) if state else None}

    @router.get("/find")
    def find(token: str, *, response: Response) -> dict[str, Any]:
        response.headers.update(FRESH)
        return find_view(session_of(token))

    @router.get("/find/{number}.jpg")
    def found(token: str, number: int) -> Response:
        try:
            return Response(found_picture(session_of(token), number), media_type="image/jpeg", headers=FRESH)
        except VasToolError as error:
            raise HTTPException(404, str(error)) from error


def _add_occlusion(router: APIRouter, session_of: Callable[[str], Session]) -> None:
    @router.get("/open/{object_id}/{frame_index}")
    def open_part(token: str, object_id: int, frame_index: int, *, response: Response) -> dict[str, Any]:
        response.headers.update(FRESH)
        return _or_404(lambda: open_view(session_of(token), object_id, frame_index))

    @router.get("/order/{frame_index}")
    def order(token: str, frame_index: int, response: Response) -> dict[str, Any]:
        response.headers.update(FRESH)
        return _or_404(lambda: order_view(session_of(token), frame_index))


def _send_failures(app: FastAPI) -> None:
    """Send errors that the user can act on to the page as words."""

    @app.exception_handler(VasToolError)
    @app.exception_handler(OSError)
    def failed(_: Request, error: VasToolError | OSError) -> JSONResponse:
        logger.warning("a request failed: %s", error)
        return JSONResponse({"detail": error_message(error)}, 500)


class Repeats:
    """Answers a repeated request, after a lost connection, with the answer to the first one."""

    def __init__(self) -> None:
        self._answers: OrderedDict[Hashable, dict[str, Any]] = OrderedDict()
        self._busy: dict[Hashable, threading.Lock] = {}
        self._mutex = threading.Lock()

    def once(self, key: tuple[str, Any, Any], act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return ``act()``, or its earlier answer for the same key. A key without client or number is not stored."""
        if None in key:
            return act()
        with self._mutex:
            lock = self._busy.setdefault(key, threading.Lock())
        with lock:
            if key not in self._answers:
                self._answers[key] = act()
            with self._mutex:
                self._busy.pop(key, None)
                while len(self._answers) > ANSWERS_KEPT:
                    self._answers.popitem(last=False)
            return self._answers[key]


def _or_404(view: Callable[[], View]) -> View:
    try:
        return view()
    except VasToolError as error:
        raise HTTPException(404, str(error)) from error


def answer_to(session: Session, request: dict[str, Any]) -> dict[str, Any]:
    """Perform the action in a request, and return the answer of the route ``do``."""
    name, seq = str(request.get("action")), request.get("seq")
    try:
        extras = perform(session, name, request)
        frame = request.get("frame")
        masks = masks_view(session, int(frame)) if frame is not None and name != "place" else None
        state = state_view(session, request.get("since"), hurried=masks is not None)
        return {"ok": True, "seq": seq, "state": state, "masks": masks, **extras}
    except (VasToolError, OSError) as error:
        if isinstance(error, OSError):
            logger.exception("the action %s failed", name)
        return {"ok": False, "seq": seq, "error": error_message(error), "calm": isinstance(error, NothingToDo)}
    except Exception as error:
        logger.exception("the action %s failed", name)
        return {"ok": False, "seq": seq, "error": f"{name} failed ({type(error).__name__}: {error}); see the log"}


def _frame_response(session: Session, frame_index: int, width: int | None) -> Response:
    clip = session.project.clip
    if not 0 <= frame_index < len(clip):
        raise HTTPException(404, f"the clip has frames 0 to {len(clip) - 1}")
    path = clip.frame_path(frame_index)
    if width is None or width >= clip.size_wh[0] or width < 16:
        return FileResponse(path, headers=FOREVER)
    height = max(1, round(clip.size_wh[1] * width / clip.size_wh[0]))
    return jpeg(cv2.resize(clip[frame_index], (width, height), interpolation=cv2.INTER_AREA), FOREVER)


def jpeg(picture: npt.NDArray[Any], headers: dict[str, str]) -> Response:
    """Return the response with an (H, W, 3) RGB picture."""
    _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    return Response(data.tobytes(), media_type="image/jpeg", headers=headers)


def _depth_response(session: Session, frame_index: int) -> Response:
    depth = session.project.depth
    if frame_index not in depth:
        raise HTTPException(404, "no depth here yet")
    try:
        near = depth[frame_index]
    except (KeyError, VasToolError) as error:  # damaged: the notes report it
        raise HTTPException(404, str(error)) from error
    _, data = cv2.imencode(".png", np.round(near * 255).astype(np.uint8))
    return Response(data.tobytes(), media_type="image/png", headers=FRESH)


def _content_response(content: LayerFolder[Content], frame_index: int) -> Response:
    try:
        return Response(content.png(frame_index), media_type="image/png", headers=FRESH)
    except (KeyError, OSError, VasToolError) as error:
        raise HTTPException(404, "not there yet") from error
