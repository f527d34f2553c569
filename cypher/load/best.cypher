// Purpose:    read the cheapest out-links of a hub by c_weight + c_novelty (SPEC §4, §5), and what all others are
// Parameters: graph, key, limit; standard: mean and scale by link type, otherwise: those of any other type; clip;
//             novelty, wear: weight and scale of c_novelty; most: visits from which on it grows no more; near
// Returns:    target, key, type, log_weight, emotion: columns; rest: list of [type, visits, lightest, heaviest,
//             [target id, key], links], a row a group; one row
// Plan:       a seek by key and two expands; a Top keeps the cheapest, so no sort of all. Of m.id itself an index would tell, and the planner
//             may go through all of that instead
CYPHER 5
OPTIONAL MATCH (n:Node)
WHERE id(n) = $key AND n.graph = $graph
CALL (n) {
  MATCH (n)-[r]->(m:Node)
  WHERE m <> n AND m.graph = $graph AND coalesce(m.id, 0) IS :: STRING NOT NULL AND -1e100 <= r.log_weight <= 1e100
  WITH r, m, coalesce($standard[type(r)], $otherwise) AS s,
       CASE WHEN 0 < m.visits < $most THEN toInteger(m.visits)
            WHEN $most <= m.visits < 1e15 THEN $most ELSE 0 END AS visits
  WITH r, m, visits, (toFloat(r.log_weight) - s[0]) * s[1] AS z
  WITH r, m, log(1.0 + exp(-CASE WHEN z > $clip THEN $clip WHEN z < -$clip THEN -$clip ELSE z END))
             + $novelty * (1.0 - exp(-visits / $wear)) AS cost
  ORDER BY cost, m.id, type(r), id(r)
  LIMIT $limit
  RETURN collect(id(m)) AS target, collect(id(r)) AS key, collect(type(r)) AS type, collect(r.log_weight) AS log_weight,
         collect(coalesce(r.emotion, [])) AS emotion, max(cost) AS last
}
CALL (n, key, last) {
  MATCH (n)-[r]->(m:Node)
  WHERE m <> n AND m.graph = $graph AND coalesce(m.id, 0) IS :: STRING NOT NULL AND -1e100 <= r.log_weight <= 1e100
    AND NOT id(r) IN key
  WITH r, m, coalesce($standard[type(r)], $otherwise) AS s,
       CASE WHEN 0 < m.visits < $most THEN toInteger(m.visits)
            WHEN $most <= m.visits < 1e15 THEN $most ELSE 0 END AS visits
  WITH r, m, visits, (toFloat(r.log_weight) - s[0]) * s[1] AS z
  WITH r, m, visits, log(1.0 + exp(-CASE WHEN z > $clip THEN $clip WHEN z < -$clip THEN -$clip ELSE z END))
                     + $novelty * (1.0 - exp(-visits / $wear)) AS cost
  WITH type(r) AS type, visits, cost <= last + $near AS close, min(toFloat(r.log_weight)) AS lightest,
       max(toFloat(r.log_weight)) AS heaviest, min([m.id, id(r)]) AS first, count(r) AS links
  RETURN collect([type, visits, lightest, heaviest, first, links]) AS rest
}
RETURN target, key, type, log_weight, emotion, rest
