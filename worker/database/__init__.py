"""A real Neo4j on this machine, without Docker: fetched, verified, started, stopped."""

from worker.database.server import LocalServer, ServerStatus, local_server

__all__ = ["LocalServer", "ServerStatus", "local_server"]
