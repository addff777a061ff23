"""The page of all projects: a picture of each, and how far its work is.

GET /projects              the page
GET /projects/{name}.jpg   a project's picture; ?v= is its version, so that a browser may keep it
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from urllib.parse import quote

from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse

from vas_tool.errors import VasToolError
from vas_tool.ui.open_projects import OpenProjects
from vas_tool.ui.project_cards import ProjectCard, card_of, card_picture
from vas_tool.wording import counted

PER_PAGE = 120
"""Most projects on one page."""

PICTURE_HEADERS = {"Cache-Control": "private, max-age=31536000, immutable"}

STYLE = """
:root { color-scheme: dark; }
body { margin: 0; padding: 14px 18px 40px; background: #0e1014; color: #e6e9ee; font: 14px system-ui, sans-serif; }
header { display: flex; align-items: baseline; gap: 14px; margin-bottom: 14px; }
h1 { font-size: 16px; margin: 0; } .quiet, small { color: #98a2b0; }
a { color: #7db8f0; }
ul { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr)); gap: 12px; list-style: none; margin: 0; padding: 0; }
li a { display: block; height: 100%; color: inherit; text-decoration: none; background: #14171d; border: 1px solid #2a303a; border-radius: 8px; overflow: hidden; }
li a:hover, li a:focus-visible { border-color: #7db8f0; outline: none; }
img { display: block; width: 100%; aspect-ratio: 16 / 9; object-fit: contain; background: #0d0f12; color: #77818f; font-size: 12px; }
li div { padding: 8px 10px 10px; } b { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
progress { display: block; width: 100%; height: 5px; margin-top: 6px; border: 0; border-radius: 3px; overflow: hidden; appearance: none; background: #252b35; }
progress::-webkit-progress-bar { background: #252b35; } progress::-webkit-progress-value { background: #57b87a; }
progress::-moz-progress-bar { background: #57b87a; }
.marked { color: #f2c14e; } .damaged { color: #ffb4a8; }
"""  # noqa: E501


def add_gallery(app: FastAPI, open_projects: OpenProjects) -> None:
    """Serve the page of all projects on ``app``."""

    @app.get("/projects")
    def projects(start: int = 0) -> HTMLResponse:
        return HTMLResponse(gallery_page(open_projects, max(0, start)), headers={"Cache-Control": "no-store"})

    @app.get("/projects/{name}.jpg")
    def picture(name: str) -> Response:
        try:
            with open_projects.borrow(open_projects.inside(name)) as project:
                return Response(card_picture(project), media_type="image/jpeg", headers=PICTURE_HEADERS)
        except (VasToolError, KeyError) as error:
            raise HTTPException(404, str(error)) from error


def gallery_page(open_projects: OpenProjects, start: int = 0) -> str:
    """Return the page as HTML: ``PER_PAGE`` projects from number ``start`` on, last used first."""
    names = open_projects.projects()
    shown = [card_of(open_projects.root / name) for name in names[start : start + PER_PAGE]]
    return "".join(
        (
            "<!doctype html><html lang=en><meta charset=utf-8><title>Projects · vas-tool</title>",
            f"<style>{STYLE}</style><body><header><h1>Projects</h1>",
            f"<span class=quiet>{counted(len(names), 'project')} in {escape(str(open_projects.root))}</span>",
            '<a href="./">Open a video</a></header><ul>',
            *map(_item, shown),
            "</ul>",
            *_other_pages(start, len(names)),
        )
    )


def _item(card: ProjectCard) -> str:
    quoted = quote(card.name, safe="")
    marked = f"<small class=marked> · {card.num_marked} marked for later</small>" if card.num_marked else ""
    state = f"<small{' class=damaged' if card.damaged else ''}>{escape(card.state)}</small>{marked}"
    bar = f"<progress max={card.num_masks} value={card.num_accepted} aria-label=accepted></progress>"
    source = f"projects/{quoted}.jpg?v={card.version}"
    return (
        f'<li><a href="./?project={quoted}"><img loading=lazy alt="no picture" src="{source}">'
        f'<div><b title="{escape(card.name)}">{escape(card.name)}</b><small>{escape(card.content)}</small><br>'
        f"{state}{bar if card.num_masks else ''}</div></a>"
    )


def _other_pages(start: int, total: int) -> Iterator[str]:
    """Yield links to the pages before and after."""
    if start > 0:
        yield f'<p><a href="projects?start={max(0, start - PER_PAGE)}">← used later</a>'
    if start + PER_PAGE < total:
        yield f'<p><a href="projects?start={start + PER_PAGE}">used earlier →</a>'
