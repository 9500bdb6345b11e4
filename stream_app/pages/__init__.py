"""Pages for people: charts and tables in one HTML file that needs nothing but itself.

Jobs and servers say what stands on a page (`page.py`, `charts.py`); how it looks is decided here.
"""
