"""What Neo4j and its driver can answer instead of rows: one closed table, from their words to an error of our tree.

The first row that matches counts. What the worker does follows from the error alone (`docs/reference/failures.md`): every
kind of Unreachable makes it attach anew, which raises the fence first and then reads the ledger, so that it knows what
became of whatever was under way. Codes are those of Neo4j 5.26 and 2026.08, as the driver rewrites them.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, NamedTuple

from neo4j import exceptions
from neo4j._exceptions import BoltError, BoltSecurityError

from worker.errors import (
    Busy,
    CommitUnknown,
    ForeignChange,
    GraphError,
    Refused,
    SchemaError,
    TooLarge,
    Unexpected,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

FROM_DRIVER = (exceptions.Neo4jError, exceptions.DriverError, BoltError)  # all that the table is for
_FOLLOWS = (exceptions.NotALeader, exceptions.ForbiddenOnReadOnlyDatabase)  # `bolt://`: "no write service" hides them
LONGEST = 500  # characters of a message that are shown

_DATABASE = "check STRIDE_NEO4J__DATABASE against SHOW DATABASES"
_LOGIN = "check STRIDE_NEO4J__USER and STRIDE_NEO4J__PASSWORD"
_LEADER = "with several servers, give the cluster as neo4j://, which finds the one that writes"
_WRITABLE = f"a database of its own: ALTER DATABASE … SET ACCESS READ WRITE; {_LEADER}"
_MEMORY = "give the database more memory (its message names the setting), or lower STRIDE_FANOUT__FRONTIER_CAP"
_SERVER_LOG = "see debug.log of the server"
_REPORT = "this is a bug of Stridegraph or of Neo4j: please report it with this line"
_DAMAGED = "restore the database, or mend it, then start again"
_PLAIN = "a server without TLS is bolt:// or neo4j://, without +s; else check STRIDE_NEO4J__URI"
_CERTIFICATE = "have it signed by an authority that this machine trusts, or accept it unseen: bolt+ssc://, neo4j+ssc://"
_RUNNING = "is it running (`stridegraph db status`), and with TLS or without as the URI says?"


class Failure(NamedTuple):
    """A row: a code, all codes that begin with a text that ends in a dot, or a class of exceptions; and what that is to us."""

    says: str | type[Exception]
    error: type[GraphError]
    means: str
    remedy: str = ""

    def matches(self, error: BaseException) -> bool:
        """Tell whether an error is what this row is about."""
        if not isinstance(self.says, str):
            return isinstance(error, self.says)
        code = error.code if isinstance(error, exceptions.Neo4jError) else ""
        return code.startswith(self.says) if self.says.endswith(".") else code == self.says


TABLE = (
    # the answer to COMMIT leaves open whether it happened
    Failure(exceptions.IncompleteCommit, CommitUnknown, "the connection was lost after COMMIT was sent"),
    Failure("Neo.DatabaseError.Transaction.TransactionCommitFailed", CommitUnknown, "COMMIT failed midway"),
    Failure("Neo.DatabaseError.Transaction.TransactionLogError", CommitUnknown, "the transaction log failed midway"),
    Failure("Neo.TransientError.Cluster.ReplicationFailure", CommitUnknown, "the cluster lost sight of a transaction"),
    Failure("Neo.TransientError.Transaction.LeaderSwitch", CommitUnknown, "the leader changed during a transaction"),
    # what others have done to the graph; see cypher/commit/apply
    Failure(
        "Neo.ClientError.Statement.ArithmeticError",
        ForeignChange,
        "an energy or a log-weight is not what this tick has read",
    ),
    Failure(
        "Neo.ClientError.Statement.EntityNotFound", ForeignChange, "a node or link that this tick has read is gone"
    ),
    # memory
    Failure(
        "Neo.ClientError.General.TransactionOutOfMemoryError", TooLarge, "one transaction may not take so much", _MEMORY
    ),
    Failure(
        "Neo.TransientError.General.MemoryPoolOutOfMemoryError", TooLarge, "all transactions take too much", _MEMORY
    ),
    Failure(
        "Neo.TransientError.General.TransactionMemoryLimit", TooLarge, "the transaction's state is too large", _MEMORY
    ),
    Failure("Neo.TransientError.General.OutOfMemoryError", TooLarge, "the server has no memory left", _MEMORY),
    # who writes in a cluster
    Failure(
        "Neo.ClientError.Cluster.NotALeader",
        Unreachable,
        "this server of the cluster follows, and cannot write",
        _LEADER,
    ),
    Failure(
        "Neo.ClientError.General.ForbiddenOnReadOnlyDatabase", Unreachable, "the database is read-only here", _WRITABLE
    ),
    Failure(
        "Neo.ClientError.General.WriteOnReadOnlyAccessDatabase", Unreachable, "the database is read-only", _WRITABLE
    ),
    Failure("Neo.ClientError.Cluster.Routing", Unreachable, "the cluster does not find who writes", _SERVER_LOG),
    Failure("Neo.ClientError.Routing.", Unreachable, "the cluster does not find who writes", _SERVER_LOG),
    # the database as a whole
    Failure(
        "Neo.TransientError.General.DatabaseUnavailable",
        Unreachable,
        "the database is not online",
        "see SHOW DATABASES",
    ),
    Failure(
        "Neo.ClientError.Database.DatabaseNotFound",
        Refused,
        "there is no such database",
        _DATABASE,
    ),
    Failure("Neo.DatabaseError.Database.", Unreachable, "the database does not start", _SERVER_LOG),
    Failure("Neo.DatabaseError.General.IndexCorruptionDetected", Refused, "an index is damaged", _DAMAGED),
    Failure("Neo.DatabaseError.General.SchemaCorruptionDetected", Refused, "the schema is damaged", _DAMAGED),
    Failure("Neo.DatabaseError.General.StorageDamageDetected", Refused, "files of the database are missing", _DAMAGED),
    # who we are and what we may
    Failure(
        "Neo.ClientError.Security.AuthorizationExpired",
        Busy,
        "the server wants a new login",
    ),
    Failure(
        "Neo.ClientError.Security.AuthenticationRateLimit",
        Unreachable,
        "somebody has given wrong passwords too often, and the user is locked for seconds",
        _LOGIN,
    ),
    Failure(
        "Neo.ClientError.Security.CredentialsExpired",
        Refused,
        "the password has expired",
        "change it: ALTER CURRENT USER SET PASSWORD",
    ),
    Failure("Neo.ClientError.Security.TokenExpired", Refused, "the login has expired", _LOGIN),
    Failure(
        "Neo.ClientError.Security.Forbidden",
        Refused,
        "the user lacks a right",
        "give the user the rights to read, write and change the schema",
    ),
    Failure("Neo.ClientError.Security.", Refused, "Neo4j refuses the login", _LOGIN),
    # the schema
    Failure("Neo.ClientError.Schema.", SchemaError, "the schema is against it", "see `stridegraph check`"),
    Failure("Neo.DatabaseError.Schema.", SchemaError, "the schema is against it", "see `stridegraph check`"),
    # one transaction
    Failure("Neo.ClientError.Transaction.Terminated", Busy, "the transaction was ended from outside"),
    Failure(
        "Neo.ClientError.Transaction.LockClientStopped", Busy, "the transaction was ended while it waited for a lock"
    ),
    Failure(
        "Neo.ClientError.Transaction.TransactionTimedOut",
        Busy,
        "the transaction took too long",
        "if it lasts: a higher db.transaction.timeout, or a lower STRIDE_FANOUT__FRONTIER_CAP",
    ),
    Failure(
        "Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration",
        Busy,
        "the transaction took longer than it was given",
    ),
    Failure("Neo.ClientError.Transaction.TransactionMarkedAsFailed", Busy, "the transaction was rolled back"),
    Failure("Neo.ClientError.Transaction.TransactionNotFound", Busy, "the server has dropped the transaction"),
    Failure("Neo.TransientError.Transaction.DeadlockDetected", Busy, "others and we wait for each other's locks"),
    Failure("Neo.TransientError.", Busy, "Neo4j asks to try again"),
    Failure("Neo.DatabaseError.", Unreachable, "Neo4j failed inside", _SERVER_LOG),
    # the connection
    Failure(ssl.SSLCertVerificationError, Refused, "the server's certificate is not trusted", _CERTIFICATE),
    Failure(BoltSecurityError, Unreachable, "what listens there breaks TLS off", _PLAIN),
    Failure(
        exceptions.ConfigurationError, Refused, "the connection is not configured rightly", "check STRIDE_NEO4J__URI"
    ),
    Failure(exceptions.ServiceUnavailable, Unreachable, "Neo4j does not answer", _RUNNING),
    Failure(exceptions.SessionExpired, Unreachable, "Neo4j does not answer any more", _RUNNING),
    Failure(exceptions.ConnectionPoolError, Unreachable, "Neo4j does not answer in time", _RUNNING),
    # all else
    Failure(BoltError, Unexpected, "what listens there does not speak as a Neo4j does", "check STRIDE_NEO4J__URI"),
    Failure(exceptions.Neo4jError, Unexpected, "Neo4j answers what nobody here expects", _REPORT),
    Failure(exceptions.DriverError, Unexpected, "the driver says what nobody here expects", _REPORT),
)


def translate(error: Exception) -> GraphError:
    """Return the error of our tree that one of the driver's stands for."""
    said = list(_said(error))
    failure, found = next((row, each) for row in TABLE for each in said if row.matches(each))
    return failure.error(f"{failure.means}: {_text(found)}", failure.remedy)


def translate_commit(error: Exception) -> GraphError:
    """Return what an answer to COMMIT stands for: where no row of the table rules it out, it may have happened."""
    ours = translate(error)
    settled = isinstance(ours, Unreachable | SchemaError | TooLarge)  # the ledger is read anew, or nothing was written
    return ours if settled else CommitUnknown(f"COMMIT was answered by an error: {ours.args[0]}")


def _said(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it hides: a certificate behind a lost connection, a follower behind a missing leader.

    What the driver raises *while* it handles another error is followed for a follower's answer alone: else an error that
    the worker is just recovering from would be found again.
    """
    hides = error.__context__ if isinstance(error.__context__, _FOLLOWS) else error.__cause__
    if isinstance(hides, BaseExceptionGroup):  # of all the routers that were asked: nearer to the truth than their sum
        for each in hides.exceptions:
            yield from _said(each)
        yield error
        return
    yield error
    if hides:
        yield from _said(hides)


def _text(error: BaseException) -> str:
    """Return what an error says, on one line; of TLS, what broke it off, and not the driver's guesses."""
    if isinstance(error, BoltSecurityError) and error.__cause__:
        return " ".join(str(error.__cause__).split())
    said = " ".join(str(getattr(error, "message", "") or error).split())
    code = error.code if isinstance(error, exceptions.Neo4jError) else ""
    return f"{said[:LONGEST]} ({code})" if code else said[:LONGEST]
