"""Why a link was chosen (SPEC §5): the term of the cost without which another link would have won."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from worker.physics.diffusion import select

if TYPE_CHECKING:
    from worker.physics.model import Frontier, Int32s, Ints, Strides
    from worker.physics.parameters import Parameters
    from worker.physics.valence import Terms

TERMS = ("weight", "goal", "novelty", "resonance", "complementarity")
REASONS = (*TERMS, "only", "top_k", "explore", "shadow_retry")


def selected_reasons(frontier: Frontier, strides: Strides, terms: Terms, parameters: Parameters) -> Int32s:
    """Return the index into REASONS of each stride (M,). The frontier must be as the tick had read it.

    `shadow_retry` is every stride of a node below its threshold (§6), `explore` one that chance chose, `top_k` every other
    but a source's cheapest. That one is `only` where its source has one link; else it is named after the first of TERMS
    without which the same selection, candidates (§4) included, would have put another link first. Where no single term does
    that (several agree, or links are so alike that their order decided), it is `weight`.
    """
    reason = np.zeros(len(strides.link), dtype=np.int32)
    for code in reversed(range(len(TERMS))):
        if _matters(TERMS[code], terms):
            reason[~np.isin(strides.link, winners(*without(TERMS[code], frontier, terms), parameters))] = code
    reason[np.isin(strides.source, frontier.sources[frontier.degree == 1])] = REASONS.index("only")
    reason[strides.rank > 0] = REASONS.index("top_k")
    reason[strides.explored] = REASONS.index("explore")
    reason[np.isin(strides.source, frontier.sources[frontier.retried])] = REASONS.index("shadow_retry")
    return reason


def winners(frontier: Frontier, terms: Terms, parameters: Parameters) -> Ints:
    """Return the cheapest candidate of each source that has links, by the very code that selects."""
    chosen = select(
        frontier, terms._replace(epsilon=0.0), replace(parameters, select=replace(parameters.select, topk=1))
    )
    first: Ints = chosen.link[chosen.rank == 0]  # `matrix` and `legacy` choose all links, whatever K is
    return first


def without(term: str, frontier: Frontier, terms: Terms) -> tuple[Frontier, Terms]:
    """Return a frontier and terms in which one term of the cost has no say.

    Without `weight` all links weigh alike (z = 0) rather than nothing: at a base of 0 the multipliers had nothing to act
    on, and what the mood has decided would be put down to the weight.
    """
    if term == "weight":
        blind = frontier.standard._replace(scale=np.zeros_like(frontier.standard.scale))
        return frontier._replace(standard=blind), terms
    return frontier, terms._replace(**{_FIELD[term]: 0.0})  # type: ignore[arg-type]


def _matters(term: str, terms: Terms) -> bool:
    """Return whether a term is on at all: leaving out one that is off changes nothing."""
    return term == "weight" or bool(getattr(terms, _FIELD[term]) > 0.0)


_FIELD = {
    "goal": "goal_weight",
    "novelty": "novelty_weight",
    "resonance": "resonance",
    "complementarity": "complementarity",
}
