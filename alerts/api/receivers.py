"""``/receivers`` of the alerts API: that a receiver works again."""

from __future__ import annotations

from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from alerts.api.request import RESPONDER, Refused, act_fields, check_token
from alerts.errors import Unavailable


class ReceiverApi:
    """Handlers. ``took`` takes the name of a receiver that works, and says whether there is such a one."""

    def __init__(self, took: Callable[[str], bool] | None, token: str) -> None:
        self._took, self._token = took, token

    async def works(self, request: Request) -> Response:
        """A receiver took a message of a trial: what it missed is sent: ``{"actor": ..., "reason": ...}``."""
        check_token(request, self._token, RESPONDER)
        name = request.path_params["name"]
        await act_fields(request, ("role",))
        try:
            known = self._took is not None and await run_in_threadpool(self._took, name)
        except Unavailable as error:
            raise Refused(503, f"nothing is sent again: {error}") from error
        if not known:
            raise Refused(
                404, f"the running service has no receiver {name!r}: is its settings file another one?"
            )
        return JSONResponse({"v": 1, "receiver": name})
