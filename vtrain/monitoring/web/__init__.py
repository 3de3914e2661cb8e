"""The dashboard of `vtrain monitor serve`: pages and figures made from the files of runs alone.

Nothing of a run is ever written, locked or waited for: killing the server changes nothing. It needs
the extra ``web`` (starlette, uvicorn); only `app`, `guard`, `live` and `server` import those.
"""
