"""What operators set: typed settings from the environment, and the YAML files beside this module.

    environment CREDITGATE_… ─▶ settings ─▶ every process
    departments.yaml, holidays/*.yaml ─▶ files ─┐
    policy/*.yaml ─▶ policy_file ───────────────┴▶ types of rules/, or ConfigError with file and place
    formats/*.yaml ─▶ intake.formats.loader

- ``settings``: the whole table; its parts are ``deployment_settings`` and ``gateway_settings``
- ``data_location``: where data is kept by default
- ``files``, ``policy_file``: load and check the YAML
- ``topics``: names of topics and message headers
- ``logs``, ``metrics``, ``parent_death``: log format, metrics and parent-death signal, for every process

It may import ``rules`` only.
"""
