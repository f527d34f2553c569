"""The matrix of reliability: what is put to the test, what must hold, and how often at full length.

A row is a part of the tests. `quick` of its seeds (or examples of its properties) run in `make test`, `full` in `make fault`, a
`portion` at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

FAULT = "tests/fault/"


@dataclass(frozen=True)
class Row:
    """One line of the table; `missing` says why it cannot be run."""

    name: str
    what: str
    holds: str
    tests: tuple[str, ...] = ()
    only: str = ""  # pytest's -k
    quick: int = 1
    portion: int = 1
    full: int = 1
    missing: str = ""


SAME = "the state is that of an uninterrupted run, bit for bit"
ROWS = (
    Row(
        "kill9",
        "SIGKILL of the worker at each named point, and restart",
        SAME,
        (f"{FAULT}test_kill.py",),
        "named_point_and_restarted or right_after_commit",
        quick=2,
        portion=2,
        full=50,
    ),
    Row(
        "kill9-random",
        "SIGKILL of the worker at random moments, up to three times",
        SAME,
        (f"{FAULT}test_kill.py",),
        "random_moment",
        quick=2,
        portion=10,
        full=300,
    ),
    Row(
        "simulator",
        "two workers over a simulated database: kills, lost answers, late requests, frozen processes, writers",
        "as promised by every seed, and every request meets every fault",
        (f"{FAULT}test_simulator.py",),
        "not mutant",
        quick=2000,
        portion=36_000,
        full=36_000,
    ),
    Row(
        "mutants",
        "the worker with a promise broken",
        "the simulator catches it",
        (f"{FAULT}test_simulator.py",),
        "mutant",
    ),
    Row(
        "commit-lost",
        "the answer to COMMIT is lost, before and after the server has it",
        f"never twice, never skipped: {SAME}",
        (f"{FAULT}test_kill.py",),
        "answer_to_commit",
        quick=10,
        portion=10,
        full=200,
    ),
    Row(
        "server",
        "SIGKILL and SIGTERM of the database under load",
        f"{SAME}; a tick within 10 s of Bolt answering, 30 s where the machine is busy",
        (f"{FAULT}test_server.py",),
        quick=2,
        portion=6,
        full=90,
    ),
    Row(
        "connecting",
        "no database at the start, wrong password, wrong database, TLS refused",
        "waits for what may heal; one clear line for what will not; no password anywhere",
        (f"{FAULT}test_connecting.py",),
    ),
    Row(
        "cluster",
        "every error that a cluster may answer with, by a scripted peer",
        f"retried, verified by the ledger, paused on or fatal, as the table says; {SAME}",
        (f"{FAULT}test_cluster_errors.py",),
    ),
    Row(
        "slow",
        "answers late by up to 500 ms, links of 4 to 200 kB a second: 10 s each",
        f"slow, never wrong: {SAME}",
        (f"{FAULT}test_slow.py",),
        "narrow",
        quick=3,
        portion=6,
        full=180,
    ),
    Row(
        "cut",
        "all connections cut again and again",
        SAME,
        (f"{FAULT}test_slow.py",),
        "breaks_off",
        quick=2,
        portion=10,
        full=200,
    ),
    Row(
        "frozen",
        "the holder frozen past its lease, at any point, then woken",
        f"refused, and steps down; {SAME}",
        (f"{FAULT}test_holders.py",),
        "frozen",
        quick=5,
        portion=10,
        full=200,
    ),
    Row(
        "takeover",
        "two workers wait while the holder is killed",
        "one of them ticks within twice the lease, once each tick",
        (f"{FAULT}test_holders.py",),
        "takes_over",
        quick=2,
        portion=10,
        full=100,
    ),
    Row(
        "eight",
        "eight workers, the holder killed every 5 s",
        SAME,
        (f"{FAULT}test_holders.py",),
        "eight",
        quick=2,
        portion=2,
        full=40,
    ),
    Row(
        "fleet",
        "five graphs over three processes: one joins, one dies, one stops",
        "fair shares within twice the lease, no tick twice",
        (f"{FAULT}test_fleet.py",),
        quick=1,
        portion=3,
        full=50,
    ),
    Row(
        "writers",
        "two, four or eight clients write energies, links and nodes beside the worker, 10 s each",
        "none of their updates is lost, each is booked to 1e-9",
        (f"{FAULT}test_others.py",),
        quick=3,
        portion=6,
        full=180,
    ),
    Row(
        "conservation",
        "random worlds: conservation, order, caps, the naive twin",
        "Σ out = Σ in + lost to 1e-12; no E < 0; Σ ΔE ≤ β E",
        ("tests/property", "tests/proofs"),
        "not metamorphic and not standing",
        quick=2000,
        portion=500,
        full=100_000,
    ),
    Row(
        "standing",
        "the same stimulus at each of 10⁵ ticks, by rates of 0.01 and 1",
        "weights do not run away, no source's shares fall to one link, the statistics stay exact",
        ("tests/proofs/test_s08_learning.py",),
        "standing",
    ),
    Row(
        "drift",
        "10⁴, 10⁵, 10⁶ ticks with everything on",
        "books and memory agree to 1e-9",
        (f"{FAULT}test_growth.py",),
        "drift",
        full=3,
    ),
    Row(
        "decay-split",
        "one Δt against n parts of it, with restarts between",
        "equal to 1e-9",
        ("tests/proofs/test_s09_decay.py",),
        quick=2000,
        portion=2000,
        full=2000,
    ),
    Row(
        "metamorphic",
        "ids renamed, rows permuted, energies and thresholds scaled, a part added",
        "the result permutes, scales, is unchanged",
        ("tests/proofs/test_s02_metamorphic.py", "tests/property/test_tick_bits.py"),
        quick=500,
        portion=1000,
        full=20_000,
    ),
    Row(
        "bad-input",
        "each bad input alone, on real Neo4j",
        "the outcome that is listed; no NaN is ever written",
        (f"{FAULT}test_bad_inputs.py", f"{FAULT}test_quarantine.py"),
        "not pairs",
    ),
    Row(
        "bad-pairs",
        "every pair of bad inputs",
        "the outcome of both",
        (f"{FAULT}test_bad_inputs.py",),
        "pairs",
        quick=60,
        portion=1000,
        full=5000,
    ),
    Row(
        "subscriber",
        "subscribers that are dead, slow, or flood the server: 10⁴ events each",
        "others miss nothing; memory bounded; each event sent, or counted as lost",
        (f"{FAULT}test_subscribers.py",),
        portion=10,
        full=1000,
    ),
    Row(
        "hostile",
        "hostile names of graphs, ids, types, files and settings; two graphs in one database",
        "no write outside the graph; no injection",
        (f"{FAULT}test_hostile.py",),
        quick=25,
        portion=50,
        full=5000,
    ),
    Row(
        "replay",
        "the same run twice; other threads, hash seeds, row orders, batch sizes",
        "identical bits",
        ("tests/property/test_tick_bits.py", "tests/property/test_archive.py", f"{FAULT}test_simulator.py"),
        "same_bits or no_bit or another_process",
        quick=500,
        portion=1000,
        full=5000,
    ),
    Row(
        "snapshot",
        "a snapshot with one byte flipped in any file, cut at 100 places, foreign, newer, or of tables that do not go together",
        "refused by file and reason, nothing written",
        (f"{FAULT}test_snapshot.py",),
        "not beside and not any_name",
    ),
    Row(
        "snapshot-live",
        "snapshots beside a running worker; of graphs of hostile names, restored and replayed",
        "each is of exactly one tick, what follows from it is what the worker did, bit for bit; nothing else is written",
        (f"{FAULT}test_snapshot.py",),
        "beside or any_name",
    ),
    Row(
        "recording",
        "a recording with bytes flipped, cut, a segment missing, foreign or newer; killed at each place; a full disk",
        "refused by file and reason; no input lost; the worker goes on",
        (f"{FAULT}test_recording.py",),
    ),
    Row(
        "scale",
        "a frontier of 1 000 beside 10⁴, 10⁵, 10⁶ nodes of ten links",
        "a tick reads and sends the same bytes; no plan of a tick scans",
        (f"{FAULT}test_growth.py", "tests/integration/test_plans.py"),
        "however_large or scans",
        full=3,
    ),
    Row(
        "hub",
        "a hub of 10⁴, 10⁵, 10⁶ links out and as many in",
        "what travels is bounded; books hold",
        (f"{FAULT}test_growth.py",),
        "hub",
        full=3,
    ),
    Row(
        "all-active",
        "10⁴, 10⁵, 10⁶ nodes, all of them active",
        "the cap holds, everyone is served in turn",
        (f"{FAULT}test_growth.py",),
        "all_nodes_active",
        full=3,
    ),
    Row(
        "soak",
        "5, 10, 20, 40, 80, 160, 480 minutes without a pause",
        "memory does not grow; ticks get no slower",
        (f"{FAULT}test_soak.py",),
        full=7,
    ),
    Row(
        "clock",
        "clocks set by ±1 h, ±10 years, the machine asleep for 8 h",
        "Δt ≤ the cap, never negative; the lease stays safe",
        (f"{FAULT}test_clock.py",),
        portion=5,
        full=20,
    ),
    Row(
        "settings", "bad settings", "refused at the start: key, value, allowed range", ("tests/unit/test_settings.py",)
    ),
    Row(
        "schema",
        "schema missing, older, newer, changed; duplicates",
        "created, or the reason and the remedy",
        ("tests/integration/test_migrate.py",),
    ),
    Row(
        "rights",
        "a user that may only read",
        "the reason and the remedy",
        missing="Community has one role, which may do everything; the server's answer is played in `cluster`",
    ),
    Row(
        "stimuli",
        "10³, 10⁴, 10⁵ at once: good, unknown, NaN, huge, negative, twice",
        "once each; bad ones rejected with the reason; good ones not held up",
        (f"{FAULT}test_growth.py",),
        "stimuli",
        full=3,
    ),
    Row(
        "sigterm",
        "SIGTERM at each named point",
        f"ends within 10 s, after the transaction; {SAME}",
        (f"{FAULT}test_kill.py",),
        "sigterm",
        portion=2,
        full=50,
    ),
)
BY_NAME = {row.name: row for row in ROWS}
