"""How each authority's own columns are read: the format files, as types.

    config/formats/*.yaml ─▶ loader ─▶ model.Format ─▶ intake.rows
                               └ validate: what no type can express
    departments.yaml ─▶ change_sources ─▶ topic, authority, Format

- ``rules``: the language of a format file: one ``Rule`` for each field of a record
- ``dates``: the ways in which departments write a day

It may import ``intake.files``, ``intake.faults``, ``config`` and ``rules``.
"""
