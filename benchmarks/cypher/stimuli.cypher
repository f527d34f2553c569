// Purpose:    append many stimuli to the queue, as a client may that has many
// Parameters: graph; rows: list of [id, node, delta]
// Returns:    nothing
// Plan:       creates
CYPHER 5
UNWIND $rows AS row
CREATE (:Stimulus {graph: $graph, id: row[0], node: row[1], delta: row[2], source: 'bench', created_at: datetime.realtime()})
