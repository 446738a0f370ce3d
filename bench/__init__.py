"""bench: what corsproxy costs, beside the proxies that people use for this job today.

`python -m bench` compares; `python -m bench --help` lists the rest. Standard library only; the modules, from
the ground up:

    policy, workloads     the one CORS rule that every peer gets, and the requests that are sent
    accounting, machine   CPU time and memory of process trees; cores, pinning, what others did meanwhile
    children, arena       starts pinned processes and ends every one of them; the backend and the peers in place
    backend, peers/       how each of them is configured; bench/README.md says where they cannot be made equal
    answers               is a peer right? A wrong one is reported broken, never measured
    wrk, sink             the load: small answers by wrk, large ones by a client that throws the bytes away
    spread, report        medians, ratios and noise; tables
    rounds                the comparison: peers in turn, again and again
    latency, memory, rules, profile   one question each
    talk, greed, greedy   raw connections, the ways to be greedy with them, what each costs
    canary, greedy_backend   how others fare meanwhile; a backend that bears it
    crowd, endurance      clients of all kinds, and whether they leave anything behind
"""
