"""The routes about the service itself: pages for people, documents for programs."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from quickthumb.api import documents
from quickthumb.api.content import ASSETS, Content, file, prefers_html
from quickthumb.problems import PROBLEMS, NotFound
from quickthumb.settings import Settings

STORAGE_URL = "https://storage.googleapis.com"
"""Where large uploads go, unless told otherwise."""


def _of_page(*connect: str) -> dict[str, str]:
    """Return the headers of a page without third-party content and inline code.

    Args:
        connect: origins to which its scripts may send requests, besides the service itself.
    """
    sources = " ".join(("'self'", *connect))
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        f"connect-src {sources}; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return {"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}


OF_PAGES = _of_page()
"""Headers of pages."""


class Pages:
    """The handlers of the routes; content is made on first use.

    Args:
        settings: of the service.
        storage_url: scheme and host to which the page sends large uploads.
    """

    def __init__(self, settings: Settings, storage_url: str = STORAGE_URL) -> None:
        self._settings = settings
        self._of_root = _of_page(settings.sessions_url or storage_url)
        self._openapi: Content | None = None

    async def root(self, request: Request) -> Response:
        """GET /: a page for browsers, JSON for programs."""
        headers = {"Vary": "Accept, Accept-Encoding"}
        if prefers_html(request):
            return file("page.html").answer(request, headers | self._of_root)
        return Content.json(documents.service(self._settings)).answer(request, headers)

    async def docs(self, request: Request) -> Response:
        """GET /docs: interactive documentation."""
        return file("docs.html").answer(request, OF_PAGES)

    async def openapi(self, request: Request) -> Response:
        """GET /openapi.json: the OpenAPI document."""
        if self._openapi is None:
            # Rarely requested, and importing it would slow down every cold start.
            from quickthumb.api.openapi import describe

            self._openapi = Content.json(describe(self._settings))
        return self._openapi.answer(request)

    async def asset(self, request: Request) -> Response:
        """GET /web/{name}: a file of the pages."""
        name = request.path_params["name"]
        if name not in ASSETS:
            raise NotFound(f"There is no file {name[:100]!r}.")
        return file(name).answer(request)

    async def problem(self, request: Request) -> Response:
        """GET /problems/{code}: the explanation of a problem."""
        code = request.path_params["code"]
        problem = PROBLEMS.get(code)
        if problem is None:
            raise NotFound(
                f"There is no problem {code[:100]!r}: expected {', '.join(sorted(PROBLEMS))}."
            )
        return JSONResponse(problem.explained())

    async def health(self, _: Request) -> Response:
        """GET /health: whether this process responds; it checks nothing else."""
        return JSONResponse({"status": "ok"}, headers={"Cache-Control": "no-store"})
