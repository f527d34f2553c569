// Purpose:    create a part of a graph's nodes: the first `active` of the graph far over their threshold, all others have a threshold that is given
// Parameters: graph; first, last: numbers of the nodes; energy: column of theirs; active; threshold: of the others
// Returns:    key: column, in their order; one row
// Plan:       creates, and looks at nothing but the unique ids
CYPHER 25
UNWIND range($first, $last) AS i
CREATE (n:Node {graph: $graph, id: right('0000000' + toString(i), 7), type: 'Concept', energy: $energy[i - $first],
                threshold: CASE WHEN i < $active THEN 0.001 ELSE $threshold END})
RETURN collect(id(n)) AS key
