"""What tests tell Spark."""

QUICK = {  # a session that lives for a minute: what is compiled for it costs more than it saves
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
}
