"""What tests tell Spark."""

QUICK = {  # over a few hundred rows: what is compiled for them costs more than it saves
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",  # a session that lives for a minute
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.subexpressionElimination.enabled": "false",  # without code, it empties a cache at every row
}
