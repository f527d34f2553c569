// Purpose:    a whole tick as one statement: select, transfer and learn in the database, by the rule that the naive client
//             follows too; rank scores by the logistic quantile, since Cypher has no normal one
// Parameters: graph; mean, scale: to read log-weights; topk; temperature, flow: α · Δt, beta; rate, most: of learning
// Returns:    nodes, links: how many were written; one row
// Plan:       scans the graph's nodes for the active ones, and expands
CYPHER 25
MATCH (n:Node {graph: $graph})
WHERE n.energy >= n.threshold
CALL (n) {
  MATCH (n)-[r]->(m:Node)
  WITH r, m, (r.log_weight - $mean) * $scale AS raw
  WITH r, m, CASE WHEN raw > 3.0 THEN 3.0 WHEN raw < -3.0 THEN -3.0 ELSE raw END AS z
  WITH r, m, z, log(1.0 + exp(-z)) AS cost
  ORDER BY cost, m.id, id(r)
  LIMIT $topk
  WITH collect([r, m, exp(z), exp(-cost / $temperature)]) AS chosen
  WITH chosen, reduce(s = 0.0, c IN chosen | s + c[3]) AS parts
  RETURN [c IN chosen | [c[0], c[1], n.energy * c[3] / parts * c[2] * $flow]] AS moves
}
WITH n, moves, reduce(s = 0.0, x IN moves | s + x[2]) AS sum
WITH n, sum, [x IN moves | [x[0], x[1], CASE WHEN sum > $beta * n.energy THEN x[2] * $beta * n.energy / sum ELSE x[2] END]] AS moves
WITH n, moves, reduce(s = 0.0, x IN moves | s + x[2]) AS out
WITH collect([n, n.energy - out]) AS sources, collect(moves) AS lists
CALL (sources, lists) {
  UNWIND lists AS moves
  UNWIND moves AS x
  WITH x[0] AS r, x[1] AS m, x[2] AS moved
  WITH r, moved, m.threshold AS threshold, CASE WHEN m.threshold > m.energy THEN m.threshold - m.energy ELSE 0.0 END AS gap
  WITH r, moved / threshold AS filled,
       CASE WHEN gap = 0.0 THEN 0.0 WHEN moved < gap THEN moved / (gap + 1e-6 * threshold) ELSE gap / (gap + 1e-6 * threshold) END AS phi
  ORDER BY phi
  WITH collect([r, filled]) AS ranked
  RETURN [k IN range(0, size(ranked) - 1) | [ranked[k][0], ranked[k][1], (k + 1.0) / (size(ranked) + 1.0)]] AS learning
}
CALL (learning) {
  UNWIND learning AS x
  WITH x[0] AS r, x[1] AS filled, 1.0 + log(x[2] / (1.0 - x[2])) / 1.702 AS score
  WITH r, 0.3 * $rate * CASE WHEN filled > 1.0 THEN 1.0 ELSE filled END * CASE WHEN score > 0.0 THEN score ELSE 0.0 END
          * (1.0 - r.log_weight / $most) AS learned
  WHERE learned >= 1e-7
  SET r.log_weight = r.log_weight + learned
  RETURN count(r) AS links
}
CALL (sources, lists) {
  UNWIND lists AS moves
  UNWIND moves AS x
  WITH x[1] AS m, sum(x[2]) AS gained
  SET m.energy = m.energy + gained
  RETURN count(m) AS targets
}
CALL (sources) {
  UNWIND sources AS s
  WITH s[0] AS n, s[1] AS energy
  SET n.energy = energy
  RETURN count(n) AS senders
}
RETURN senders + targets AS nodes, links
