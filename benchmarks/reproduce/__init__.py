"""The papers' tables, by the labs: `make reproduce` performs what is missing in a store, and writes docs/results.md from it.

A table is a set of runs and a way to tell them. The runs lie in a store of their own, so what was performed once is not
performed again, and what is written comes from nowhere else.
"""
