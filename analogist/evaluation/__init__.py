"""Whole data sets: every analogy rendered, scored and shown, in runs that may be killed at any time and resumed.

`settings` is the configuration, `dataset` finds the analogies (`layouts`, `manifest`), `jobs` makes one ready and says
what renderers and executors are, `planning` says what is to be done, `store` keeps what is finished, `runner` puts
these together; `table`, `plots` and `report` show what the store holds. `backends` is where images are sampled.
"""
