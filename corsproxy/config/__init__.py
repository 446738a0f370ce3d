"""Configuration: YAML text in; frozen Settings, or every Problem with its place, out.

    source       which file, and its bytes as text
    nodes        text into nodes that know their places; `syntax` explains what YAML could not read
    document     nodes into plain values; `scalar` and `environment` say what one scalar is
    shapes       values into the models of `filekeys` and `rulekeys`; `foreign` knows other tools' names
    rules        models into Rules: `origins`, `lookalike`, `regexes`, `suffixes`, `names`, `reach`
    server       models into everything else of Settings: `addresses`
    proofs       the policy's own tests
    load         all of the above; `child` does it in a process of its own
    jsonschema   the same models for editors

`problem`, `settings`, `source`, `watch` and `child` import neither models nor YAML: the serving
process may have them.
"""
