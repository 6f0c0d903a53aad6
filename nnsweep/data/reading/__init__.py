"""From a file or a database to a table whose columns have kinds; what is wrong with it is reported with its place."""
