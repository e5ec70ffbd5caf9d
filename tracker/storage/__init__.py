"""The database: how it is opened, its tables, and the queries on them."""
