import sqlite3


def from_database():
    connection = sqlite3.connect(":memory:")
    connection.execute("create table tenants (origin text)")
    connection.execute("insert into tenants values ('https://tenant.example')")
    return [row[0] for row in connection.execute("select origin from tenants")]
