"""The report of a period: gathered from the store, as JSON, and as one page of HTML that shows that JSON.

`gather` asks, `contents` computes, `page` writes. Nothing here knows the wall clock: the same rows and the
same period give the same bytes.
"""
